"""How much memory a question takes, from the numbers of rows alone."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from mlinfra_assets.feature_store.engine.rows import dtypes, polars_type
from mlinfra_assets.feature_store.offline.asked import Asked
from mlinfra_assets.feature_store.reader import SourceReader
from mlinfra_assets.feature_store.view import FeatureView

STRING_BYTES = 32
OTHER_BYTES = 64
ROW_OVERHEAD = 24
WORKING = 2
"""Preparing and evaluating holds about two copies of what it works on at a time."""


def row_bytes(schema: Mapping[str, pl.DataType]) -> int:
    """About how many bytes a row of these columns takes."""
    return sum(_width(kind) for kind in schema.values())


def view_bytes(view: FeatureView, read: SourceReader, versions: Mapping[str, int]) -> int:
    """About how many bytes it takes to prepare the rows of a view and of the views that it uses."""
    name = view.dataset.name
    kinds = {column: view.dataset.type_of(column) for column in view.columns}
    rows = read.count(name, versions.get(name))
    width = row_bytes({column: polars_type(kind) for column, kind in kinds.items()}) + ROW_OVERHEAD
    return rows * width * WORKING + sum(view_bytes(other, read, versions) for other in view.uses)


def answer_bytes(asked: Asked) -> int:
    """About how many bytes a question and its answer take."""
    columns = {**asked.view.key_schema, **asked.view.request_schema, **asked.view.schema}
    return (row_bytes(dtypes(columns)) + ROW_OVERHEAD) * WORKING


def _width(kind: pl.DataType) -> int:
    if kind == pl.String:
        return STRING_BYTES
    if kind == pl.Boolean:
        return 1
    if isinstance(kind, pl.Decimal):
        return 16
    if kind.is_temporal() or kind.is_numeric():
        return 8
    return OTHER_BYTES
