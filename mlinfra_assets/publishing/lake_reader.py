"""The lake as the feature store's reader of dataset rows: pinned versions, and the watermark that they stand for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import polars as pl

from mlinfra_assets.errors import UnavailableError
from mlinfra_assets.feature_store.dataset import DatasetSchema
from mlinfra_assets.lake.lake import Lake
from mlinfra_assets.lake.predicate import Condition
from mlinfra_assets.lake.table import LakeTable
from mlinfra_assets.positions import Positions, merge


class LakeReader:
    """Reads datasets at the version that was current when each was first asked for.

    Args:
        lake: Where the tables are.
        datasets: Every dataset, by name.
        versions: Delta versions to read instead of the current ones, by table name.
    """

    def __init__(
        self, lake: Lake, datasets: Mapping[str, DatasetSchema], versions: Mapping[str, int] | None = None
    ) -> None:
        self._lake = lake
        self._datasets = datasets
        self._pinned = dict(versions or {})
        self._used: dict[str, int] = {}

    @property
    def inputs(self) -> dict[str, int]:
        """The tables that were read, with their versions."""
        return dict(self._used)

    @property
    def positions(self) -> dict[str, Positions]:
        """What the versions that were read cover of each source."""
        found = (self._lake.table(name).provenance(version) for name, version in self._used.items())
        return merge(*(provenance.positions for provenance in found if provenance is not None))

    def dataset(self, name: str) -> DatasetSchema:
        """A dataset by its name."""
        return self._datasets[name]

    def rows(self, dataset: str, columns: Sequence[str], version: int | None = None) -> pl.DataFrame:
        """Rows of a dataset.

        Raises:
            UnavailableError: The dataset's table does not exist yet.
        """
        table, at = self._at(dataset, version)
        return table.read(columns=list(columns), version=at)

    def rows_where(self, dataset: str, columns: Sequence[str], where: Sequence[Condition]) -> pl.DataFrame:
        """Rows of a dataset for which all conditions hold, those of its columns that are there.

        Raises:
            UnavailableError: The dataset's table does not exist yet.
        """
        table, at = self._at(dataset, None)
        known = set(table.schema(at).names)
        return table.read(columns=[column for column in columns if column in known], version=at, where=where)

    def batches(self, dataset: str, columns: Sequence[str], version: int | None = None) -> Iterator[pl.DataFrame]:
        """The same rows, a part of a file at a time; the version is settled when this is called.

        Raises:
            UnavailableError: The dataset's table does not exist yet.
        """
        table, at = self._at(dataset, version)
        return table.batches(columns=list(columns), version=at)

    def count(self, dataset: str, version: int | None = None) -> int:
        """Number of rows of a dataset, from the log alone.

        Raises:
            UnavailableError: The dataset's table does not exist yet.
        """
        table, at = self._at(dataset, version)
        return table.count(at)

    def _at(self, dataset: str, version: int | None) -> tuple[LakeTable, int]:
        name = self._datasets[dataset].table
        table = self._lake.table(name)
        if not table.exists():
            raise UnavailableError(
                f"dataset {dataset} has no table {name} in the lake yet: materialize {name}, then ask again"
            )
        at = version if version is not None else self._pinned.get(name)
        at = self._used.get(name, table.version()) if at is None else at
        self._used[name] = at
        return table, at
