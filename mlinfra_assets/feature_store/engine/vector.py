"""A column of values of one type with its nulls: what expressions are evaluated on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
import pyarrow as pa

from mlinfra_assets.feature_store.column_type import BOOLEAN, FLOAT64, ColumnType
from mlinfra_assets.feature_store.engine import exact
from mlinfra_assets.feature_store.engine.rows import polars_type
from mlinfra_assets.feature_store.errors import RetrievalError
from mlinfra_assets.feature_store.nodes import Literal

_INTEGERS = {pl.Int8, pl.Int16, pl.Int32, pl.Int64, pl.UInt8, pl.UInt16, pl.UInt32}


@dataclass(frozen=True)
class Vector:
    """Values and which of them are there.

    Attributes:
        type: Their type.
        values: float64[n] or, for a boolean, bool[n]; int64[n] for every other type, stored as in `InputColumn`.
            0 where null. For a list its place in `items`.
        valid: bool[n].
        dictionary: The strings that `values` number, sorted by code point. Empty for other types.
        items: The lists that `values` number. None for other types.
    """

    type: ColumnType
    values: np.ndarray
    valid: np.ndarray
    dictionary: tuple[str, ...] = ()
    items: pl.Series | None = None

    def __len__(self) -> int:
        return len(self.values)

    def where(self, keep: np.ndarray) -> Vector:
        """The same with null where `keep` (bool[n]) is false."""
        valid = self.valid & keep
        values = np.where(valid, self.values, np.zeros(1, self.values.dtype))
        return Vector(self.type, values, valid, self.dictionary, self.items)

    def finite(self) -> Vector:
        """The same with null where a float is NaN or infinite."""
        return self.where(np.isfinite(self.values)) if self.type == FLOAT64 else self

    def to(self, kind: ColumnType) -> Vector:
        """The same values in a type that they go together with: a larger scale, or doubles.

        Raises:
            FeatureOverflowError: A value has no room at the larger scale.
        """
        if kind == self.type or (not self.type.numeric and self.type != BOOLEAN):
            return self
        if kind != FLOAT64:
            return Vector(kind, exact.rescale(self.values, kind.scale - self.type.scale), self.valid)
        if self.type == BOOLEAN:
            return Vector(FLOAT64, self.values.astype(np.float64), self.valid)
        return Vector(FLOAT64, exact.to_double(self.values, self.type.scale), self.valid)

    def to_polars(self, name: str) -> pl.Series:
        """As a Polars column of the type's own kind; decimals as doubles."""
        if self.type.kind == "decimal":
            return self.to(FLOAT64).to_polars(name)
        if self.type.kind == "string":
            texts = pl.Series(self.dictionary, dtype=pl.String)
            return texts.gather(self._nullable("places").cast(pl.UInt32)).alias(name)
        if self.items is not None:
            return self.items.gather(self._nullable("places").cast(pl.UInt32)).alias(name)
        return self._nullable(name).cast(polars_type(self.type))

    def _nullable(self, name: str) -> pl.Series:
        series = pl.Series(name, self.values)
        return series if self.valid.all() else series.set(pl.Series(~self.valid), None)

    @classmethod
    def constant(cls, literal: Literal, count: int) -> Vector:
        """The same value `count` times."""
        valid = np.ones(count, np.bool_)
        if isinstance(literal.value, str):
            return cls(literal.type, np.zeros(count, np.int64), valid, (literal.value,))
        dtype = {"float64": np.float64, "boolean": np.bool_}.get(literal.type.kind, np.int64)
        return cls(literal.type, np.full(count, literal.value, dtype), valid)

    def gather(self, places: np.ndarray) -> Vector:
        """The values at some places (int64[m])."""
        return Vector(self.type, self.values[places], self.valid[places], self.dictionary, self.items)

    @classmethod
    def of_lists(cls, kind: ColumnType, flat: Vector, begins: np.ndarray, valid: np.ndarray) -> Vector:
        """Lists of values that follow each other in `flat`; list i begins at begins[i] and ends at begins[i + 1]."""
        values = flat.to_polars("items").to_arrow(compat_level=pl.CompatLevel.oldest())
        lists = pl.Series("items", pa.LargeListArray.from_arrays(pa.array(begins), values))
        return cls(kind, np.arange(len(valid)), valid, items=lists.cast(polars_type(kind))).where(valid)

    @classmethod
    def from_polars(cls, series: pl.Series, kind: ColumnType) -> Vector:
        """A dataset's column.

        Raises:
            RetrievalError: It is not of that type: nothing is cast silently.
        """
        found = series.dtype
        fits = {
            "int64": found in _INTEGERS,
            "float64": found in (pl.Float64, pl.Float32),
            "decimal": isinstance(found, pl.Decimal) and found.scale == kind.scale,
            "string": isinstance(found, pl.String | pl.Categorical | pl.Enum),
            "boolean": found == pl.Boolean,
            "timestamp": found == pl.Datetime("us", "UTC"),
            "date": found == pl.Date,
            "list": found == polars_type(kind),
        }[kind.kind]
        if not fits and found != pl.Null:
            raise RetrievalError(f"column {series.name!r} is a {found}, and the dataset declares it as {kind}")
        series = series.cast(polars_type(kind)) if found == pl.Null else series
        whole = not series.null_count()
        valid = np.ones(len(series), np.bool_) if whole else series.is_not_null().to_numpy()
        if kind.kind == "string":
            return cls._from_strings(series.cast(pl.String), valid)
        if kind.kind == "list":
            return cls(kind, np.arange(len(valid)), valid, items=series).where(valid)
        if kind.kind == "boolean":
            return cls(kind, series.fill_null(value=False).to_numpy(), valid)
        if kind.kind == "float64":
            stored = series.cast(pl.Float64)
            return cls(kind, (stored if whole else stored.fill_null(0.0)).to_numpy(), valid)
        stored = series.to_physical().cast(pl.Int64)
        stored = stored if whole else stored.fill_null(0)
        return cls(kind, stored.to_numpy(), valid)

    @classmethod
    def _from_strings(cls, series: pl.Series, valid: np.ndarray) -> Vector:
        texts = series.drop_nulls().unique().sort()
        codes = series.cast(pl.Enum(texts)).to_physical().cast(pl.Int64).fill_null(0).to_numpy()
        return cls(ColumnType("string"), codes, valid, tuple(texts))


def unify(vectors: Sequence[Vector]) -> list[Vector]:
    """String vectors with one dictionary between them, so that equal strings have equal numbers in equal order."""
    dictionary = tuple(sorted(set().union(*(vector.dictionary for vector in vectors))))
    if all(vector.dictionary == dictionary for vector in vectors):
        return list(vectors)
    place = {text: code for code, text in enumerate(dictionary)}
    unified = []
    for vector in vectors:
        places = np.array([place[text] for text in vector.dictionary] or [0], np.int64)
        unified.append(Vector(vector.type, np.where(vector.valid, places[vector.values], 0), vector.valid, dictionary))
    return unified
