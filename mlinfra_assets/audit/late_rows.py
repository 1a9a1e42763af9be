"""Rows that came late: known so long after they happened that something was computed without them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

import polars as pl

from mlinfra_assets import names
from mlinfra_assets.clock import to_micros
from mlinfra_assets.feature_store.dataset import DatasetSchema
from mlinfra_assets.ingest.lateness import LATE_AFTER
from mlinfra_assets.lake.lake import Lake

ROWS_AT_ONCE = 500_000
"""Late rows that are held in memory at a time."""


@dataclass(frozen=True)
class LateWindow:
    """The rows that a report is about: those that came late, and became known in [`since`, `until`).

    Late is a row that became known more than `LATE_AFTER` after it happened, or after the end of its day (UTC). Rows of
    assumed history are not late.

    Attributes:
        since: The first moment, UTC.
        until: The end, UTC: hindsight is what was known before it.
    """

    since: datetime
    until: datetime

    @property
    def hindsight(self) -> int:
        """The last moment of the window, microseconds since 1970 UTC."""
        return to_micros(self.until) - 1

    def late(self) -> pl.Expr:
        """Whether a row (with its coordinates) came late, in this window."""
        event, known = pl.col(names.EVENT_TIME), pl.col(names.KNOWN_AT)
        inside = (known >= pl.lit(self.since)) & (known < pl.lit(self.until))
        return inside & (((known - event) > LATE_AFTER) | (known.dt.date() > event.dt.date()))


class LateRows:
    """The late rows of a dataset, by entity.

    Args:
        lake: Where the tables are.
        dataset: The dataset.
        keys: The join keys of the entities; rows without a key belong to nobody.
        window: Which rows.
    """

    def __init__(self, lake: Lake, dataset: DatasetSchema, keys: Sequence[str], window: LateWindow) -> None:
        self._table = lake.table(dataset.table)
        self._replacing = list(dataset.primary_key or ())
        self._keys = list(keys)
        self._window = window

    def count(self) -> int:
        """How many there are, those without a key included."""
        return sum(frame.height for frame in self._late(list(self._replacing)))

    def parts(self) -> Iterator[pl.DataFrame]:
        """Join keys, event time and known-at time of the late rows: each entity in one part, a bounded number at once.

        A late version of a row with a primary key concerns the entities of its other versions as well.
        """
        total = sum(frame.height for frame in self._late(self._keys))
        number = total // ROWS_AT_ONCE + 1
        for part in range(number):
            frames = [frame.filter(self._in(part, number)) for frame in self._touching()]
            kept = pl.concat(frames).unique() if frames else None
            if kept is not None and kept.height:
                yield kept

    def _touching(self) -> Iterator[pl.DataFrame]:
        columns = [*self._keys, names.EVENT_TIME, names.KNOWN_AT]
        for frame in self._late(list({*self._keys, *self._replacing})):
            found = [frame]
            if self._replacing:
                late = frame.select(*self._replacing, names.EVENT_TIME, names.KNOWN_AT)
                others = self._table.batches(columns=list({*self._keys, *self._replacing}))
                found += [rows.join(late, on=self._replacing, how="inner") for rows in others]
            yield from (one.select(columns).drop_nulls(self._keys) for one in found)

    def _late(self, columns: Sequence[str]) -> Iterator[pl.DataFrame]:
        if not self._table.exists():
            return
        wanted = list(dict.fromkeys([*columns, names.EVENT_TIME, names.KNOWN_AT, names.ASSUMED]))
        known = [(names.KNOWN_AT, ">=", self._window.since), (names.KNOWN_AT, "<", self._window.until)]
        for frame in self._table.batches(columns=wanted, where=known):
            late = frame.filter(self._window.late() & ~pl.col(names.ASSUMED))
            if late.height:
                yield late.drop(names.ASSUMED)

    def _in(self, part: int, number: int) -> pl.Expr:
        return pl.struct(self._keys).hash() % number == part
