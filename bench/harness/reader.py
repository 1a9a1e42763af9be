"""The project's view of a benchmark's files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import polars as pl
import pyarrow.parquet as pq

from bench.harness.layout import KEY, parts, wide_columns
from mlinfra_assets.feature_store import ColumnType, DatasetSchema

BATCH_ROWS = 1 << 19


class ParquetReader:
    """Reads each dataset from a folder of Parquet files, as a `SourceReader` does.

    Args:
        folders: Folder of each dataset.
    """

    def __init__(self, folders: Mapping[str, Path]) -> None:
        self._folders = dict(folders)

    def rows(self, dataset: str, columns: Sequence[str], version: int | None = None) -> pl.DataFrame:
        """All rows of a dataset; a file has no versions."""
        return pl.concat(self.batches(dataset, columns, version))

    def batches(self, dataset: str, columns: Sequence[str], version: int | None = None) -> Iterator[pl.DataFrame]:
        """The rows of a dataset in order, a part of a file at a time, as the lake's tables are read."""
        del version
        for part in parts(self._folders[dataset]):
            rows = pl.scan_parquet(part).select(columns)
            for first in range(0, pq.read_metadata(part).num_rows, BATCH_ROWS):
                yield rows.slice(first, BATCH_ROWS).collect()

    def count(self, dataset: str, version: int | None = None) -> int:
        """Rows of a dataset, as the files' ends tell."""
        del version
        return sum(pq.read_metadata(part).num_rows for part in parts(self._folders[dataset]))


def schema(dataset: str, prefix: str = "", wide: int = 0) -> DatasetSchema:
    """The columns of a folder of events, for views."""
    kinds = {"amount": "int64", "price": "float64", "score": "float64", "product": "int64"}
    if wide:
        kinds = dict.fromkeys(wide_columns(wide), "float64")
    columns = {prefix + name: ColumnType.parse(kind) for name, kind in kinds.items()}
    columns[KEY] = ColumnType("int64")
    return DatasetSchema(dataset, columns, source=dataset, table=f"processed/{dataset}")
