"""Operators on strings, computed once for each different string."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import polars as pl

from mlinfra_assets.feature_store.column_type import BOOLEAN, INT64, STRING
from mlinfra_assets.feature_store.engine.distinct import map_texts, used_texts
from mlinfra_assets.feature_store.engine.vector import Vector


def length(args: Sequence[Vector]) -> Vector:
    """Number of code points."""
    texts, places = used_texts(args[0])
    lengths = np.array([len(text) for text in texts] or [0], np.int64)
    return Vector(INT64, lengths[places], args[0].valid).where(args[0].valid)


def concat(args: Sequence[Vector]) -> Vector:
    """The strings of a row, one after the other; null if one is."""
    columns = [arg.to_polars(str(number)) for number, arg in enumerate(args)]
    joined = pl.DataFrame(columns).select(pl.concat_str(pl.all()).alias("joined")).to_series()
    return Vector.from_polars(joined, STRING)


def substring(args: Sequence[Vector]) -> Vector:
    """From a constant place on (the first is 0), up to a constant number of code points."""
    if not len(args[0]):
        return args[0]
    start, count = int(args[1].values[0]), int(args[2].values[0])
    return map_texts(args[0], lambda text: text[start : start + count])


def _mapped(function: Callable[[str], str]) -> Callable[[Sequence[Vector]], Vector]:
    return lambda args: map_texts(args[0], function)


def _searched(found: Callable[[str, str], bool]) -> Callable[[Sequence[Vector]], Vector]:
    def search(args: Sequence[Vector]) -> Vector:
        text, part = args
        if not len(text):
            return Vector(BOOLEAN, np.zeros(0, np.bool_), text.valid)
        constant = part.dictionary[part.values[0]]
        texts, places = used_texts(text)
        hits = np.array([found(candidate, constant) for candidate in texts] or [False], np.bool_)
        return Vector(BOOLEAN, hits[places] & text.valid, text.valid)

    return search


STRINGS: Mapping[str, Callable[[Sequence[Vector]], Vector]] = {
    "lower": _mapped(str.lower),
    "upper": _mapped(str.upper),
    "strip": _mapped(str.strip),
    "length": length,
    "contains": _searched(str.__contains__),
    "starts_with": _searched(str.startswith),
    "ends_with": _searched(str.endswith),
    "concat": concat,
    "substring": substring,
}
