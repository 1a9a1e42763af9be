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

    def gather(self, places: np.ndarray) -> Question:
        """Some of what is asked (int64[m])."""
        keys = None if self.keys is None else self.keys[places]
        request = None if self.request is None else self.request[places]
        return Question(keys, self.t[places], self.k[places], request, self.models)


LookUp: TypeAlias = Callable[[Lookup, pl.DataFrame, Question], Vector]


class Aggregates(Protocol):
    """The aggregates of a view at some questions."""

    def latest(self) -> tuple[np.ndarray, np.ndarray]:
        """Event time (int64[n], microseconds) of the latest row of each question, and whether there is one."""
        ...

    def evaluate(self, aggregate: Aggregate, served: np.ndarray) -> Vector:
        """The value of an aggregate at each question; null where not `served` (bool[n])."""
        ...


class Leaves(TreeEvaluator):
    """Evaluates a view's features where they are served, from the value of each leaf of their expressions.

    What is not served is not computed: neither a constant that overflows nor a function that fails counts there. The
    columns have one value for each question that is served, in the order of the questions.

    Args:
        view: The view.
        aggregates: Its aggregates.
        question: What is asked.
        served: bool[n]: what the view does not answer with null anyway.
        look_up: Answers other views' features: from a node, a frame of keys, and what is asked of each to one vector.
    """

    def __init__(
        self, view: FeatureView, aggregates: Aggregates, question: Question, served: np.ndarray, look_up: LookUp
    ) -> None:
        self._view, self._aggregates, self._served, self._look_up = view, aggregates, served, look_up
        self._places = None if served.all() else np.flatnonzero(served)
        self._question = question if self._places is None else question.gather(self._places)
        super().__init__(len(self._question.t), finite=True)

    def answer(self, name: str, node: Node) -> pl.Series:
        """A feature at every question, null where it is not served.

        Raises:
            FeatureOverflowError: An exact result does not fit in 64 bits.
            FunctionError: A function of plain Python failed.
        """
        found = self.evaluate(node).to_polars(name)
        if self._places is None:
            return found
        rows = np.cumsum(self._served) - 1
        return found.gather(pl.Series(rows).set(pl.Series(~self._served), None).cast(pl.UInt32))

    def leaf(self, node: Node) -> Vector:
        """The value of a node that stands for itself."""
        if isinstance(node, Aggregate):
            found = self._aggregates.evaluate(node, self._served)
            return found if self._places is None else found.gather(self._places)
        if isinstance(node, Key):
            return self._key(node)
        if isinstance(node, Moment):
            return Vector(TIMESTAMP, self._question.t, np.ones(len(self._question.t), np.bool_))
        if isinstance(node, Request):
            return self._requested(node).finite()
        if isinstance(node, Lookup):
            keys = pl.DataFrame([self.evaluate(arg).to_polars(key) for key, arg in node.keys])
            return self._look_up(node, keys, self._question)
        if isinstance(node, Python):
            return apply_python(node, [self.evaluate(arg) for arg in node.args])
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

    def _score(self, node: Score) -> Vector:
        models = self._question.models
        if models is None:
            raise RetrievalError(
                f"model {node.model} scores a feature of this view: pass the models that were in production"
            )
        columns = [self.evaluate(arg).to(FLOAT64) for _, arg in node.inputs]
        matrix = np.full((len(self._question.t), len(columns)), np.nan)
        for j, column in enumerate(columns):
            matrix[:, j] = np.where(column.valid, column.values, np.nan)
        scores = models.score(node.model, self._question.k, matrix)
        return Vector(FLOAT64, scores, np.ones(len(scores), np.bool_)).finite()
