"""Functions of plain Python on columns: nulls, types, errors, and bounds on what they may use."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from mlinfra_assets.feature_store import ColumnType
from mlinfra_assets.feature_store.engine import python_function
from mlinfra_assets.feature_store.engine.python_function import apply_python, compiled_function
from mlinfra_assets.feature_store.errors import DefinitionError, FunctionError
from mlinfra_assets.feature_store.nodes import Key, Python
from tests.support.vectors import values, vector

COUNTED = """\
b = 0
    for i in range(10, 0, -3):
        if i == 4:
            continue
        b += i
    return b"""
LETTERS = """\
b = 0
    for c in 'abca':
        if c == 'a':
            b += 1
        if c == 'b':
            break
    return b"""
DOUBLED = """\
for i in range(1000):
        for j in range(1000):
            a = a + a
    return 1"""


def run(body: str, returns: str, *columns: tuple[str, list[Any]]) -> list[Any]:
    """A function of a, b, ... with this body, applied to columns."""
    names = "abcdefgh"[: len(columns)]
    source = f"def f({', '.join(names)}):\n    {body}\n"
    node = Python("f", source, tuple(Key(name) for name in names), ColumnType.parse(returns))
    found = apply_python(node, [vector(kind, given) for kind, given in columns])
    assert found.type == node.type
    return values(found)


def test_a_null_comes_as_none_and_goes_as_none():
    assert run("return None if a is None else a + 1", "int64", ("int64", [1, None, -1])) == [2, None, 0]
    assert run("return a is None", "boolean", ("string", ["x", None])) == [False, True]
    assert run("return 'none' if a is None else None", "string", ("string", ["x", None])) == [None, "none"]
    assert run("pass", "float64", ("float64", [1.0])) == [None]


def test_values_come_as_python_has_them():
    assert run("return a / 2", "float64", ("decimal(2)", [150])) == [0.75]
    assert run("return a + 1", "int64", ("timestamp", [-1])) == [0]
    assert run("return a + 1", "int64", ("date", [-1])) == [0]
    assert run("return not a", "boolean", ("boolean", [True, False])) == [False, True]
    assert run("return a + b", "string", ("string", ["x", "y"]), ("string", ["b", "a"])) == ["xb", "ya"]
    assert run("return a", "int64", ("int64", [2**63 - 1, -(2**63)])) == [2**63 - 1, -(2**63)]


def test_what_is_not_finite_is_null():
    assert run("return a * 10", "float64", ("float64", [1e308, -1e308, 1.0])) == [None, None, 10.0]
    assert run("return float('nan')", "float64", ("float64", [1.0])) == [None]


def test_a_negative_zero_is_told_from_zero():
    (first, second) = run("return math.copysign(1.0, a) * 0.0", "float64", ("float64", [0.0, -0.0]))
    assert (math.copysign(1, first), math.copysign(1, second)) == (1, -1)


def test_no_rows_are_no_calls():
    assert run("return a", "string", ("string", [])) == []
    assert run("return 1 / 0", "float64", ("float64", [])) == []


def test_each_different_row_is_asked_once(monkeypatch: pytest.MonkeyPatch):
    calls: list[tuple] = []

    def counted(source: str):
        function = compiled_function(source)
        return lambda *args: (calls.append(args), function(*args))[1]

    monkeypatch.setattr(python_function, "compiled_function", counted)
    numbers, texts = [1, 2, 1, None, None, 1], ["a", "a", "a", "a", "a", None]
    assert run("return 1", "int64", ("int64", numbers), ("string", texts)) == [1] * 6
    assert sorted(calls, key=repr) == [(1, "a"), (1, None), (2, "a"), (None, "a")]


@pytest.mark.parametrize(
    ("body", "returns", "column", "message"),
    [
        ("return 1 / a", "float64", ("int64", [1, 0]), r"f\(0\) failed: ZeroDivisionError"),
        ("return a + 1", "int64", ("string", ["x"]), r"f\('x'\) failed: TypeError"),
        ("return a + 1", "int64", ("int64", [None]), r"f\(None\) failed: TypeError"),
        ("return int(a)", "int64", ("string", ["x"]), r"f\('x'\) failed: ValueError"),
        ("return a[5]", "string", ("string", ["x"]), r"f\('x'\) failed: IndexError"),
        ("if a > 1:\n        b = 1\n    return b", "int64", ("int64", [0]), r"f\(0\) failed: UnboundLocalError"),
        ("return math.sqrt(a)", "float64", ("float64", [-1.0]), r"f\(-1.0\) failed: ValueError"),
        ("return 1", "float64", ("int64", [7]), r"f\(7\) returned 1: it declares to return float64, a float"),
        ("return True", "int64", ("int64", [7]), r"f\(7\) returned True: it declares to return int64, a int"),
        ("return [a]", "int64", ("int64", [7]), r"f\(7\) returned \[7\]"),
        ("return a * 2", "int64", ("int64", [2**62]), r"returned 9223372036854775808, which does not fit in 64 bits"),
    ],
)
def test_what_fails_is_named_with_its_values(body, returns, column, message):
    with pytest.raises(FunctionError, match=message):
        run(body, returns, column)


@pytest.mark.parametrize(
    ("body", "wanted"),
    [
        ("return 7 // 2 * 10 + 7 % 4 - 2 ** 3", 25),
        ("return -7 // 2", -4),
        ("return -7 % 3", 2),
        ("return round(2.5) + round(3.5)", 6),
        ("return len('aé') + min(3, 2) + max([1, 5]) + abs(-1)", 10),
        ("return sum([1, 2, 3]) + int(3.9) + int('4')", 13),
        ("return sorted([3, 1, 2])[0] + [1, 2, 3][-1] + len([1, 2, 3][1:])", 6),
        (COUNTED, 18),
        (LETTERS, 1),
        ("return 1 if 1 < a <= 3 and a in (1, 2, 3) and 'b' not in 'xyz' else 0", 1),
        ("return 'a,b'.split(',')[1].upper().find('B') + 'aab'.replace('a', 'x').count('x')", 2),
        ("return len(' x '.strip().join(['1', '2']))", 3),
        ("return math.floor(1.5) + math.ceil(1.5) + math.trunc(-1.5)", 2),
        ("return a if a != 3 else None", None),
    ],
)  # fmt: skip
def test_the_language_means_what_it_means(body: str, wanted):
    assert run(body, "int64", ("int64", [3])) == [wanted]


def test_a_sum_adds_from_left_to_right():
    assert run("return sum([1e16, a, -1e16])", "float64", ("float64", [1.0])) == [0.0]
    assert run("return sum([0.1] + [0.1, 0.1])", "float64", ("float64", [1.0])) == [0.1 + 0.1 + 0.1]


def test_rounding_follows_the_shortest_text_of_the_double():
    assert run("return round(a, 2)", "float64", ("float64", [2.675, 1.005, -2.5])) == [2.67, 1.0, -2.5]
    assert run("return str(a)", "string", ("float64", [0.1, 1e16, 1e22])) == ["0.1", "1e+16", "1e+22"]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (DOUBLED, "a string of more than"),
        ("return len(a * 1000000000)", "a str . a int: it takes numbers"),
        ("return len('%999999999d' % 3)", "a str % a int: it takes numbers"),
        ("b = 3\n    for i in range(1000):\n        b = b * b\n    return 1", "an integer of more than 1,024 bits"),
        ("b = 3\n    for i in range(100):\n        b **= 16\n    return 1", "an integer of more than 1,024 bits"),
        ("b = [1]\n    for i in range(1000):\n        b = b + b\n    return 1", "a list of more than 10,000 values"),
        ("b = [1]\n    b += [2]\n    return 1", "a list is not changed in place"),
        ("b = [1]\n    b = [b, b]\n    return 1", "a list holds plain values"),
        ("b = a\n    for i in range(20):\n        b = b.replace('', b)\n    return 1", "a string of more than"),
        ("b = a\n    for i in range(20):\n        b = b.join([b, b, b])\n    return 1", "a string of more than"),
        ("return round(5, -1000000000)", "round.. to at most 30 digits"),
        ("return int(1.5 ** 2)", "of a float is not fixed to the last bit: write x . x"),
        ("return len(str([1]))", "str.. of a list"),
        ("for i in 5:\n        pass", "for goes through a range, a list or a string, not a int"),
        ("return (1).upper()", "is a method of a string, not of a int"),
        ("return sum(['a'])", "sum.. of a str"),
    ],
)  # fmt: skip
def test_nothing_grows_without_bounds(body: str, message: str):
    with pytest.raises(FunctionError, match=message):
        run(body, "int64", ("string", ["ab"]))


def test_a_loop_goes_through_a_thousand_values_at_most():
    body = "for c in a:\n        pass\n    return 1"
    assert run(body, "int64", ("string", ["x" * 1000])) == [1]
    with pytest.raises(FunctionError, match="for goes through 1,001 values, and 1,000 are allowed"):
        run(body, "int64", ("string", ["x" * 1001]))


def test_a_stored_source_is_checked_before_it_is_run():
    node = Python("f", "def f(a):\n    return __import__('os').getpid()\n", (Key("a"),), ColumnType("int64"))
    with pytest.raises(DefinitionError, match=r"line 2: .getpid\(\) cannot be called"):
        apply_python(node, [vector("int64", [1])])


def test_a_function_reaches_nothing_but_its_guards():
    function = compiled_function("def f(x):\n    return x\n")
    reachable = set(function.__globals__) - {"f"}
    assert function.__globals__["__builtins__"] == {}
    assert all(name.startswith("_") for name in reachable)
    assert not np.any([name in reachable for name in ("__import__", "_open", "_eval", "_getattr", "math")])
