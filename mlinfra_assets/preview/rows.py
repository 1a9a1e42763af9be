"""The rows that a version of a view is evaluated on: those of the lake, staged by the version's own SQL if need be."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import polars as pl

from mlinfra_assets.curated.row_wise import run
from mlinfra_assets.feature_store.dataset import COORDINATES, DatasetSchema
from mlinfra_assets.feature_store.engine.rows import dtypes
from mlinfra_assets.feature_store.registry import ViewDocument
from mlinfra_assets.feature_store.view import FeatureView
from mlinfra_assets.publishing.lake_reader import LakeReader


class StagedReader:
    """Reads datasets from the lake, or makes some of them from their processed source.

    Args:
        lake: Reads tables.
        datasets: Every dataset, the processed sources among them, by name.
        staged: The datasets to be made: source and SQL, by name.
    """

    def __init__(
        self, lake: LakeReader, datasets: Mapping[str, DatasetSchema], staged: Mapping[str, tuple[str, str]]
    ) -> None:
        self._lake = lake
        self._datasets = datasets
        self._staged = dict(staged)

    def rows(self, dataset: str, columns: Sequence[str], version: int | None = None) -> pl.DataFrame:
        """All rows of a dataset."""
        return pl.concat(self.batches(dataset, columns, version))

    def count(self, dataset: str, version: int | None = None) -> int:
        """Number of rows of a dataset, or, of one that is made, at most that many."""
        return self._lake.count(self._staged[dataset][0] if dataset in self._staged else dataset, version)

    def batches(self, dataset: str, columns: Sequence[str], version: int | None = None) -> Iterator[pl.DataFrame]:
        """The same rows, a part at a time; `version` is that of the table that is read."""
        if dataset not in self._staged:
            yield from self._lake.batches(dataset, columns, version)
            return
        source, sql = self._staged[dataset]
        whole = (*self._datasets[source].columns, *COORDINATES)
        for rows in self._lake.batches(source, whole, version):
            yield run(sql, rows).select(columns)


def sql_of(document: ViewDocument) -> dict[str, tuple[str, str]]:
    """Source and staging SQL of every dataset behind a version that has such SQL, by dataset."""
    found: dict[str, tuple[str, str]] = {}
    for used in document.uses.values():
        found.update(sql_of(used))
    if document.sql is not None:
        found[document.view.dataset.name] = (document.source, document.sql)
    return found


def entities(views: Sequence[tuple[FeatureView, StagedReader]], most: int | None) -> tuple[pl.DataFrame, int]:
    """Join keys of some entities, the same ones every time, and how many there are.

    Args:
        views: Versions with the same join keys, each with where its rows come from.
        most: How many to choose; None: all.
    """
    found: list[pl.DataFrame] = []
    for view, read in views:
        keys, kinds = list(view.join_keys), dtypes(view.key_schema)
        found.extend(
            rows.select(pl.col(key).cast(kinds[key]) for key in keys).drop_nulls().unique()
            for rows in read.batches(view.dataset.name, keys)
        )
    whole = pl.concat(found).unique() if found else pl.DataFrame(schema=dtypes(views[0][0].key_schema))
    names = list(whole.columns)
    if most is None or whole.height <= most:
        return whole.sort(names), whole.height
    chosen = whole.with_columns(_place=whole.hash_rows(seed=0)).sort("_place", *names).head(most).drop("_place")
    return chosen.sort(names), whole.height
