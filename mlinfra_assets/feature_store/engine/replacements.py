"""Datasets with a primary key: when the later version of a row takes the place of the earlier one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl

from mlinfra_assets import names
from mlinfra_assets.feature_store.engine.compiled import compiled
from mlinfra_assets.feature_store.engine.rows import Replacements

ARRIVAL = (names.KNOWN_AT, names.PARTITION, names.OFFSET, names.ROW)
"""The order in which the rows of a source arrived."""


def find_replacements(rows: pl.DataFrame, primary_key: Sequence[str]) -> Replacements:
    """The replacements of every row, in the order of `rows`. A row with a null in its primary key is never replaced."""
    numbered = rows.select(*primary_key, *ARRIVAL, names.EVENT_TIME).with_row_index("_index")
    numbered = numbered.drop_nulls(list(primary_key)).sort(*primary_key, *ARRIVAL)
    same = pl.struct(primary_key).rle_id() if numbered.height else pl.lit(0)
    group = numbered.select(same.cast(pl.Int64)).to_series().to_numpy()
    event_time = numbered.get_column(names.EVENT_TIME).to_physical().to_numpy()
    known_at = numbered.get_column(names.KNOWN_AT).to_physical().to_numpy()
    offsets, chosen = _chains(group, _next_earlier(group, event_time))
    return _reorder(
        rows.height, numbered.get_column("_index").to_numpy(), offsets, event_time[chosen], known_at[chosen]
    )


def take(replaced: Replacements, order: np.ndarray) -> Replacements:
    """The replacements of rows in another order, or of some rows only (`order`: int64[m] of row numbers)."""
    lengths = np.diff(replaced.offsets)[order]
    offsets = np.zeros(len(order) + 1, np.int64)
    np.cumsum(lengths, out=offsets[1:])
    within = np.arange(offsets[-1]) - np.repeat(offsets[:-1], lengths)
    chosen = np.repeat(replaced.offsets[:-1][order], lengths) + within
    return Replacements(offsets, replaced.event_time[chosen], replaced.known_at[chosen])


def _reorder(
    count: int, index: np.ndarray, offsets: np.ndarray, event_time: np.ndarray, known_at: np.ndarray
) -> Replacements:
    place = np.full(count, len(index), np.int64)
    place[index] = np.arange(len(index))
    # Rows without a key take the place of one more row, which nothing replaces.
    found = Replacements(np.append(offsets, offsets[-1]), event_time, known_at)
    return take(found, place)


@compiled
def _next_earlier(group: np.ndarray, event_time: np.ndarray) -> np.ndarray:
    """For each row the next of its group with a smaller event time; -1 if there is none."""
    following = np.full(len(group), -1, np.int64)
    for i in range(len(group) - 2, -1, -1):
        j = i + 1
        if group[j] != group[i]:
            continue
        while j != -1 and event_time[j] >= event_time[i]:
            j = following[j]
        following[i] = j
    return following


@compiled
def _chains(group: np.ndarray, following: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """For each row the next of its group, and from there on each next one with a smaller event time."""
    offsets = np.zeros(len(group) + 1, np.int64)
    for i in range(len(group)):
        length = 0
        j = i + 1 if i + 1 < len(group) and group[i + 1] == group[i] else -1
        while j != -1:
            length += 1
            j = following[j]
        offsets[i + 1] = offsets[i] + length
    chosen = np.zeros(offsets[-1], np.int64)
    for i in range(len(group)):
        j = i + 1
        for place in range(offsets[i], offsets[i + 1]):
            chosen[place] = j
            j = following[j]
    return offsets, chosen
