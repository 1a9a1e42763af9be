"""Functions of plain Python that drawn views apply: name, source, types of the arguments, type of the result."""

from __future__ import annotations

SCALED = """\
def scaled(x, n):
    if x is None or n is None:
        return None
    return x * n * 1e300
"""
INVERSE = """\
def inverse(d):
    return 1.0 / d if d else None
"""
ROOT = """\
def root(x):
    if x is None or x < 0:
        return None
    return math.sqrt(x)
"""
GRADED = """\
def graded(text, flag):
    if text is None:
        return 'none'
    return text.upper() if flag else text[:2]
"""
MINUTES = """\
def minutes(t, d):
    if t is None or d is None:
        return -1
    return t // 60000000 + d
"""
ODD = """\
def odd(n):
    return None if n is None else n % 2 == 1
"""
FUNCTIONS: tuple[tuple[str, str, tuple[str, ...], str], ...] = (
    ("scaled", SCALED, ("float64", "int64"), "float64"),
    ("inverse", INVERSE, ("decimal",), "float64"),
    ("root", ROOT, ("float64",), "float64"),
    ("graded", GRADED, ("string", "boolean"), "string"),
    ("minutes", MINUTES, ("timestamp", "date"), "int64"),
    ("odd", ODD, ("int64",), "boolean"),
)
