"""Casts between numbers, texts and the rest."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import polars as pl

from mlinfra_assets.feature_store.column_type import FLOAT64, INT64, STRING
from mlinfra_assets.feature_store.engine import exact
from mlinfra_assets.feature_store.engine.distinct import used_texts
from mlinfra_assets.feature_store.engine.vector import Vector

_INTEGER = re.compile(r"([+-]?)0*([0-9]+)")
_NUMBER = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?")
_DIGITS = 19
"""Of the largest 64-bit integer."""


def to_int(args: Sequence[Vector]) -> Vector:
    """As an integer, towards zero; null for what is none of 64 bits."""
    arg = args[0]
    if arg.type.kind == "string":
        return _parsed(arg, _integer_of, INT64.kind)
    if arg.type == FLOAT64:
        # NaN compares false.
        fits = arg.valid & (arg.values >= -(2.0**63)) & (arg.values < 2.0**63)
        return Vector(INT64, np.where(fits, arg.values, 0.0).astype(np.int64), fits)
    if arg.type.kind == "decimal":
        return Vector(INT64, floor(arg) + ((arg.values < 0) & _broken(arg)), arg.valid)
    return Vector(INT64, arg.values.astype(np.int64), arg.valid)


def to_float(args: Sequence[Vector]) -> Vector:
    """As a double, correctly rounded; null for a text that is no number."""
    return _parsed(args[0], _float_of, FLOAT64.kind) if args[0].type == STRING else args[0].to(FLOAT64)


def to_string(args: Sequence[Vector]) -> Vector:
    """As text: all digits, `true` or `false`, ISO 8601."""
    arg = args[0]
    if arg.type.kind == "string":
        return arg
    if arg.type.kind == "boolean":
        return Vector(STRING, arg.values.astype(np.int64), arg.valid, ("false", "true"))
    if arg.type.scale:
        texts = _decimal_texts(arg)
    elif arg.type.exact:
        texts = pl.Series(arg.values).cast(pl.String)
    elif arg.type.kind == "date":
        texts = pl.Series(np.datetime_as_string(arg.values.astype("datetime64[D]")), dtype=pl.String)
    else:
        # Not as Polars writes them: it stops at times beyond its own calendar.
        stamps = np.datetime_as_string(arg.values.astype("datetime64[us]"))
        texts = pl.Series(np.char.add(stamps, "Z"), dtype=pl.String)
    return Vector.from_polars(texts, STRING).where(arg.valid)


def floor(decimal: Vector) -> np.ndarray:
    """The largest integers (int64[n]) that are at most the values of a decimal vector."""
    return decimal.values // 10**decimal.type.scale


def ceil(decimal: Vector) -> np.ndarray:
    """The smallest integers (int64[n]) that are at least the values of a decimal vector."""
    return floor(decimal) + _broken(decimal)


def _broken(decimal: Vector) -> np.ndarray:
    return decimal.values % 10**decimal.type.scale != 0


def _parsed(arg: Vector, parse: Callable[[str], float | None], kind: str) -> Vector:
    texts, places = used_texts(arg)
    found = [parse(text) for text in texts] or [None]
    valid = arg.valid & np.array([value is not None for value in found])[places]
    values = np.array([0 if value is None else value for value in found], kind)
    return Vector(INT64 if kind == INT64.kind else FLOAT64, values[places], valid).where(valid)


def _integer_of(text: str) -> int | None:
    match = _INTEGER.fullmatch(text)
    if match is None or len(match.group(2)) > _DIGITS:
        return None
    value = int(match.group(1) + match.group(2))
    return value if exact.INT64_MIN <= value <= exact.INT64_MAX else None


def _float_of(text: str) -> float | None:
    return float(text) if _NUMBER.fullmatch(text) else None


def _decimal_texts(arg: Vector) -> pl.Series:
    # The magnitude of the smallest 64-bit integer has room without a sign only.
    magnitudes = np.where(arg.values < 0, -(arg.values + 1), arg.values).astype(np.uint64) + (arg.values < 0)
    whole, rest = np.divmod(magnitudes, np.uint64(10**arg.type.scale))
    parts = pl.DataFrame({"sign": np.where(arg.values < 0, "-", ""), "whole": whole, "rest": rest})
    digits = pl.col("rest").cast(pl.String).str.zfill(arg.type.scale)
    return parts.select(pl.concat_str("sign", pl.col("whole").cast(pl.String), pl.lit("."), digits)).to_series()


CASTS: Mapping[str, Callable[[Sequence[Vector]], Vector]] = {
    "to_int": to_int,
    "to_float": to_float,
    "to_string": to_string,
}
