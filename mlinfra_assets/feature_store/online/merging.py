"""Base and tail of one entity as the rows that its features are evaluated from, in the one order of rows."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from mlinfra_assets.feature_store.engine.rows import EntityRows, InputColumn
from mlinfra_assets.feature_store.online.tail_codec import TailRows


def merged(base: EntityRows | None, tail: TailRows, past: Mapping[int, tuple[int, int]]) -> EntityRows | None:
    """The rows of base and tail, by event time, known-at time and position; None if there are none.

    Args:
        base: What a push wrote of the entity, if anything.
        tail: What was appended since; the inputs are those of the base.
        past: By partition which of it counts: offsets past the first number, up to the second (`TailState.past`).
    """
    kept = np.zeros(len(tail), np.bool_)
    for partition, (covered, at) in past.items():
        kept |= (tail.partition == partition) & (tail.offset > covered) & (tail.offset <= at)
    places = np.flatnonzero(kept)
    if not len(places):
        return base
    fresh = tuple(_taken(column, places) for column in tail.inputs)
    event_time, known_at = tail.event_time[places], tail.known_at[places]
    partition, offset, row = tail.partition[places], tail.offset[places], tail.row[places]
    if base is not None and len(base):
        count = len(base)
        event_time = np.concatenate([base.event_time, event_time])
        known_at = np.concatenate([base.known_at, known_at])
        own = np.zeros(count, np.int64) if base.partition is None else base.partition
        partition = np.concatenate([own, partition])
        # Of one partition the base holds the earlier offsets, in order.
        offset = np.concatenate([np.full(count, -1, np.int64), offset])
        row = np.concatenate([np.arange(count), row])
        fresh = tuple(InputColumn.join(a.type, [a, b]) for a, b in zip(base.inputs, fresh, strict=True))
    order = np.lexsort((row, offset, partition, known_at, event_time))
    inputs = tuple(column.arranged(order) for column in fresh)
    return EntityRows(event_time[order], known_at[order], inputs, partition=partition[order])


def _taken(column: InputColumn, places: np.ndarray) -> InputColumn:
    return InputColumn(column.type, column.values[places], column.validity[places], column.dictionary)
