"""What a source's records of earlier landing days were like: made from the processed table, kept, and read again.

A day is taken up once, when a later day's first batch is judged, and never changed afterwards: a batch that is judged
again against the same version of the table gets the same verdict.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import polars as pl

from mlinfra_assets import names
from mlinfra_assets.contracts.contract import BatchRule
from mlinfra_assets.contracts.profile import distribution_rules, profile
from mlinfra_assets.contracts.source import Source
from mlinfra_assets.lake.lake import Lake
from mlinfra_assets.lake.provenance import Provenance
from mlinfra_assets.lake.table import ProgressConflictError

EPOCH = date(1970, 1, 1)
DAY = "_day"


class Profiles:
    """The profile table of one source. It is there only if the contract compares with days before.

    Args:
        lake: Where the tables are.
        source: The source and its contract.
        provenance: Run and code version that the commits name.

    Attributes:
        inputs: The version of the table that was read last, by its name: what a verdict depends on.
    """

    def __init__(self, lake: Lake, source: Source, provenance: Provenance) -> None:
        self._contract = source.contract
        self._rules = distribution_rules(source.contract)
        self._table = lake.table(names.table(*names.profile(source.name)))
        self._processed = lake.table(names.table(*names.processed(source.name)))
        self._provenance = provenance
        self.inputs: Mapping[str, int] = {}

    def before(self, raw: pl.DataFrame) -> pl.DataFrame | None:
        """What the days before the landing of these raw rows were like; None without rules that ask.

        Args:
            raw: Raw rows; `known_at` is read.
        """
        landed = raw["known_at"].max()
        if not self._rules or not isinstance(landed, datetime):
            return None
        day = landed.date()
        self._take_up(day)
        if not self._table.exists():
            return None
        version = self._table.version()
        self.inputs = {self._table.name: version}
        first = day - timedelta(days=max(rule.days for rule in self._rules))
        return self._table.read(version=version, where=[("day", ">=", first), ("day", "<", day)])

    def _take_up(self, day: date) -> None:
        """Add the days that lie behind this one and are not in the table yet."""
        there = self._processed.schema().names if self._processed.exists() else []
        for rule in {(rule.metric, rule.field): rule for rule in self._rules}.values():
            if rule.field in there:
                self._take_up_rule(rule, day)

    def _take_up_rule(self, rule: BatchRule, day: date) -> None:
        days = max(r.days for r in self._rules if (r.metric, r.field) == (rule.metric, rule.field))
        app = f"{self._table.name}/{rule.metric}/{rule.field}"
        done = self._table.progress(app)
        first = max(day - timedelta(days=days), EPOCH + timedelta(days=0 if done is None else done + 1))
        if first >= day:
            return
        version = self._processed.version()
        found = [profile(rule, [values], of) for of, values in self._by_day(version, str(rule.field), first, day)]
        if not found:
            return
        last = ((day - EPOCH).days) - 1
        try:
            self._table.append(
                pl.concat(found),
                provenance=replace(self._provenance, inputs={self._processed.name: version}),
                advance={app: (done, last)},
            )
        except ProgressConflictError:
            return  # another run of this source took the days up

    def _by_day(self, version: int, field: str, first: date, end: date) -> list[tuple[date, pl.Series]]:
        """The values of each landing day in [first, end) that has any, days in order; released records do not count."""
        start, stop = (datetime(d.year, d.month, d.day, tzinfo=UTC) for d in (first, end))
        where = [(names.KNOWN_AT, ">=", start), (names.KNOWN_AT, "<", stop)]
        rows = self._processed.read([field, names.KNOWN_AT, names.RELEASE], version, where)
        rows = rows.filter(pl.col(names.RELEASE).is_null()).with_columns(pl.col(names.KNOWN_AT).dt.date().alias(DAY))
        return [(part[DAY][0], part[field]) for part in rows.sort(DAY).partition_by(DAY, maintain_order=True)]
