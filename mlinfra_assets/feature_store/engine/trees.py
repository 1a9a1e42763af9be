"""Expression trees, evaluated on whole columns: each different sub-tree once."""

from __future__ import annotations

from abc import ABC, abstractmethod

from mlinfra_assets.feature_store.engine.operators import apply
from mlinfra_assets.feature_store.engine.vector import Vector
from mlinfra_assets.feature_store.nodes import Call, Literal, Node


class TreeEvaluator(ABC):
    """Evaluates trees over the same rows.

    Args:
        count: Number of rows.
        finite: Turn a float that is not finite into null after every operator.
    """

    def __init__(self, count: int, *, finite: bool) -> None:
        self._count = count
        self._finite = finite
        self._known: dict[Node, Vector] = {}

    @abstractmethod
    def leaf(self, node: Node) -> Vector:
        """The column of a node that is neither an operator nor a constant."""

    def evaluate(self, node: Node) -> Vector:
        """The column of an expression.

        Raises:
            FeatureOverflowError: An exact result does not fit in 64 bits.
        """
        known = self._known.get(node)
        if known is None:
            known = self._known[node] = self._fresh(node)
        return known

    def _fresh(self, node: Node) -> Vector:
        if isinstance(node, Literal):
            return Vector.constant(node, self._count)
        if not isinstance(node, Call):
            return self.leaf(node)
        result = apply(node.operator, [self.evaluate(arg) for arg in node.args])
        return result.finite() if self._finite else result
