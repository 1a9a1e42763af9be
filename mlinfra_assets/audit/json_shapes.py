"""A column of JSON objects as columns: objects of one form together, each decoded exactly as it is written."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import orjson
import polars as pl

MOST_SHAPES = 64
FEW = 1


@dataclass(frozen=True)
class Shaped:
    """Rows whose objects have one form.

    Attributes:
        rows: The rows.
        values: What their objects hold, a column a name.
    """

    rows: pl.DataFrame
    values: pl.DataFrame


def shaped(frame: pl.DataFrame, column: str) -> Iterator[Shaped]:
    """The rows of a frame by the form of the JSON objects in a column.

    A form has its names in their order, and a type for each: text, whole number, number, condition, or an object again.
    A row is with a form only if its text is, to the byte, what the decoded values are written as: nothing is rounded
    and nothing is taken for something else. Rows with lists, nulls or white space, and rows of the rarer ones of very
    many forms, are in none.
    """
    left = frame
    for _ in range(MOST_SHAPES):
        if left.is_empty():
            return
        kind = _type_of(left[column][0])
        if kind is None:
            left = left[1:]
            continue
        decoded = _decoded(left[column], kind)
        fits = (decoded.struct.json_encode() == left[column]).fill_null(value=False)
        if not fits[0]:
            left = left[1:]
            continue
        yield Shaped(left.filter(fits), decoded.filter(fits).struct.unnest())
        left = left.filter(~fits)


def _decoded(text: pl.Series, kind: pl.Struct) -> pl.Series:
    """The objects; null for those of which a value is of another type."""
    try:
        return text.str.json_decode(kind)
    except pl.exceptions.PolarsError:
        if len(text) <= FEW:
            return pl.Series(text.name, [None] * len(text), dtype=kind)
        half = len(text) // 2
        return pl.concat([_decoded(text[:half], kind), _decoded(text[half:], kind)])


def _type_of(text: str | None) -> pl.Struct | None:
    """The form of an object; None if it is not in the ordinary form."""
    if text is None:
        return None
    try:
        found = orjson.loads(text)
    except orjson.JSONDecodeError:
        return None
    kind = _type(found)
    return kind if isinstance(kind, pl.Struct) and kind.fields else None


def _type(value: object) -> pl.DataType | None:
    if isinstance(value, dict):
        kinds = {name: _type(one) for name, one in value.items()}
        return pl.Struct({n: k for n, k in kinds.items() if k is not None}) if None not in kinds.values() else None
    for python, polars in ((bool, pl.Boolean()), (int, pl.Int64()), (float, pl.Float64()), (str, pl.String())):
        if type(value) is python:
            return polars
    return None
