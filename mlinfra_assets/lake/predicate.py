"""Conditions on columns: which rows hold, and which files cannot hold any such row."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from difflib import get_close_matches
from functools import reduce

import polars as pl

from mlinfra_assets.errors import InvalidInputError

Condition = tuple[str, str, object]
OPERATORS = ("==", "!=", "<", "<=", ">", ">=", "in")
STATISTICS_ROUNDING = timedelta(microseconds=999)
"""Delta's file statistics cut times to milliseconds: a file's true maximum may be this much above the stated one."""


def check(table: str, columns: Iterable[str], schema: pl.Schema, where: Sequence[Condition]) -> None:
    """Refuse columns that the table does not have, and conditions that could not mean anything.

    Raises:
        InvalidInputError: Names the column or the condition.
    """
    for name in [*columns, *(column for column, _, _ in where)]:
        if name not in schema:
            near = get_close_matches(name, schema.names(), n=1)
            hint = f"did you mean {near[0]}?" if near else f"it has {', '.join(schema.names())}"
            raise InvalidInputError(f"table {table} has no column {name}: {hint}")
    for column, operator, value in where:
        values = list(value) if operator == "in" and isinstance(value, Iterable) else [value]
        if operator not in OPERATORS:
            raise InvalidInputError(f"{column} {operator} ...: the operators are {', '.join(OPERATORS)}")
        for one in values:
            _check_value(table, column, schema[column], one)


def rows(schema: pl.Schema, where: Sequence[Condition]) -> pl.Expr | None:
    """The rows for which every condition is true; None if there is no condition."""
    expressions = [_row_expression(schema[column], *(column, operator, value)) for column, operator, value in where]
    return reduce(lambda a, b: a & b, expressions) if expressions else None


def files(schema: pl.Schema, where: Sequence[Condition], actions: pl.DataFrame, partitions: Sequence[str]) -> pl.Expr:
    """The files that may hold such rows, as an expression over Delta's flattened add actions.

    A partition value decides exactly. Minimum and maximum decide where they bound the values exactly as written:
    integers, dates, strings, and times with the rounding undone. They are not asked for floats (NaN is in no
    statistic, yet it compares as the greatest number) or for decimals (written as rounded doubles).
    """
    keep = pl.lit(value=True)
    for column, operator, value in where:
        if column in partitions:
            exact = _row_expression(schema[column], f"partition.{column}", operator, value)
            keep = keep & exact.fill_null(value=False)
        elif f"min.{column}" in actions.columns and _bounded(schema[column]):
            keep = keep & _may_hold(schema[column], column, operator, value).fill_null(value=True)
    return keep


def _check_value(table: str, column: str, dtype: pl.DataType, value: object) -> None:
    if value is None:
        raise InvalidInputError(f"a comparison of {table}.{column} with null is never true")
    if isinstance(value, datetime) and value.tzinfo is None:
        raise InvalidInputError(f"the time {value} for {table}.{column} has no zone: give one")
    wanted = _python_type(dtype)
    if wanted and (not isinstance(value, wanted) or (isinstance(value, bool) and bool not in wanted)):
        raise InvalidInputError(f"{table}.{column} is {dtype} and cannot be compared with {value!r}")


def _python_type(dtype: pl.DataType) -> tuple[type, ...] | None:
    if dtype.is_integer():
        return (int,)
    if dtype == pl.String:
        return (str,)
    if isinstance(dtype, pl.Datetime):
        return (datetime,)
    return (date,) if dtype == pl.Date else None


def _bounded(dtype: pl.DataType) -> bool:
    return dtype.is_integer() or dtype in (pl.String, pl.Date) or isinstance(dtype, pl.Datetime)


def _row_expression(dtype: pl.DataType, column: str, operator: str, value: object) -> pl.Expr:
    if operator == "in":
        return pl.col(column).is_in(pl.Series(list(value), dtype=dtype).implode())  # pyright: ignore[reportArgumentType]
    return _compare(pl.col(column), operator, pl.lit(value, dtype=dtype))


def _may_hold(dtype: pl.DataType, column: str, operator: str, value: object) -> pl.Expr:
    low, high = pl.col(f"min.{column}"), pl.col(f"max.{column}")
    if isinstance(dtype, pl.Datetime):
        high = high + STATISTICS_ROUNDING
    if operator == "in":
        values = pl.Series(list(value), dtype=dtype)  # pyright: ignore[reportArgumentType]
        return pl.any_horizontal([pl.lit(value=False), *((low <= pl.lit(v)) & (high >= pl.lit(v)) for v in values)])
    bound = pl.lit(value, dtype=dtype)
    if operator == "==":
        return (low <= bound) & (high >= bound)
    if operator == "!=":
        return pl.lit(value=True)
    return _compare(low if operator in {"<", "<="} else high, operator, bound)


def _compare(left: pl.Expr, operator: str, right: pl.Expr) -> pl.Expr:
    match operator:
        case "==":
            return left == right
        case "!=":
            return left != right
        case "<":
            return left < right
        case "<=":
            return left <= right
        case ">":
            return left > right
        case _:
            return left >= right
