"""How a table's files are written, by each way to write one."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pyarrow.parquet as pq

from mlinfra_assets.lake.lake import Lake
from tests.support.lake_rows import BY


def rows(first: int) -> pl.DataFrame:
    numbers = range(first, first + 2_000)
    return pl.DataFrame({"n": numbers, "country": ["Norway" if n % 3 else "France" for n in numbers], "bytes": b"x"})


def dictionaries(folder: Path) -> dict[str, bool]:
    """Whether the newest file has a dictionary, by column."""
    newest = max(folder.glob("*.parquet"), key=lambda path: path.stat().st_mtime_ns)
    group = pq.read_metadata(newest).row_group(0)
    columns = [group.column(i) for i in range(group.num_columns)]
    return {column.path_in_schema: column.has_dictionary_page for column in columns}


def test_texts_alone_have_a_dictionary(tmp_path: Path) -> None:
    table = Lake(str(tmp_path)).table("raw/lines")
    table.append(rows(0), provenance=BY)
    assert dictionaries(tmp_path / "raw" / "lines") == {"n": False, "country": True, "bytes": False}
    table.append(rows(2_000), provenance=BY)
    assert table.maintain(2).merged == 2
    assert dictionaries(tmp_path / "raw" / "lines") == {"n": False, "country": True, "bytes": False}
    table.replace(rows(7), provenance=BY)
    assert dictionaries(tmp_path / "raw" / "lines") == {"n": False, "country": True, "bytes": False}
    assert table.read().sort("n").equals(rows(7))
