"""Constants as people write them, and as expressions hold them."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from math import isfinite
from typing import TypeAlias

from mlinfra_assets.clock import to_micros
from mlinfra_assets.feature_store.column_type import (
    BOOLEAN,
    DATE,
    FLOAT64,
    INT64,
    MAX_SCALE,
    STRING,
    TIMESTAMP,
    ColumnType,
)
from mlinfra_assets.feature_store.errors import DefinitionError
from mlinfra_assets.feature_store.nodes import Literal

Constant: TypeAlias = bool | int | float | Decimal | str | datetime | date


def literal_of(value: object) -> Literal:
    """A constant as it is stored.

    Raises:
        DefinitionError: Not a constant that an expression can hold.
    """
    if isinstance(value, bool):
        return Literal(value, BOOLEAN)
    if isinstance(value, int) and -(2**63) <= value < 2**63:
        return Literal(value, INT64)
    if isinstance(value, float) and isfinite(value):
        return Literal(value, FLOAT64)
    if isinstance(value, str):
        return Literal(value, STRING)
    if isinstance(value, datetime) and value.tzinfo is not None:
        return Literal(to_micros(value.astimezone(UTC)), TIMESTAMP)
    if isinstance(value, date) and not isinstance(value, datetime):
        return Literal((value - date(1970, 1, 1)).days, DATE)
    if isinstance(value, Decimal) and value.is_finite():
        exponent = value.as_tuple().exponent
        scale = max(0, -exponent) if isinstance(exponent, int) else 0
        unscaled = int(value.scaleb(scale))
        if scale <= MAX_SCALE and abs(unscaled) < 2**63:
            return Literal(unscaled, ColumnType("decimal", scale))
    raise DefinitionError(
        f"{value!r} is no constant: a finite number, a string, a condition, a date or a time with zone"
    )


def as_type(kind: str | ColumnType) -> ColumnType:
    """A type by its name: `"float64"`.

    Raises:
        DefinitionError: There is no such type.
    """
    return kind if isinstance(kind, ColumnType) else ColumnType.parse(str(kind))
