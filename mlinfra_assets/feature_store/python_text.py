"""A checked function as text that depends on neither its formatting nor the version of Python that writes it."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence

INDENT = "    "
_SIGNS: dict[type[ast.AST], str] = {
    ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.FloorDiv: "//", ast.Mod: "%", ast.Pow: "**",
    ast.Eq: "==", ast.NotEq: "!=", ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=", ast.In: "in",
    ast.NotIn: "not in", ast.Is: "is", ast.IsNot: "is not", ast.And: "and", ast.Or: "or", ast.Not: "not ",
    ast.USub: "-", ast.UAdd: "+",
}  # fmt: skip
_ATOMS = (ast.Name, ast.Call, ast.List, ast.Tuple, ast.Subscript)


def text_of_function(tree: ast.FunctionDef) -> str:
    """The function's text: one statement a line, four spaces a level, parentheses around every nested operation."""
    parameters = ", ".join(arg.arg for arg in tree.args.args)
    return "\n".join([f"def {tree.name}({parameters}):", *_block(tree.body, INDENT)]) + "\n"


def _block(statements: Sequence[ast.stmt], indent: str) -> Iterator[str]:
    for statement in statements:
        yield from _statement(statement, indent)


def _statement(node: ast.stmt, indent: str) -> Iterator[str]:
    if isinstance(node, ast.Return):
        yield f"{indent}return" + ("" if node.value is None else f" {_text(node.value)}")
    elif isinstance(node, ast.Assign):
        yield f"{indent}{_text(node.targets[0])} = {_text(node.value)}"
    elif isinstance(node, ast.AugAssign):
        yield f"{indent}{_text(node.target)} {_SIGNS[type(node.op)]}= {_text(node.value)}"
    elif isinstance(node, ast.For):
        yield f"{indent}for {_text(node.target)} in {_text(node.iter)}:"
        yield from _block(node.body, indent + INDENT)
    elif isinstance(node, ast.If):
        yield from _condition(node, indent, "if")
    else:
        yield f"{indent}{type(node).__name__.lower()}"


def _condition(node: ast.If, indent: str, word: str) -> Iterator[str]:
    yield f"{indent}{word} {_text(node.test)}:"
    yield from _block(node.body, indent + INDENT)
    if len(node.orelse) == 1 and isinstance(node.orelse[0], ast.If):
        yield from _condition(node.orelse[0], indent, "elif")
    elif node.orelse:
        yield f"{indent}else:"
        yield from _block(node.orelse, indent + INDENT)


def _text(node: ast.expr) -> str:
    if isinstance(node, ast.Constant):
        return ascii(node.value)
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.BinOp):
        return f"{_nested(node.left)} {_SIGNS[type(node.op)]} {_nested(node.right)}"
    if isinstance(node, ast.UnaryOp):
        return f"{_SIGNS[type(node.op)]}{_nested(node.operand)}"
    if isinstance(node, ast.BoolOp):
        return f" {_SIGNS[type(node.op)]} ".join(map(_nested, node.values))
    if isinstance(node, ast.Compare):
        pairs = zip(node.ops, node.comparators, strict=True)
        return _nested(node.left) + "".join(f" {_SIGNS[type(o)]} {_nested(right)}" for o, right in pairs)
    if isinstance(node, ast.IfExp):
        return f"{_nested(node.body)} if {_nested(node.test)} else {_nested(node.orelse)}"
    if isinstance(node, ast.Call):
        return f"{_text(node.func)}({', '.join(map(_text, node.args))})"
    if isinstance(node, ast.Attribute):
        return f"{_receiver(node.value)}.{node.attr}"
    if isinstance(node, ast.Subscript):
        return f"{_receiver(node.value)}[{_text(node.slice)}]"
    if isinstance(node, ast.Slice):
        parts = ("" if part is None else _text(part) for part in (node.lower, node.upper))
        return ":".join(parts) + ("" if node.step is None else f":{_text(node.step)}")
    if isinstance(node, ast.List):
        return f"[{', '.join(map(_text, node.elts))}]"
    if isinstance(node, ast.Tuple):
        return f"({', '.join(map(_text, node.elts))}{',' if len(node.elts) == 1 else ''})"
    raise TypeError(f"not in the subset: {node}")


def _nested(node: ast.expr) -> str:
    return _text(node) if isinstance(node, (*_ATOMS, ast.Constant)) else f"({_text(node)})"


def _receiver(node: ast.expr) -> str:
    text = isinstance(node, ast.Constant) and isinstance(node.value, str)
    return _text(node) if text or isinstance(node, _ATOMS) else f"({_text(node)})"
