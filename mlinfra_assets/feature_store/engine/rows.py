"""The rows of a view in the form that it is evaluated from: arrays, grouped by entity, in event order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import polars as pl

from mlinfra_assets.feature_store.column_type import ColumnType
from mlinfra_assets.feature_store.engine.entities import EntityIndex
from mlinfra_assets.feature_store.errors import RetrievalError
from mlinfra_assets.feature_store.inference import row_type
from mlinfra_assets.feature_store.view import FeatureView

NULL, VALUE, NOT_FINITE = 0, 1, 2


class InputColumn:
    """One row expression of a view (`view.inputs[j]`), evaluated for every row.

    Args:
        type: Its type.
        values: float64[n] for a float64 expression, else int64[n]: a decimal unscaled, a boolean as 0 or 1, a timestamp
            in microseconds, a date in days since 1970, a string as its place in `dictionary`. A null row holds 0. No
            float is a negative zero.
        validity: uint8[n]: 0 null, 1 a value, 2 a float that is NaN or infinite.
        dictionary: The different strings, sorted by code point. Empty for other types.
        order: The rows of the column are those of `values` and `validity` at these places (int64[m]), which are taken
            when they are first needed. None: as they stand.
    """

    __slots__ = ("_there", "_validity", "_validity_order", "_values", "_values_order", "dictionary", "type")

    def __init__(
        self,
        type: ColumnType,  # noqa: A002 - the name that every typed thing here has
        values: np.ndarray,
        validity: np.ndarray,
        dictionary: tuple[str, ...] = (),
        order: np.ndarray | None = None,
    ) -> None:
        self.type = type
        self.dictionary = dictionary
        self._values, self._values_order = values, order
        self._validity, self._validity_order = validity, order
        self._there: bool | None = None

    def __len__(self) -> int:
        return len(self._validity if self._validity_order is None else self._validity_order)

    @property
    def values(self) -> np.ndarray:
        """The value of each row."""
        if self._values_order is not None:
            self._values, self._values_order = self._values[self._values_order], None
        return self._values

    @property
    def validity(self) -> np.ndarray:
        """Of each row whether it has a value."""
        if self._validity_order is not None:
            self._validity, self._validity_order = self._validity[self._validity_order], None
        return self._validity

    @property
    def all_there(self) -> bool:
        """Whether every row has a finite value."""
        if self._there is None:
            self._there = bool((self._validity == VALUE).all())
        return self._there

    def values_at(self, rows: np.ndarray) -> np.ndarray:
        """The values of some rows (int64[m])."""
        return self._values[rows if self._values_order is None else self._values_order[rows]]

    def validity_at(self, rows: np.ndarray) -> np.ndarray:
        """The validity of some rows (int64[m])."""
        return self._validity[rows if self._validity_order is None else self._validity_order[rows]]

    def arranged(self, order: np.ndarray) -> InputColumn:
        """The rows at some places (int64[m])."""
        return InputColumn(self.type, self.values, self.validity, self.dictionary, order)

    def cut(self, begin: int, end: int) -> InputColumn:
        """Rows begin to end (exclusive), with a dictionary of their own."""
        values, validity = self.values[begin:end], self.validity[begin:end]
        if self.type.kind != "string":
            return InputColumn(self.type, values, validity)
        used, codes = np.unique(values[validity == VALUE], return_inverse=True)
        fresh = np.zeros(end - begin, np.int64)
        fresh[validity == VALUE] = codes
        return InputColumn(self.type, fresh, validity, tuple(self.dictionary[code] for code in used))

    @classmethod
    def join(cls, kind: ColumnType, parts: Sequence[InputColumn]) -> InputColumn:
        """Columns of one type, one after the other, with one dictionary."""
        if not parts:
            return cls(kind, np.zeros(0, dtype_of(kind)), np.zeros(0, np.uint8))
        validity = np.concatenate([part.validity for part in parts])
        if kind.kind != "string":
            return cls(kind, np.concatenate([part.values for part in parts]), validity)
        dictionary = tuple(sorted(set().union(*(part.dictionary for part in parts))))
        place = {text: code for code, text in enumerate(dictionary)}
        codes = []
        for part in parts:
            places = np.array([place[text] for text in part.dictionary] or [0], np.int64)
            codes.append(np.where(part.validity == VALUE, places[part.values], 0))
        return cls(kind, np.concatenate(codes), validity, dictionary)


@dataclass(frozen=True)
class Replacements:
    """When the rows of a dataset with a primary key stop to count.

    Row i is replaced at (t, k) if one j in offsets[i]:offsets[i + 1] has event_time[j] <= t and known_at[j] <= k. Those
    are the later versions of its key that can be the first to replace it: known_at does not fall, event_time falls.

    Attributes:
        offsets: int64[n + 1].
        event_time: int64[m], microseconds since 1970 UTC.
        known_at: int64[m], microseconds since 1970 UTC.
    """

    offsets: np.ndarray
    event_time: np.ndarray
    known_at: np.ndarray

    def cut(self, begin: int, end: int) -> Replacements:
        """Those of rows begin to end (exclusive)."""
        low, high = int(self.offsets[begin]), int(self.offsets[end])
        return Replacements(self.offsets[begin : end + 1] - low, self.event_time[low:high], self.known_at[low:high])

    @classmethod
    def join(cls, parts: Sequence[Replacements]) -> Replacements:
        """Those of rows that follow each other."""
        counts = [np.diff(part.offsets) for part in parts]
        offsets = np.zeros(sum(map(len, counts)) + 1, np.int64)
        np.cumsum(np.concatenate([np.zeros(0, np.int64), *counts]), out=offsets[1:])
        empty = np.zeros(0, np.int64)
        event_time = np.concatenate([empty, *(part.event_time for part in parts)])
        return cls(offsets, event_time, np.concatenate([empty, *(part.known_at for part in parts)]))


@dataclass(frozen=True)
class EntityRows:
    """Everything that the features of one entity are evaluated from.

    Attributes:
        event_time: int64[n], microseconds since 1970 UTC, not falling: ordered by event time, known-at time, position.
        known_at: int64[n], microseconds since 1970 UTC.
        inputs: One column for each of `view.inputs`.
        replaced: For a dataset with a primary key, else None.
        partition: Integers[n], the partition of each row; None: all are of partition 0.
    """

    event_time: np.ndarray
    known_at: np.ndarray
    inputs: tuple[InputColumn, ...]
    replaced: Replacements | None = None
    partition: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.event_time)


@dataclass(frozen=True)
class PrepareReport:
    """What became of the rows that were given.

    Attributes:
        rows: Rows given.
        not_covered: Left out: past the watermark.
        repeated: Left out: a position seen before.
        without_key: Left out: a part of the entity key is null.
        not_finite: Kept, with a float expression that is NaN or infinite.
    """

    rows: int = 0
    not_covered: int = 0
    repeated: int = 0
    without_key: int = 0
    not_finite: int = 0


@dataclass(frozen=True)
class PreparedRows:
    """The rows of all entities of a view. Entity i owns rows starts[i] to starts[i + 1] (exclusive).

    Attributes:
        starts: int64[entities + 1].
        event_time: int64[rows], microseconds since 1970 UTC; within an entity in order as in `EntityRows`.
        known_at: int64[rows], microseconds since 1970 UTC.
        inputs: One column for each of `view.inputs`.
        replaced: For a dataset with a primary key, else None.
        keys: The join keys of each entity, in order: distinct, sorted. None if made by `from_entities` without keys.
        report: What became of the rows that were given.
        uses: The rows of the other views whose features are looked up, by name.
        partition: Integers[rows], the partition of each row; None: all are of partition 0, or nobody asks.
    """

    starts: np.ndarray
    event_time: np.ndarray
    known_at: np.ndarray
    inputs: tuple[InputColumn, ...]
    replaced: Replacements | None = None
    keys: pl.DataFrame | None = None
    report: PrepareReport = field(default_factory=PrepareReport)
    uses: Mapping[str, PreparedRows] = field(default_factory=dict)
    partition: np.ndarray | None = None

    @property
    def entities(self) -> int:
        """Number of entities."""
        return len(self.starts) - 1

    def __len__(self) -> int:
        return len(self.event_time)

    def entity(self, i: int) -> EntityRows:
        """The rows of entity i, free of the others: its strings have a dictionary of their own."""
        begin, end = int(self.starts[i]), int(self.starts[i + 1])
        return EntityRows(
            event_time=self.event_time[begin:end],
            known_at=self.known_at[begin:end],
            inputs=tuple(column.cut(begin, end) for column in self.inputs),
            replaced=None if self.replaced is None else self.replaced.cut(begin, end),
            partition=None if self.partition is None else self.partition[begin:end],
        )

    @classmethod
    def from_entities(
        cls, view: FeatureView, entities: Sequence[EntityRows | None], keys: pl.DataFrame | None = None
    ) -> PreparedRows:
        """Rows of some entities, in this order; None is an entity without any row."""
        rows = [entity for entity in entities if entity is not None]
        starts = np.zeros(len(entities) + 1, np.int64)
        np.cumsum([0 if entity is None else len(entity) for entity in entities], out=starts[1:])
        empty = np.zeros(0, np.int64)
        return cls(
            starts=starts,
            event_time=np.concatenate([empty, *(r.event_time for r in rows)]),
            known_at=np.concatenate([empty, *(r.known_at for r in rows)]),
            inputs=tuple(
                InputColumn.join(kind, [r.inputs[j] for r in rows]) for j, kind in enumerate(input_types(view))
            ),
            replaced=Replacements.join([r.replaced for r in rows if r.replaced]) if view.dataset.primary_key else None,
            keys=keys,
        )

    def index_of(self, entities: pl.DataFrame) -> np.ndarray:
        """The number of each row's entity, int64[n]; -1 for one that has no rows or a null in its key.

        Args:
            entities: Has the join keys as columns, of the keys' types.
        """
        if self._index is None:
            raise RetrievalError("these rows were put together without keys: ask for entities by number")
        return self._index.numbers(entities)

    @cached_property
    def _index(self) -> EntityIndex | None:
        return None if self.keys is None else EntityIndex(self.keys)


def input_types(view: FeatureView) -> tuple[ColumnType, ...]:
    """The type of each of `view.inputs`."""
    return tuple(row_type(node, view.dataset) for node in view.inputs)


def dtype_of(kind: ColumnType) -> type[np.float64 | np.int64]:
    """How values of a type are stored in an `InputColumn`."""
    return np.float64 if kind.kind == "float64" else np.int64


def dtypes(kinds: Mapping[str, ColumnType]) -> dict[str, pl.DataType]:
    """The Polars type of each column: what a dataset's frame holds, and what features come out as."""
    return {name: polars_type(kind) for name, kind in kinds.items()}


def polars_type(kind: ColumnType) -> pl.DataType:
    """The Polars type of a column type. Decimals have 18 digits."""
    if kind.kind == "decimal":
        return pl.Decimal(18, kind.scale)
    if kind.element is not None:
        return pl.List(polars_type(ColumnType(kind.element)))
    simple: dict[str, pl.DataType] = {
        "int64": pl.Int64(),
        "float64": pl.Float64(),
        "string": pl.String(),
        "boolean": pl.Boolean(),
        "timestamp": pl.Datetime("us", "UTC"),
        "date": pl.Date(),
    }
    return simple[kind.kind]
