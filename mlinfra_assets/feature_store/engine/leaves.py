"""The leaves of feature expressions: aggregates, the question itself, other views' features, scores."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, TypeAlias

import numpy as np
import polars as pl

from mlinfra_assets.feature_store.column_type import FLOAT64, TIMESTAMP
from mlinfra_assets.feature_store.engine.models import ScoreModels
from mlinfra_assets.feature_store.engine.python_function import apply_python
from mlinfra_assets.feature_store.engine.trees import TreeEvaluator
from mlinfra_assets.feature_store.engine.vector import Vector
from mlinfra_assets.feature_store.errors import RetrievalError
from mlinfra_assets.feature_store.nodes import Aggregate, Key, Lookup, Moment, Node, Python, Request, Score
from mlinfra_assets.feature_store.view import FeatureView


@dataclass(frozen=True)
class Question:
    """What is asked of a view, n times.

    Attributes:
        keys: The join keys, n rows; None if no feature is made of them.
        t: int64[n], microseconds since 1970 UTC.
        k: int64[n], microseconds since 1970 UTC.
        request: The values that come with the questions, n rows; None if there are none.
        models: Whoever scores; None if nobody does.
    """

    keys: pl.DataFrame | None
    t: np.ndarray
    k: np.ndarray
    request: pl.DataFrame | None
    models: ScoreModels | None


LookUp: TypeAlias = Callable[[Lookup, pl.DataFrame], Vector]


class Aggregates(Protocol):
    """The aggregates of a view at some questions."""

    def latest(self) -> tuple[np.ndarray, np.ndarray]:
        """Event time (int64[n], microseconds) of the latest row of each question, and whether there is one."""
        ...

    def evaluate(self, aggregate: Aggregate, served: np.ndarray) -> Vector:
        """The value of an aggregate at each question; null where not `served` (bool[n])."""
        ...


class Leaves(TreeEvaluator):
    """Evaluates a view's features, from the value of each leaf of their expressions.

    Args:
        view: The view.
        aggregates: Its aggregates.
        question: What is asked.
        served: bool[n]: what the view answers with null anyway is not computed.
        look_up: Answers other views' features: from a node, and a frame of keys, to one vector.
    """

    def __init__(
        self, view: FeatureView, aggregates: Aggregates, question: Question, served: np.ndarray, look_up: LookUp
    ) -> None:
        self._view, self._aggregates, self._question, self._served = view, aggregates, question, served
        self._look_up = look_up
        super().__init__(len(question.t), finite=True)

    def leaf(self, node: Node) -> Vector:
        """The value of a node that stands for itself."""
        if isinstance(node, Aggregate):
            return self._aggregates.evaluate(node, self._served)
        if isinstance(node, Key):
            return self._key(node).where(self._served)
        if isinstance(node, Moment):
            return Vector(TIMESTAMP, self._question.t, self._served).where(self._served)
        if isinstance(node, Request):
            return self._requested(node).finite().where(self._served)
        if isinstance(node, Lookup):
            keys = pl.DataFrame([self.evaluate(arg).where(self._served).to_polars(key) for key, arg in node.keys])
            return self._look_up(node, keys).where(self._served)
        if isinstance(node, Python):
            return self._python(node)
        if isinstance(node, Score):
            return self._score(node)
        raise TypeError(f"not a feature expression: {node}")

    def _key(self, node: Key) -> Vector:
        if self._question.keys is None:
            raise RetrievalError(f"view {self._view.name} has features of its key {node.name}: pass the keys")
        return Vector.from_polars(self._question.keys.get_column(node.name), self._view.key_schema[node.name])

    def _requested(self, node: Request) -> Vector:
        request = self._question.request
        if request is None or node.name not in request.columns:
            given = "nothing" if request is None else ", ".join(request.columns) or "nothing"
            raise RetrievalError(
                f"view {self._view.name} needs {node.name!r} ({node.type}) with each question; {given} was given"
            )
        return Vector.from_polars(request.get_column(node.name), node.type)

    def _python(self, node: Python) -> Vector:
        served = np.flatnonzero(self._served)
        found = apply_python(node, [self.evaluate(arg).gather(served) for arg in node.args])
        values, valid = np.zeros(len(self._served), found.values.dtype), np.zeros(len(self._served), np.bool_)
        values[served], valid[served] = found.values, found.valid
        return Vector(found.type, values, valid, found.dictionary)

    def _score(self, node: Score) -> Vector:
        models, served = self._question.models, self._served
        if models is None:
            raise RetrievalError(
                f"model {node.model} scores a feature of this view: pass the models that were in production"
            )
        columns = [self.evaluate(arg).to(FLOAT64) for _, arg in node.inputs]
        matrix = np.full((int(served.sum()), len(columns)), np.nan)
        for j, column in enumerate(columns):
            matrix[:, j] = np.where(column.valid, column.values, np.nan)[served]
        scores = np.zeros(len(served), np.float64)
        scores[served] = models.score(node.model, self._question.k[served], matrix)
        return Vector(FLOAT64, scores, served).finite()
