"""The datasets that features may be computed from: every processed source, and every row-wise staging model of one.

Their columns come from what is declared (contracts, and the models' own), so that a feature's definition is checked
when it is made.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path

from mlinfra_assets import names
from mlinfra_assets.contracts.contract import Field
from mlinfra_assets.contracts.declaration import load_sources
from mlinfra_assets.contracts.source import Source
from mlinfra_assets.curated.manifest import load_manifest
from mlinfra_assets.curated.models import Model, models
from mlinfra_assets.curated.row_wise import row_wise_models
from mlinfra_assets.curated.schemas import column_types
from mlinfra_assets.feature_store.column_type import (
    BOOLEAN,
    DATE,
    FLOAT64,
    INT64,
    STRING,
    TIMESTAMP,
    ColumnType,
)
from mlinfra_assets.feature_store.dataset import DatasetSchema

SOURCES = Path(__file__).parent / "sources"
TYPES: Mapping[str, ColumnType] = {
    "string": STRING,
    "integer": INT64,
    "number": FLOAT64,
    "boolean": BOOLEAN,
    "timestamp": TIMESTAMP,
    "date": DATE,
    "object": STRING,
    "array": STRING,
}


@cache
def datasets() -> dict[str, DatasetSchema]:
    """Every dataset by the name that a feature view's function calls it.

    Raises:
        DeclarationError: A source is declared wrongly.
        DbtError: The dbt project does not compile.
    """
    sources = load_sources(SOURCES)
    known = {model.name: model for model in models(load_manifest()).values()}
    staged = [staged_dataset(known[name], sources[model.source]) for name, model in row_wise_models().items()]
    return {dataset.name: dataset for dataset in (*map(processed_dataset, sources.values()), *staged)}


def processed_dataset(source: Source) -> DatasetSchema:
    """A source's valid records, by its contract."""
    return DatasetSchema(
        name=source.name,
        columns={field.name: _type(field) for field in source.contract.fields},
        source=source.name,
        table=names.table(*names.processed(source.name)),
        primary_key=source.contract.primary_key,
        deletes=source.contract.deletes,
    )


def staged_dataset(model: Model, source: Source) -> DatasetSchema:
    """What a row-wise model makes of a source's records; the primary key and what deletes keep their names."""
    return DatasetSchema(
        name=model.name,
        columns=column_types(model),
        source=source.name,
        table=model.table,
        primary_key=source.contract.primary_key,
        deletes=source.contract.deletes,
    )


def _type(field: Field) -> ColumnType:
    return ColumnType("decimal", field.scale or 0) if field.type == "decimal" else TYPES[field.type]
