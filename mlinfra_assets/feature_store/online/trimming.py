"""What need not be kept online: rows too old to matter from some moment on."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from mlinfra_assets.feature_store.engine.replacements import take
from mlinfra_assets.feature_store.engine.rows import InputColumn, PreparedRows
from mlinfra_assets.feature_store.view import FeatureView


def trim(view: FeatureView, rows: PreparedRows, since: int) -> PreparedRows:
    """The rows that change a feature at `since` (microseconds since 1970 UTC) or later; entities without any are gone.

    An entity that is gone counts as one never seen. That changes no value: without a TTL nothing is left out, and past
    its TTL an entity's features are null either way.
    """
    starts, event_time = rows.starts, rows.event_time
    keep = np.ones(len(rows), np.bool_)
    if view.reach is not None:
        keep = event_time > since - view.reach
    elif rows.replaced is None and len(rows) and _asks_for_latest_rows(view):
        longest = max(((a.window or 0) + (a.hop or 0) for a in view.aggregates), default=0)
        keep = (event_time > since - longest) | _from_latest(rows, since)
    lengths = np.diff(starts)
    if view.ttl is not None and len(rows):
        newest = event_time[np.maximum(starts[1:] - 1, 0)]
        keep &= np.repeat((newest >= since - view.ttl) & (lengths > 0), lengths)
    if keep.all() and lengths.all():
        return rows
    kept = np.concatenate([[0], np.cumsum(keep)])[starts]
    left = np.flatnonzero(np.diff(kept))
    order = np.flatnonzero(keep)
    return replace(
        rows,
        starts=np.append(kept[left], kept[-1]).astype(np.int64),
        event_time=event_time[order],
        known_at=rows.known_at[order],
        inputs=tuple(InputColumn(c.type, c.values[order], c.validity[order], c.dictionary) for c in rows.inputs),
        replaced=None if rows.replaced is None else take(rows.replaced, order),
        keys=None if rows.keys is None else rows.keys[left],
        partition=None if rows.partition is None else rows.partition[order],
    )


def _asks_for_latest_rows(view: FeatureView) -> bool:
    """Whether what has no window rests on nothing but the latest row."""
    latest = [a.where is None and a.function in {"latest", "since_last"} for a in view.aggregates if a.window is None]
    return all(latest)


def _from_latest(rows: PreparedRows, since: int) -> np.ndarray:
    """The row that is an entity's latest at a moment, and all behind it in order: bool[n]. No other is it later."""
    seen = np.maximum(rows.event_time, rows.known_at) <= since
    places = np.arange(len(rows))
    lengths = np.diff(rows.starts)
    latest = np.maximum.reduceat(np.where(seen, places, -1), rows.starts[:-1][lengths > 0])
    return places >= np.repeat(latest, lengths[lengths > 0])
