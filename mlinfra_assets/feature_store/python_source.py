"""The subset of Python that a feature may be written in: one pure function of plain values.

What is allowed is listed; everything else is refused: imports, attributes, names from outside, `while`, comprehensions,
lambdas, keywords, f-strings, exceptions. So a definition that is stored with a version can be run years later, by
anybody, without it reaching anything but its arguments, and it gives the same bits everywhere.
"""

from __future__ import annotations

import ast
import math
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from mlinfra_assets.feature_store.dataset import nearest
from mlinfra_assets.feature_store.errors import DefinitionError
from mlinfra_assets.feature_store.python_text import text_of_function

LONGEST_SOURCE = 4_000
LONGEST_TEXT = 40_000
"""With comments and docstring."""

MOST_ROUNDS = 1_000
MOST_LOOPS = 2
LARGEST_EXPONENT = 16
RETURNED = frozenset({"int64", "float64", "string", "boolean"})
"""Kinds of value that a function can return."""

BUILTINS = frozenset(
    {"abs", "min", "max", "len", "round", "int", "float", "str", "bool", "sum", "sorted", "range"}
)  # fmt: skip
MATH = frozenset({"sqrt", "floor", "ceil", "fabs", "isfinite", "trunc", "copysign", "fmod"})
"""Functions of `math` whose results IEEE 754 fixes to the last bit."""

METHODS = frozenset(
    {
        "lower", "upper", "casefold", "strip", "lstrip", "rstrip", "startswith", "endswith", "removeprefix",
        "removesuffix", "replace", "split", "join", "find", "count", "isdigit", "isalpha", "isalnum", "isupper",
        "islower", "isspace",
    }
)  # fmt: skip
"""Methods of strings."""

_OPERATORS = (ast.Add, ast.Sub, ast.Mult, ast.Div, ast.FloorDiv, ast.Mod, ast.Pow)
_COMPARISONS = (ast.Eq, ast.NotEq, ast.Lt, ast.LtE, ast.Gt, ast.GtE, ast.In, ast.NotIn, ast.Is, ast.IsNot)
_SIMPLE = (ast.Pass, ast.Break, ast.Continue)


@dataclass(frozen=True)
class Source:
    """A function that was checked.

    Attributes:
        name: Its name.
        parameters: Names of its parameters, in order.
        tree: The function, without docstring, annotations and decorators. Not to be changed.
    """

    name: str
    parameters: tuple[str, ...]
    tree: ast.FunctionDef

    @property
    def text(self) -> str:
        """The function as text that depends on neither comments nor formatting, the same in every Python."""
        return text_of_function(self.tree)


@lru_cache(maxsize=256)
def parse_source(text: str) -> Source:
    """Check a function's source; the arguments of a decorator do not matter, and are left out.

    Raises:
        DefinitionError: Not a function in the subset; the message says what is not allowed, and in which line.
    """
    if len(text) > LONGEST_TEXT:
        raise DefinitionError(f"python function: its source has {len(text):,} characters, with its comments")
    try:
        body = ast.parse(textwrap.dedent(text)).body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise DefinitionError(f"python function: its source is not Python: {error}") from error
    if len(body) != 1 or not isinstance(body[0], ast.FunctionDef):
        raise DefinitionError("python function: its source has to be one function made with def, and nothing else")
    tree = _bare(body[0])
    try:
        _Check(tree).run()
        source = Source(tree.name, tuple(arg.arg for arg in tree.args.args), tree)
        length = len(source.text)
    except RecursionError as error:
        raise DefinitionError(f"python function {tree.name}: its expressions are nested too deeply") from error
    if length > LONGEST_SOURCE:
        raise DefinitionError(
            f"python function {tree.name} has {length:,} characters: at most {LONGEST_SOURCE:,} are allowed"
        )
    return source


def _bare(tree: ast.FunctionDef) -> ast.FunctionDef:
    tree.decorator_list = []
    tree.returns = None
    for arg in tree.args.args:
        arg.annotation = None
    if ast.get_docstring(tree, clean=False) is not None:
        tree.body = tree.body[1:] or [ast.copy_location(ast.Pass(), tree.body[0])]
    return tree


