"""Small frames and provenance for tests of tables."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl

from mlinfra_assets.lake.lake import Lake
from mlinfra_assets.lake.provenance import Provenance
from mlinfra_assets.lake.table import LakeTable

START = datetime(2011, 1, 1, tzinfo=UTC)
BY = Provenance(run_id="run-1", code_version="code-1")


def numbered(first: int, last: int) -> pl.DataFrame:
    """Rows numbered from `first` up to and including `last`, a second apart."""
    numbers = range(first, last + 1)
    return pl.DataFrame(
        {
            "number": pl.Series(numbers, dtype=pl.Int64),
            "at": pl.Series([START + timedelta(seconds=n) for n in numbers], dtype=pl.Datetime("us", "UTC")),
            "payload": pl.Series([b"row %d" % n for n in numbers], dtype=pl.Binary),
        }
    )


def table(folder: Path, name: str = "raw/lines") -> LakeTable:
    """A table of a lake in a folder."""
    return Lake(str(folder / "lake")).table(name)


def numbers(of: LakeTable) -> list[int]:
    """The numbers that a table holds, in order."""
    return of.read(columns=["number"])["number"].sort().to_list()
