"""The columns of curated tables, in the types that features are computed on."""

from __future__ import annotations

import re

from mlinfra_assets import names
from mlinfra_assets.curated.models import Model
from mlinfra_assets.errors import InvalidInputError
from mlinfra_assets.feature_store.column_type import (
    BOOLEAN,
    DATE,
    FLOAT64,
    INT64,
    STRING,
    TIMESTAMP,
    ColumnType,
)

TYPES = {
    "varchar": STRING,
    "bigint": INT64,
    "integer": INT64,
    "double": FLOAT64,
    "boolean": BOOLEAN,
    "date": DATE,
    "timestamptz": TIMESTAMP,
}
DECIMAL = re.compile(r"decimal\(18, ?(\d+)\)")


def column_types(model: Model) -> dict[str, ColumnType]:
    """Type of each column of a model, as its contract declares, without the rows' coordinates.

    Raises:
        InvalidInputError: A column has a type that features cannot be computed on.
    """
    return {name: _type(model, name, kind) for name, kind in model.columns.items() if name not in names.COORDINATES}


def _type(model: Model, name: str, kind: str) -> ColumnType:
    decimal = DECIMAL.fullmatch(kind.lower())
    if decimal:
        return ColumnType("decimal", int(decimal.group(1)))
    if kind.lower() not in TYPES:
        raise InvalidInputError(
            f"model {model.name}, column {name}: no feature can be computed on {kind}; "
            f"use one of {', '.join(TYPES)}, decimal(18,n)"
        )
    return TYPES[kind.lower()]
