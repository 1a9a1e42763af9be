"""Raw rows, read again in pieces, each payload checked against the hash that it was landed with."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import polars as pl

from mlinfra_assets import names
from mlinfra_assets.breakers import subjects
from mlinfra_assets.breakers.event import Span
from mlinfra_assets.breakers.log import BreakerLog
from mlinfra_assets.contracts.source import FilesIngest, Source
from mlinfra_assets.ingest.content_hash import content_hashes
from mlinfra_assets.lake.lake import Lake
from mlinfra_assets.positions import Positions

PIECE_RECORDS, PIECE_FILES = 200_000, 1
MOST_NAMED = 10


@dataclass
class Integrity:
    """What is wrong with raw itself, whatever it does to a prediction.

    Attributes:
        altered: Positions (source, partition, offset) whose payload is not what was landed.
        gone: Positions of records that processed or quarantine have, and raw has no longer.
    """

    altered: list[tuple[str, int, int]] = field(default_factory=list)
    gone: list[tuple[str, int, int]] = field(default_factory=list)

    @property
    def problems(self) -> list[str]:
        """One sentence a row, for people."""
        return [
            f"raw/{source}: the payload at partition {partition}, offset {offset} is not the one that was landed: its "
            "content hash differs"
            for source, partition, offset in sorted(set(self.altered))
        ] + [_gone(source, partition, offsets) for (source, partition), offsets in sorted(self._gone().items())]

    def _gone(self) -> dict[tuple[str, int], list[int]]:
        places: dict[tuple[str, int], list[int]] = {}
        for source, partition, offset in sorted(set(self.gone)):
            places.setdefault((source, partition), []).append(offset)
        return places


def _gone(source: str, partition: int, offsets: list[int]) -> str:
    named = ", ".join(map(str, offsets[:MOST_NAMED])) + (", ..." if len(offsets) > MOST_NAMED else "")
    return (
        f"raw/{source} no longer has {len(offsets):,} records of partition {partition} that the platform has made rows "
        f"of, offsets {offsets[0]} to {offsets[-1]} ({named}): what rests on them cannot be had again; restore the "
        "table from a copy"
    )


def pieces(lake: Lake, source: Source, upto: Positions, integrity: Integrity) -> Iterator[pl.DataFrame]:
    """The raw rows of a source up to a watermark, in order of position, a bounded number at a time."""
    table = lake.table(names.table(*names.raw(source.name)))
    if not table.exists():
        return
    version = table.version()
    size = PIECE_FILES if isinstance(source.ingest, FilesIngest) else PIECE_RECORDS
    for partition, end in sorted(upto.offsets.items()):
        within = [("partition", "==", partition), ("offset", "<=", end)]
        found = table.read(columns=["offset"], version=version, where=within)["offset"].unique().sort()
        for start in range(0, len(found), size):
            window = [("offset", ">=", found[start]), ("offset", "<=", found[min(start + size, len(found)) - 1])]
            rows = table.read(version=version, where=[("partition", "==", partition), *window]).sort("offset")
            _check(source.name, rows, integrity)
            yield rows


def at_places(lake: Lake, source: Source, places: pl.DataFrame, integrity: Integrity) -> Iterator[pl.DataFrame]:
    """The raw rows at some places (partition, offset), a partition at a time, in order."""
    table = lake.table(names.table(*names.raw(source.name)))
    for part in places.partition_by("partition") if table.exists() else []:
        partition, offsets = part["partition"][0], part["offset"].unique().sort()
        within = [("partition", "==", partition), ("offset", "in", offsets.to_list())]
        rows = table.read(where=within).sort("offset")
        integrity.gone += [(source.name, partition, offset) for offset in set(offsets) - set(rows["offset"])]
        _check(source.name, rows, integrity)
        yield rows


def released(
    lake: Lake, source: Source, upto: Positions, integrity: Integrity
) -> tuple[pl.DataFrame, pl.DataFrame] | None:
    """The raw rows that a watermark's releases let in, and those releases; None if there are none."""
    table, raw = (lake.table(names.table(*key(source.name))) for key in (names.releases, names.raw))
    if upto.releases == 0 or not table.exists() or not raw.exists():
        return None
    releases = table.read(where=[("number", "<=", upto.releases)]).sort("number")
    if releases.is_empty():
        return None
    held = [("offset", ">=", releases["offset"].min()), ("offset", "<=", releases["offset"].max())]
    places = releases.select("partition", "offset").unique()
    rows = raw.read(where=held).join(places, on=["partition", "offset"], how="semi").sort("partition", "offset")
    _check(source.name, rows, integrity)
    return rows, releases


def set_aside(lake: Lake, source: str) -> list[Span]:
    """The batches of a source that were set aside as a whole: none of their records was let in but by a release."""
    decided = BreakerLog(lake).breaker(subjects.source(source)).decided
    return sorted(span for span, fate in decided.items() if fate.fate == "set_aside")


def without(rows: pl.DataFrame, spans: Sequence[Span]) -> pl.DataFrame:
    """Raw rows but for those of some batches."""
    for span in spans:
        within = (pl.col("partition") == span.partition) & pl.col("offset").is_between(span.first, span.last)
        rows = rows.filter(~within)
    return rows


def _check(source: str, rows: pl.DataFrame, integrity: Integrity) -> None:
    altered = rows.filter(content_hashes(rows["payload"]).ne_missing(rows["content_hash"]))
    places = altered.select("partition", "offset").iter_rows()
    integrity.altered += [(source, partition, offset) for partition, offset in places]
