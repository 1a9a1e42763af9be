"""One number for many rows: an order-independent digest of the coordinates of all rows that count at a time.

Positions name immutable rows, so that equal digests under one definition of the dataset stand for equal rows.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from mlinfra_assets import names
from mlinfra_assets.feature_store.engine.compiled import compiled

COORDINATES = (names.EVENT_TIME, names.KNOWN_AT, names.PARTITION, names.OFFSET, names.ROW, names.RELEASE)
"""The columns that the digest is made of: a row with another time or position is another row."""

NO_VALUE = -1
SLICE_ROWS = 1_000_000
SEEDS = np.array([0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F], np.uint64)
SHIFTS = np.array([30, 27, 31], np.uint64)
FACTORS = np.array([0xBF58476D1CE4E5B9, 0x94D049BB133111EB], np.uint64)
"""Constants of the splitmix64 finalizer (Steele, Lea, Flood: Fast splittable pseudorandom number generators, 2014)."""


@dataclass(frozen=True)
class RowSum:
    """The rows that count at a time.

    Attributes:
        rows: How many.
        digest: 32 hexadecimal digits: two sums over the rows, modulo 2**64, of one 64-bit hash of a row each.
    """

    rows: int
    digest: str


class RowSums:
    """The digests of a dataset at several times, from its rows in any order and in any number of frames.

    Args:
        times: int64[m], rising, microseconds since 1970 UTC. A row counts at the times at which it has happened and is
            known.
    """

    def __init__(self, times: np.ndarray) -> None:
        self._times = np.ascontiguousarray(times, np.int64)
        self._counts = np.zeros(len(times), np.int64)
        self._sums = np.zeros((len(times), len(SEEDS)), np.uint64)

    def add(self, rows: pl.DataFrame) -> None:
        """Take in some rows (`COORDINATES` at least); each row of the dataset is given once."""
        for some in rows.select(COORDINATES).iter_slices(SLICE_ROWS):
            matrix = np.empty((len(COORDINATES), some.height), np.int64)
            for place, column in enumerate(some.iter_columns()):
                matrix[place] = column.to_physical().cast(pl.Int64).fill_null(NO_VALUE).to_numpy()
            _add(matrix, self._times, SEEDS, SHIFTS, FACTORS, self._counts, self._sums)

    def at_times(self) -> list[RowSum]:
        """The rows that count at each time."""
        counts, sums = np.cumsum(self._counts), np.cumsum(self._sums, axis=0, dtype=np.uint64)
        return [
            RowSum(int(count), "".join(f"{int(part):016x}" for part in parts))
            for count, parts in zip(counts, sums, strict=True)
        ]


@compiled
def _add(
    columns: np.ndarray,
    times: np.ndarray,
    seeds: np.ndarray,
    shifts: np.ndarray,
    factors: np.ndarray,
    counts: np.ndarray,
    sums: np.ndarray,
) -> None:
    """Add the hash of each row to the first time at which it counts; event time and known-at time come first."""
    for row in range(columns.shape[1]):
        place = np.searchsorted(times, max(columns[0, row], columns[1, row]))
        if place == len(times):
            continue
        counts[place] += 1
        for lane in range(len(seeds)):
            mixed = seeds[lane]
            for column in range(columns.shape[0]):
                mixed = (mixed ^ np.uint64(columns[column, row])) * seeds[lane]
                mixed ^= mixed >> shifts[2]
            mixed = (mixed ^ (mixed >> shifts[0])) * factors[0]
            mixed = (mixed ^ (mixed >> shifts[1])) * factors[1]
            sums[place, lane] += mixed ^ (mixed >> shifts[2])
