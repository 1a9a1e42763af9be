"""The engine, asked as the judge is asked, and values as bits."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any

import numpy as np
import polars as pl

from mlinfra_assets.clock import to_micros
from mlinfra_assets.feature_store.column_type import ColumnType
from mlinfra_assets.feature_store.engine.evaluate import evaluate
from mlinfra_assets.feature_store.engine.related import prepare_view
from mlinfra_assets.feature_store.engine.rows import PreparedRows, polars_type
from mlinfra_assets.feature_store.view import FeatureView
from tests.support.cases.questions import LinearModel, Question
from tests.support.cases.tables import to_frame


class Tables:
    """Datasets in memory, read in frames of `chunk` rows (0: all rows at once)."""

    def __init__(self, tables: Mapping[str, Sequence[dict]], chunk: int = 0) -> None:
        self._frames = {name: to_frame(rows) for name, rows in tables.items()}
        self._chunk = chunk

    def rows(self, dataset: str, columns: Sequence[str], version: int | None = None) -> pl.DataFrame:
        assert version is None
        return self._frames[dataset].select(columns)

    def batches(self, dataset: str, columns: Sequence[str], version: int | None = None) -> Iterator[pl.DataFrame]:
        frame = self.rows(dataset, columns, version)
        step = self._chunk or max(1, frame.height)
        yield from (frame[start : start + step] for start in range(0, frame.height, step))

    def count(self, dataset: str, version: int | None = None) -> int:
        assert version is None
        return self._frames[dataset].height


def prepared(
    view: FeatureView, tables: Mapping[str, Sequence[dict]], chunk: int = 0, only: pl.DataFrame | None = None
) -> PreparedRows:
    """A view's rows, perhaps of some entities only, and those of the views that it uses."""
    return prepare_view(view, Tables(tables, chunk), only=only)


def ask(view: FeatureView, rows: PreparedRows, questions: Sequence[Question]) -> pl.DataFrame:
    """The engine's answers, one row a question."""
    t = np.array([question.t for question in questions], np.int64)
    k = np.array([question.k for question in questions], np.int64)
    entities, request = entities_of(view, questions), request_of(view, questions)
    return evaluate(view, rows, entities, t, k, LinearModel(), request)


def entities_of(view: FeatureView, questions: Sequence[Question]) -> pl.DataFrame:
    """The join keys of the entities that are asked about."""
    return to_columns(view.key_schema, [dict(zip(view.join_keys, q.entity, strict=True)) for q in questions])


def request_of(view: FeatureView, questions: Sequence[Question]) -> pl.DataFrame | None:
    """What comes with the questions, if the view needs anything."""
    return to_columns(view.request_schema, [q.request for q in questions]) if view.request_schema else None


def to_columns(kinds: Mapping[str, ColumnType], rows: Sequence[Mapping[str, Any]]) -> pl.DataFrame:
    """Dictionaries as a frame of these types."""
    return pl.DataFrame(
        [pl.Series(name, [row[name] for row in rows], dtype=polars_type(kind)) for name, kind in kinds.items()]
    )


def bits(value: Any) -> Any:
    """A value so that equal bits, and nothing else, are equal; times and dates as numbers."""
    if isinstance(value, float):
        return "double", struct.pack(">d", value)
    if isinstance(value, datetime):
        return "int", to_micros(value.astimezone(UTC))
    if isinstance(value, date):
        return "int", (value - date(1970, 1, 1)).days
    if isinstance(value, list | tuple):
        return "list", tuple(map(bits, value))
    return type(value).__name__, value
