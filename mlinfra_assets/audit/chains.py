"""Many watermarks as few evaluations: along a chain of them, being covered is a matter of time.

A row counts for a prediction if the prediction's watermark covers it, and it was known by the prediction's moment.
Where later predictions have seen no less than earlier ones, that is one condition: the row counts from a moment on, the
later one of its known-at time and of the first moment in the chain whose watermark covers it. Predictions that do not
follow each other so (two stores, a rollback) are in different chains.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import polars as pl

from mlinfra_assets import names
from mlinfra_assets.feature_store.engine.compiled import compiled
from mlinfra_assets.positions import Positions

NEVER = np.iinfo(np.int64).max
RELEASES = -1


@dataclass(frozen=True)
class Watermarks:
    """Watermarks of n predictions as whole numbers.

    Attributes:
        columns: What each column is: a source, and one of its partitions; `RELEASES` for its releases.
        values: int64[n, columns]: the last offset of the partition (-1: none) or the number of releases.
    """

    columns: tuple[tuple[str, int], ...]
    values: np.ndarray

    @classmethod
    def of(cls, many: Sequence[Mapping[str, Positions]]) -> Watermarks:
        """Watermarks by source, one mapping each; all name the same sources."""
        places = {(source, p) for marks in many for source, positions in marks.items() for p in positions.offsets}
        columns = (*sorted(places), *((source, RELEASES) for source in sorted(many[0] if many else ())))
        values = [
            [marks[s].releases if p == RELEASES else marks[s].offsets.get(p, -1) for s, p in columns] for marks in many
        ]
        return cls(columns, np.array(values, np.int64).reshape(len(many), len(columns)))

    def at(self, i: int) -> dict[str, Positions]:
        """One of them, by source."""
        offsets: dict[str, dict[int, int]] = {}
        releases: dict[str, int] = {}
        for (source, partition), value in zip(self.columns, self.values[i].tolist(), strict=True):
            if partition == RELEASES:
                releases[source] = value
            elif value >= 0:
                offsets.setdefault(source, {})[partition] = value
        return {source: Positions(offsets.get(source, {}), number) for source, number in releases.items()}

    def union(self) -> dict[str, Positions]:
        """The smallest that contains all, by source."""
        return Watermarks(self.columns, self.values.max(axis=0, keepdims=True)).at(0) if len(self.values) else {}

    def taken(self, places: np.ndarray) -> Watermarks:
        """Some of them (int64[m])."""
        return Watermarks(self.columns, self.values[places])


def union(many: Sequence[Mapping[str, Positions]]) -> dict[str, Positions]:
    """The smallest watermark of each source that contains all."""
    offsets: dict[str, dict[int, int]] = {}
    releases: dict[str, int] = {}
    for marks in many:
        for source, positions in marks.items():
            known = offsets.setdefault(source, {})
            known |= {p: max(o, known.get(p, -1)) for p, o in positions.offsets.items()}
            releases[source] = max(positions.releases, releases.get(source, 0))
    return {source: Positions(known, releases[source]) for source, known in offsets.items()}


@dataclass(frozen=True)
class Chain:
    """Predictions of which each has seen no less than those before it.

    Attributes:
        places: int64[m]: which of those asked about, in order of time.
        t: int64[m]: their moments, microseconds since 1970 UTC, not falling; equal ones have equal watermarks.
        marks: Their watermarks, in no column falling.
    """

    places: np.ndarray
    t: np.ndarray
    marks: Watermarks

    @property
    def last(self) -> dict[str, Positions]:
        """The watermark of the last one, which contains all, by source."""
        return self.marks.at(len(self.t) - 1)

    def since(self, source: str, rows: pl.DataFrame) -> np.ndarray:
        """The first moment whose watermark covers each row of a source (with its coordinates), int64[n]; or `NEVER`."""
        release = rows.get_column(names.RELEASE).fill_null(0).to_numpy()
        partition = rows.get_column(names.PARTITION).to_numpy()
        offset = rows.get_column(names.OFFSET).to_numpy()
        place = np.full(rows.height, len(self.t), np.int64)
        let_in = np.zeros(rows.height, np.int64)
        for j, (of, which) in enumerate(self.marks.columns):
            if of != source:
                continue
            marks = np.ascontiguousarray(self.marks.values[:, j])
            if which == RELEASES:
                let_in = np.searchsorted(marks, release)
            else:
                inside = partition == which
                place[inside] = np.searchsorted(marks, offset[inside])
        return np.append(self.t, NEVER)[np.maximum(place, let_in)]


def chains(t: np.ndarray, marks: Watermarks, *, one_mark: bool = False) -> list[Chain]:
    """Divide predictions into chains, each as long as what came before it allows.

    Args:
        t: int64[n]: their moments, microseconds since 1970 UTC.
        marks: Their watermarks.
        one_mark: All of a chain have the same watermark: for rows that replace each other, for which it is no matter
            of time alone.
    """
    t = np.ascontiguousarray(t, np.int64)
    order = np.lexsort((*marks.values.T[::-1], t))
    values = np.ascontiguousarray(marks.values[order])
    number = _divide(np.ascontiguousarray(t[order]), values, one_mark)
    grouped = np.argsort(number, kind="stable")
    bounds = np.searchsorted(number[grouped], np.arange(int(number.max(initial=-1)) + 2))
    return [
        Chain(order[part], t[order[part]], Watermarks(marks.columns, values[part]))
        for part in (grouped[begin:end] for begin, end in pairwise(bounds))
    ]


@compiled
def _divide(t: np.ndarray, values: np.ndarray, one_mark: bool) -> np.ndarray:
    """The number of each prediction's chain (int64[n]): the first that it goes on."""
    number = np.zeros(len(t), np.int64)
    last = np.zeros(len(t), np.int64)
    count = 0
    for i in range(len(t)):
        found = -1
        for chain in range(count):
            end = last[chain]
            follows, same = True, True
            for j in range(values.shape[1]):
                follows = follows and values[end, j] <= values[i, j]
                same = same and values[end, j] == values[i, j]
            if same or (follows and t[end] < t[i] and not one_mark):
                found = chain
                break
        if found < 0:
            found = count
            count += 1
        number[i] = found
        last[found] = i
    return number