class _Check:
    """Goes through one function; raises at the first thing that is not allowed."""

    def __init__(self, tree: ast.FunctionDef) -> None:
        self._tree = tree
        stored = [n for n in ast.walk(tree) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)]
        self._names = {arg.arg for arg in tree.args.args} | {name.id for name in stored}

    def run(self) -> None:
        args = self._tree.args
        if getattr(self._tree, "type_params", None):
            self._refuse(self._tree, "type parameters are not allowed")
        if args.posonlyargs or args.kwonlyargs or args.vararg or args.kwarg or args.defaults:
            self._refuse(self._tree, "its parameters have to be plain names, without defaults and stars")
        if not args.args:
            self._refuse(self._tree, "it has to take at least one value")
        for name in sorted({self._tree.name, *self._names}):
            if name.startswith("_") or not name.isascii() or name in BUILTINS or name == "math":
                self._refuse(self._tree, f"{name!r} cannot be a name of its own")
        if self._tree.name in self._names:
            self._refuse(self._tree, f"{self._tree.name!r} is the function itself")
        self._block(self._tree.body, 0)

    def _block(self, statements: Sequence[ast.stmt], loops: int) -> None:
        for statement in statements:
            self._statement(statement, loops)

    def _statement(self, node: ast.stmt, loops: int) -> None:
        if isinstance(node, ast.Return):
            if node.value is not None:
                self._expression(node.value)
        elif isinstance(node, ast.Assign):
            if len(node.targets) != 1:
                self._refuse(node, "assign to one name at a time")
            self._target(node.targets[0])
            self._expression(node.value)
        elif isinstance(node, ast.AugAssign):
            self._target(node.target)
            self._calculation(node, node.op, node.value)
            self._expression(node.value)
        elif isinstance(node, ast.If):
            self._expression(node.test)
            self._block(node.body, loops)
            self._block(node.orelse, loops)
        elif isinstance(node, ast.For):
            self._loop(node, loops + 1)
        elif not isinstance(node, _SIMPLE):
            self._refuse(node, f"{_called(node)} is not allowed: it takes return, =, if, for, pass, break, continue")

    def _loop(self, node: ast.For, loops: int) -> None:
        if loops > MOST_LOOPS:
            self._refuse(node, f"loops may stand in each other {MOST_LOOPS} deep")
        if node.orelse:
            self._refuse(node, "for has no else")
        self._target(node.target)
        self._expression(node.iter)
        self._block(node.body, loops)

    def _target(self, node: ast.expr) -> None:
        if not isinstance(node, ast.Name):
            self._refuse(node, "only a plain name can be assigned to")

    def _expression(self, node: ast.expr) -> None:
        if isinstance(node, ast.Constant):
            self._constant(node)
        elif isinstance(node, ast.Name):
            if node.id not in self._names:
                self._refuse(node, f"the name {node.id!r} is from outside{nearest(node.id, self._names)}")
        elif isinstance(node, ast.Call):
            self._call(node)
        elif isinstance(node, ast.BinOp):
            self._calculation(node, node.op, node.right)
            self._each(node.left, node.right)
        elif isinstance(node, ast.UnaryOp):
            if isinstance(node.op, ast.Invert):
                self._refuse(node, "~ is not allowed")
            self._each(node.operand)
        elif isinstance(node, ast.Compare):
            self._comparison(node)
        elif isinstance(node, ast.BoolOp):
            self._each(*node.values)
        elif isinstance(node, ast.IfExp):
            self._each(node.test, node.body, node.orelse)
        elif isinstance(node, ast.List | ast.Tuple):
            self._each(*node.elts)
        elif isinstance(node, ast.Subscript):
            self._expression(node.value)
            self._place(node.slice)
        else:
            self._refuse(node, f"{_called(node)} is not allowed")

    def _each(self, *nodes: ast.expr) -> None:
        for node in nodes:
            self._expression(node)

    def _place(self, node: ast.expr) -> None:
        if isinstance(node, ast.Slice):
            self._each(*(part for part in (node.lower, node.upper, node.step) if part is not None))
        else:
            self._expression(node)

    def _constant(self, node: ast.Constant) -> None:
        value = node.value
        if value is None or isinstance(value, bool):
            return
        if isinstance(value, int) and value < 2**63:
            return
        if isinstance(value, float) and math.isfinite(value):
            return
        if isinstance(value, str) and not any("\ud800" <= c <= "\udfff" for c in value):
            return
        self._refuse(node, "a constant is None, True, False, a 64-bit integer, a finite float or a string")

    def _calculation(self, node: ast.AST, operator: ast.operator, right: ast.expr) -> None:
        if not isinstance(operator, _OPERATORS):
            self._refuse(node, "of the operators there are + - * / // % **")
        if isinstance(operator, ast.Pow):
            exponent = _integer(right)
            if exponent is None or not 0 <= exponent <= LARGEST_EXPONENT:
                self._refuse(node, f"the exponent of ** is an integer from 0 to {LARGEST_EXPONENT}, written out")

    def _comparison(self, node: ast.Compare) -> None:
        for operator, right in zip(node.ops, node.comparators, strict=True):
            if not isinstance(operator, _COMPARISONS):
                self._refuse(node, "this comparison is not allowed")
            nothing = isinstance(right, ast.Constant) and right.value is None
            if isinstance(operator, ast.Is | ast.IsNot) and not nothing:
                self._refuse(node, "is compares with None only: use ==")
        self._each(node.left, *node.comparators)

    def _call(self, node: ast.Call) -> None:
        if node.keywords:
            self._refuse(node, "arguments are given by position")
        function = node.func
        if isinstance(function, ast.Name):
            if function.id not in BUILTINS:
                self._refuse(node, f"{function.id}() cannot be called{nearest(function.id, BUILTINS)}")
            if function.id == "range":
                self._range(node)
        elif not isinstance(function, ast.Attribute):
            self._refuse(node, "only a function by its name can be called")
        elif isinstance(function.value, ast.Name) and function.value.id == "math":
            if function.attr not in MATH:
                self._refuse(node, f"math.{function.attr}() cannot be called{nearest(function.attr, MATH)}")
        else:
            if function.attr not in METHODS:
                self._refuse(node, f".{function.attr}() cannot be called{nearest(function.attr, METHODS)}")
            self._expression(function.value)
        self._each(*node.args)

    def _range(self, node: ast.Call) -> None:
        bounds = [_integer(arg) for arg in node.args]
        known = [bound for bound in bounds if bound is not None]
        if len(known) != len(bounds) or not 1 <= len(bounds) <= 3 or known[2:] == [0]:
            self._refuse(node, "range() takes one to three integers, written out")
        if max(map(abs, known)) >= 2**63 or len(range(*known)) > MOST_ROUNDS:
            self._refuse(node, f"range() has at most {MOST_ROUNDS:,} values")

    def _refuse(self, node: ast.AST, why: str) -> None:
        line = getattr(node, "lineno", None)
        where = "" if line is None else f", line {line}"
        raise DefinitionError(f"python function {self._tree.name}{where}: {why}")


def _integer(node: ast.expr) -> int | None:
    """An integer that is written out, perhaps with a minus."""
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        value = _integer(node.operand)
        return None if value is None else -value
    if isinstance(node, ast.Constant) and isinstance(node.value, int) and not isinstance(node.value, bool):
        return node.value
    return None


def _called(node: ast.AST) -> str:
    names = {
        "ListComp": "a comprehension", "SetComp": "a comprehension", "DictComp": "a comprehension",
        "GeneratorExp": "a comprehension", "Lambda": "lambda", "JoinedStr": "an f-string", "Attribute": "an attribute",
        "Import": "import", "ImportFrom": "import", "While": "while", "NamedExpr": ":=", "Dict": "a dictionary",
        "Set": "a set", "Starred": "a star", "FunctionDef": "a function in the function", "ClassDef": "a class",
        "Expr": "an expression that nothing is done with", "AnnAssign": "a declared type",
    }  # fmt: skip
    return names.get(type(node).__name__, type(node).__name__.lower())
