"""What became of every id: how often each is in raw, among the valid records and in the quarantine."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

import polars as pl

from mlinfra_assets import names
from mlinfra_assets.lake.lake import Lake
from mlinfra_assets.lake.table import LakeTable

SHOWN = 10


@dataclass(frozen=True)
class Fate:
    """How often each id is where.

    Attributes:
        raw: In the raw table, by the message's key.
        valid: Among the valid records; the position tells which message a record comes from.
        quarantined: In the quarantine, told in the same way.
    """

    raw: Counter[int]
    valid: Counter[int]
    quarantined: Counter[int]


def fate(lake: Lake, source: str) -> Fate:
    """What became of every id of a source."""
    raw = _read(lake.table(names.table(*names.raw(source))), ["partition", "offset", "key"])
    ids = raw.select(
        pl.col("partition").alias(names.PARTITION),
        pl.col("offset").alias(names.OFFSET),
        pl.col("key").cast(pl.String).cast(pl.Int64).alias("_id"),
    )
    assert not ids.select(names.PARTITION, names.OFFSET).is_duplicated().any(), "a position is in raw twice"
    return Fate(
        raw=Counter(ids["_id"].to_list()),
        valid=_of(lake, names.processed(source), ids),
        quarantined=_of(lake, names.quarantine(source), ids),
    )


def assert_exactly_once(lake: Lake, source: str, sent: Iterable[int], bad: Iterable[int] = ()) -> None:
    """Every id is in raw as often as it was sent, and then either valid or, if it is bad, in quarantine.

    Args:
        lake: Where the tables are.
        source: The source's name.
        sent: The ids, each as often as it was sent.
        bad: Those, as often as they were sent, that break the contract.
    """
    found, expected = fate(lake, source), Counter(sent)
    _same("raw", found.raw, expected)
    broken = Counter(bad)
    _same("quarantine", found.quarantined, broken)
    _same("valid records", found.valid, expected - broken)


def _same(where: str, found: Counter[int], expected: Counter[int]) -> None:
    lost, extra = expected - found, found - expected
    assert not lost, f"{lost.total()} lost from {where}: {sorted(lost)[:SHOWN]}"
    assert not extra, f"{extra.total()} too many in {where}: {sorted(extra)[:SHOWN]}"


def _of(lake: Lake, key: tuple[str, str], ids: pl.DataFrame) -> Counter[int]:
    rows = _read(lake.table(names.table(*key)), [names.PARTITION, names.OFFSET])
    told = rows.join(ids, on=[names.PARTITION, names.OFFSET], how="left", maintain_order="left")
    assert told["_id"].null_count() == 0, f"{key} holds records that are not in raw"
    return Counter(told["_id"].to_list())


def _read(table: LakeTable, columns: list[str]) -> pl.DataFrame:
    assert table.exists(), table.name
    return table.read(columns=columns)
