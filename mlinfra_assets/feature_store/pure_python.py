"""Features in plain Python: `@pure_python(returns="float64")` over a function of feature values."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from mlinfra_assets.feature_store.column_type import ColumnType
from mlinfra_assets.feature_store.constants import as_type
from mlinfra_assets.feature_store.errors import DefinitionError
from mlinfra_assets.feature_store.expressions import FeatureExpression, as_node
from mlinfra_assets.feature_store.nodes import Python
from mlinfra_assets.feature_store.python_source import RETURNED, parse_source


class PurePython:
    """A pure function of feature values: called with expressions and constants, it gives an expression.

    Attributes:
        function: The function itself, to be tried with values.
        source: What is stored and evaluated: the function without comments, docstring and annotations.
        returns: The type of what it returns.
    """

    def __init__(self, function: Callable[..., Any], returns: ColumnType) -> None:
        self.function = function
        self.returns = returns
        self._parsed = parse_source(_source_of(function))
        self.source = self._parsed.text
        self.__doc__ = function.__doc__

    def __call__(self, *args: object) -> FeatureExpression:
        """The function applied to features of the same entity at the same time. None stands for null on both sides."""
        nodes = tuple(as_node(arg) for arg in args)
        return FeatureExpression(Python(self._parsed.name, self.source, nodes, self.returns))


def pure_python(returns: str | ColumnType) -> Callable[[Callable[..., Any]], PurePython]:
    """Let a function be used in features; docs/declaring.md lists the Python that it may be made of.

    A null argument comes as None, a decimal as a float, a timestamp as microseconds and a date as days since 1970. None
    returned is null. The function sees the values of one entity at one time, and nothing else.

    Args:
        returns: `"int64"`, `"float64"`, `"string"` or `"boolean"`.

    Raises:
        DefinitionError: Another type, or a function that is not in the subset.
    """
    kind = as_type(returns)
    if kind.kind not in RETURNED:
        raise DefinitionError(f"pure_python(returns={str(kind)!r}): it can return {', '.join(sorted(RETURNED))}")
    return lambda function: PurePython(function, kind)


def _source_of(function: Callable[..., Any]) -> str:
    name = getattr(function, "__name__", repr(function))
    try:
        return inspect.getsource(function)
    except (OSError, TypeError) as error:
        raise DefinitionError(f"python function {name}: its source cannot be read; put it in a file") from error
