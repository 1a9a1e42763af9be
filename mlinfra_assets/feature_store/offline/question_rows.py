"""The questions of an entity table as rows that can be put down and taken up again: numbered, with typed keys."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import polars as pl

from mlinfra_assets.feature_store.column_type import ColumnType
from mlinfra_assets.feature_store.engine.rows import polars_type
from mlinfra_assets.feature_store.offline.questions import Questions
from mlinfra_assets.feature_store.view import FeatureView

ROW, T, K = "(row)", "(t)", "(k)"


def question_rows(frame: pl.DataFrame, first: int, questions: Questions, views: Sequence[FeatureView]) -> pl.DataFrame:
    """What a frame of the entity table asks of some views, one row a question.

    Args:
        frame: Rows of the entity table.
        first: The number of the first one.
        questions: How to read them.
        views: The views.
    """
    columns = {
        ROW: pl.Series(np.arange(first, first + frame.height, dtype=np.int64)),
        T: pl.Series(questions.t(frame, first)),
        K: pl.Series(questions.k(frame, first)),
    }
    for view in views:
        given = [(view.key_schema, questions.keys(frame, view)), (view.request_schema, questions.request(frame, view))]
        for kinds, values in given:
            if values is not None:
                columns |= {_stored(name, kind): values.get_column(name) for name, kind in kinds.items()}
    return pl.DataFrame(columns)


def keys_of(rows: pl.DataFrame, view: FeatureView) -> pl.DataFrame:
    """The join keys of a view."""
    return _taken(rows, view.key_schema)


def request_of(rows: pl.DataFrame, view: FeatureView) -> pl.DataFrame | None:
    """The values that a view wants with each question; None if it wants none."""
    return _taken(rows, view.request_schema) if view.request_schema else None


def _taken(rows: pl.DataFrame, kinds: Mapping[str, ColumnType]) -> pl.DataFrame:
    return rows.select(pl.col(_stored(name, kind)).cast(polars_type(kind)).alias(name) for name, kind in kinds.items())


def _stored(name: str, kind: ColumnType) -> str:
    # Two views may mean two types by one name.
    return f"{name} {kind}"
