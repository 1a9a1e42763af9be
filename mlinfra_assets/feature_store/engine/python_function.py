"""Functions of plain Python, run: compiled with guards around everything that could grow without bounds."""

from __future__ import annotations

import ast
import copy
import math
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from mlinfra_assets.feature_store.column_type import FLOAT64, ColumnType
from mlinfra_assets.feature_store.engine.distinct import distinct_rows, vector_of_texts
from mlinfra_assets.feature_store.engine.python_guards import GUARDED, OPERATORS
from mlinfra_assets.feature_store.engine.vector import Vector
from mlinfra_assets.feature_store.errors import FunctionError
from mlinfra_assets.feature_store.nodes import Python
from mlinfra_assets.feature_store.python_source import parse_source

_TYPES: dict[str, type] = {"int64": int, "float64": float, "string": str, "boolean": bool}


def apply_python(node: Python, args: Sequence[Vector]) -> Vector:
    """A function of plain Python on columns of equal length; it is called once for each different row.

    Raises:
        DefinitionError: The function is not in the subset.
        FunctionError: It failed, or returned another type than it declares; the message names the arguments.
    """
    function = compiled_function(node.source)
    rows, places = distinct_rows(args)
    columns = [_as_python(arg.gather(rows)) for arg in args]
    results = [_called(node, function, values) for values in zip(*columns, strict=True)]
    valid = np.array([result is not None for result in results], np.bool_)[places]
    if node.type.kind == "string":
        return vector_of_texts([result or "" for result in results], places, valid)
    filled = np.array([0 if result is None else result for result in results], _dtype(node.type))
    return Vector(node.type, filled[places], valid)


@lru_cache(maxsize=256)
def compiled_function(source: str) -> Callable[..., Any]:
    """The function that a source defines, checked again, with nothing in reach but its arguments.

    Raises:
        DefinitionError: The source is not in the subset.
    """
    checked = parse_source(source)
    tree = _Guard().visit(copy.deepcopy(checked.tree))
    module = ast.fix_missing_locations(ast.Module([tree], []))
    names: dict[str, Any] = {"__builtins__": {}, **GUARDED}
    exec(compile(module, f"<{checked.name}>", "exec"), names)  # noqa: S102 - only what parse_source allows gets here
    return names[checked.name]


class _Guard(ast.NodeTransformer):
    """Turns operators, methods, displays and loops into calls of guards."""

    def visit_BinOp(self, node: ast.BinOp) -> ast.expr:
        self.generic_visit(node)
        return _call(OPERATORS[type(node.op)], node.left, node.right)

    def visit_AugAssign(self, node: ast.AugAssign) -> ast.stmt:
        self.generic_visit(node)
        if not isinstance(node.target, ast.Name):
            raise TypeError(f"not in the subset: {node}")
        value = ast.Name(node.target.id, ast.Load())
        grown = _call("_changed", value, _call(OPERATORS[type(node.op)], value, node.value))
        return ast.Assign([node.target], grown)

    def visit_Call(self, node: ast.Call) -> ast.expr:
        self.generic_visit(node)
        function = node.func
        if isinstance(function, ast.Name):
            return _call(f"_{function.id}", *node.args)
        if not isinstance(function, ast.Attribute):
            raise TypeError(f"not in the subset: {node}")
        if isinstance(function.value, ast.Name) and function.value.id == "math":
            return _call(f"_math_{function.attr}", *node.args)
        return _call("_method", ast.Constant(function.attr), function.value, *node.args)

    def visit_List(self, node: ast.List) -> ast.expr:
        self.generic_visit(node)
        return _call("_items", node)

    def visit_Tuple(self, node: ast.Tuple) -> ast.expr:
        self.generic_visit(node)
        return _call("_items", node)

    def visit_For(self, node: ast.For) -> ast.stmt:
        self.generic_visit(node)
        node.iter = _call("_rounds", node.iter)
        return node


def _call(name: str, *args: ast.expr) -> ast.expr:
    return ast.Call(ast.Name(name, ast.Load()), list(args), [])


def _as_python(vector: Vector) -> list[Any]:
    if vector.type.kind == "decimal":
        vector = vector.to(FLOAT64)
    values = vector.values.tolist()
    if vector.type.kind == "string":
        values = [vector.dictionary[code] if valid else "" for code, valid in zip(values, vector.valid, strict=True)]
    return [value if valid else None for value, valid in zip(values, vector.valid, strict=True)]


def _called(node: Python, function: Callable[..., Any], values: tuple[Any, ...]) -> Any:  # noqa: ANN401 - a value
    shown = f"{node.name}({', '.join(map(repr, values))})"
    try:
        result = function(*values)
    except (ArithmeticError, LookupError, MemoryError, NameError, TypeError, ValueError) as error:
        raise FunctionError(f"{shown} failed: {type(error).__name__}: {error}") from error
    if result is None or (isinstance(result, float) and not math.isfinite(result)):
        return None
    wanted = _TYPES[node.type.kind]
    if type(result) is not wanted:
        raise FunctionError(f"{shown} returned {result!r}: it declares to return {node.type}, a {wanted.__name__}")
    if wanted is int and not -(2**63) <= result < 2**63:
        raise FunctionError(f"{shown} returned {result}, which does not fit in 64 bits")
    return result


def _dtype(kind: ColumnType) -> type:
    return {"float64": np.float64, "boolean": np.bool_}.get(kind.kind, np.int64)
