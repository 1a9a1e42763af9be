"""Functions of plain Python: what may be written, what is kept of it, and what is refused."""

from __future__ import annotations

import math

import pytest

from mlinfra_assets.feature_store import ColumnType, pure_python
from mlinfra_assets.feature_store.canonical import definition_hash, node_from_dict, view_from_dict, view_to_dict
from mlinfra_assets.feature_store.errors import DefinitionError
from mlinfra_assets.feature_store.nodes import Aggregate, Column, Literal, Python
from mlinfra_assets.feature_store.python_source import parse_source
from tests.support.order_views import declare

OUTSIDE = 3


@pure_python(returns="string")
def tier(spent: float | None, orders: int) -> str | None:
    """How good a customer is."""
    # A comment is no part of it.
    if spent is None or orders == 0:
        return None

    mean = spent / orders  # nor is this
    for step in range(2):
        mean += step * 2**3
    if mean >= 100:
        return "gold"
    if mean > 10.5 and not orders < 3:
        return "silver".upper()
    return "x"[0:1] + str(round(math.sqrt(mean)))


TEXT = """\
def tier(spent, orders):
    if (spent is None) or (orders == 0):
        return None
    mean = spent / orders
    for step in range(2):
        mean += step * (2 ** 3)
    if mean >= 100:
        return 'gold'
    if (mean > 10.5) and (not (orders < 3)):
        return 'silver'.upper()
    return 'x'[0:1] + str(round(math.sqrt(mean)))
"""


def test_a_function_of_features_is_a_feature():
    view = declare(lambda o: {"x": tier(o["amount"].sum(), 3), "y": tier(1.5, o.count()).is_null()})
    args = (Aggregate("sum", Column("amount")), Literal(3, ColumnType("int64")))
    assert view.feature("x").node == Python("tier", TEXT, args, ColumnType("string"))
    assert [str(kind) for kind in view.schema.values()] == ["string", "boolean"]


def test_what_is_kept_depends_on_neither_comments_nor_formatting():
    written = 'def f(x):\n\n    """Doc."""\n    return ( x+1 )*2   # twice\n'
    other = "@pure_python(returns='int64')\ndef f(x: int) -> int:\n  return (x +\n     1) * 2"
    assert parse_source(written).text == parse_source(other).text == "def f(x):\n    return (x + 1) * 2\n"


def test_conditions_are_written_one_way():
    chained = (
        "def f(x):\n    if x:\n        return 1\n    elif not x:\n        return -2\n    else:\n        return 3\n"
    )
    nested = "def f(x):\n  if x: return 1\n  else:\n    if not x: return -2\n    else: return 3"
    assert parse_source(nested).text == parse_source(chained).text == chained


def test_what_is_kept_is_read_as_the_same_function():
    assert parse_source(TEXT).text == TEXT


def test_the_function_stays_at_hand_to_be_tried():
    assert tier.function(1000.0, 3) == "gold"


def test_a_view_with_a_function_survives_being_stored():
    view = declare(lambda o: {"x": tier(o["amount"].sum(), o.count())})
    again = view_from_dict(view_to_dict(view))
    assert again == view
    assert definition_hash(again) == definition_hash(view)
    stored = view_to_dict(view)["features"][0]["expression"]
    assert (stored["python"], stored["source"], stored["type"], len(stored["args"])) == ("tier", TEXT, "string", 2)
    assert node_from_dict(stored) == view.feature("x").node


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"source": "def tier(a, b):\n    return open(a)\n"}, r"line 2: open\(\) cannot be called"),
        ({"source": "def other(a, b):\n    return a\n"}, "python function tier: its source defines other"),
        ({"source": "def tier(a):\n    return a\n"}, r"tier\(a\) takes 1 values, not 2"),
        ({"source": "import os"}, "one function made with def"),
        ({"type": "date"}, r"tier\(\) returns a date: it can return boolean, float64, int64, string"),
    ],
)
def test_a_stored_function_is_checked_again(change, message: str):
    view = declare(lambda o: {"x": tier(o["amount"].sum(), o.count())})
    stored = view_to_dict(view)
    stored["features"][0]["expression"] |= change
    with pytest.raises(DefinitionError, match=message):
        view_from_dict(stored)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (lambda o: (o["amount"].sum(),), r"feature x: tier\(spent, orders\) takes 2 values, not 1"),
        (lambda o: (o["amount"], o.count()), "feature x: column 'amount' has a value in every row"),
        (lambda o: (o["sku"].last_n(2), o.count()), r"its argument 'spent' is a list\(string\)"),
        (lambda o: (float("nan"), o.count()), "nan is no constant"),
    ],
)
def test_arguments_that_do_not_fit_are_refused(arguments, message: str):
    with pytest.raises(DefinitionError, match=message):
        declare(lambda o: {"x": tier(*arguments(o))})


def test_a_function_is_refused_where_it_is_made():
    with pytest.raises(DefinitionError, match=r"returns='date'.*: it can return boolean, float64, int64, string"):
        pure_python(returns="date")
    with pytest.raises(DefinitionError, match="python function f, line 3: the name 'OUTSIDE' is from outside"):

        @pure_python(returns="int64")
        def f(x):
            return x + OUTSIDE

    with pytest.raises(DefinitionError, match="one function made with def"):
        pure_python(returns="int64")(lambda x: x)
    with pytest.raises(DefinitionError, match="its source cannot be read"):
        pure_python(returns="int64")(len)


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ("import os", "import is not allowed"),
        ("from os import path", "import is not allowed"),
        ("return x.__class__", "an attribute is not allowed"),
        ("return x.__class__()", r".__class__\(\) cannot be called"),
        ("return ().__class__.__bases__[0]", "an attribute is not allowed"),
        ("return x.format(1)", r".format\(\) cannot be called"),
        ("return x.encode()", r".encode\(\) cannot be called"),
        ("return x.lowr()", "did you mean 'lower'"),
        ("return __import__('os')", r"__import__\(\) cannot be called"),
        ("return eval(x)", r"eval\(\) cannot be called"),
        ("return getattr(x, 'real')", r"getattr\(\) cannot be called"),
        ("return f(x)", r"f\(\) cannot be called"),
        ("return math", "the name 'math' is from outside"),
        ("return math.pow(x, 2)", r"math.pow\(\) cannot be called"),
        ("return math.pi", "an attribute is not allowed"),
        ("return y", "the name 'y' is from outside"),
        ("return [x][0](x)", "only a function by its name can be called"),
        ("return len(obj=x)", "arguments are given by position"),
        ("return max(*x)", "a star is not allowed"),
        ("while True:\n        pass", "while is not allowed"),
        ("return (lambda: 1)()", "only a function by its name can be called"),
        ("return sorted(x, key=lambda v: v)", "arguments are given by position"),
        ("return [c for c in x]", "a comprehension is not allowed"),
        ("return sum(c for c in x)", "a comprehension is not allowed"),
        ("return f'{x:1000000000}'", "an f-string is not allowed"),
        ("return x ** 17", r"the exponent of \*\* is an integer from 0 to 16"),
        ("return x ** x", r"the exponent of \*\* is an integer"),
        ("return x ** -1", r"the exponent of \*\* is an integer"),
        ("return x ** 0.5", r"the exponent of \*\* is an integer"),
        ("x **= 17", r"the exponent of \*\* is an integer"),
        ("return x << 3", "of the operators there are"),
        ("return x @ x", "of the operators there are"),
        ("return ~x", "~ is not allowed"),
        ("return x is 3", "is compares with None only"),
        ("for i in range(1001):\n        pass", r"range\(\) has at most 1,000 values"),
        ("for i in range(x):\n        pass", r"range\(\) takes one to three integers, written out"),
        ("for i in range(0, 10, 0):\n        pass", r"range\(\) takes one to three integers"),
        (
            "for i in x:\n        for j in x:\n            for k in x:\n                pass",
            "loops may stand in each other 2 deep",
        ),
        ("for i in x:\n        pass\n    else:\n        pass", "for has no else"),
        ("global x", "global is not allowed"),
        ("def g(): pass", "a function in the function is not allowed"),
        ("class A: pass", "a class is not allowed"),
        ("try:\n        pass\n    except Exception:\n        pass", "try is not allowed"),
        ("raise x", "raise is not allowed"),
        ("assert x", "assert is not allowed"),
        ("del x", "delete is not allowed"),
        ("with x: pass", "with is not allowed"),
        ("yield x", "an expression that nothing is done with is not allowed"),
        ("return (y := 3)", ":= is not allowed"),
        ("return {}", "a dictionary is not allowed"),
        ("return {x}", "a set is not allowed"),
        ("x, y = 1, 2", "only a plain name can be assigned to"),
        ("x = y = 1", "assign to one name at a time"),
        ("x[0] = 1", "only a plain name can be assigned to"),
        ("_x = 3", "'_x' cannot be a name of its own"),
        ("len = 3", "'len' cannot be a name of its own"),
        ("math = 3", "'math' cannot be a name of its own"),
        ("f = 3", "'f' is the function itself"),
        ("é = 3", "'é' cannot be a name of its own"),
        ("return 9223372036854775808", "a constant is None, True, False, a 64-bit integer"),
        ("return 1e999", "a constant is None"),
        ("return 1j", "a constant is None"),
        ("return b'a'", "a constant is None"),
        ("return ...", "a constant is None"),
        (r"return '\ud800'", "a constant is None"),
        ("return x[1:2, 3]", "slice is not allowed"),
    ],
)
def test_what_is_not_in_the_subset_is_refused_with_its_line(body: str, why: str):
    with pytest.raises(DefinitionError, match=rf"python function f, line \d+: .*{why}"):
        parse_source(f"def f(x):\n    {body}\n")


@pytest.mark.parametrize(
    ("source", "why"),
    [
        ("def f():\n    return 1", "it has to take at least one value"),
        ("def f(x, y=1):\n    return x", "its parameters have to be plain names"),
        ("def f(*x):\n    return x", "its parameters have to be plain names"),
        ("def f(*, x):\n    return x", "its parameters have to be plain names"),
        ("async def f(x):\n    return x", "one function made with def"),
        ("f = 1", "one function made with def"),
        ("def f(x):\n    return x\nprint(1)", "one function made with def"),
        ("", "one function made with def"),
        ("def f(x", "its source is not Python"),
        ("def f(x\0):\n    return x", "its source is not Python"),
        ("def f(x):\n    return " + "-" * 5000 + "x", "its source is not Python"),
        ("def f(x):\n    return x" + " + 1" * 1200, "is not Python|nested too deeply|has .* characters"),
        ("def f(x):\n    return '" + "a" * 4000 + "'", r"has 4,\d+ characters: at most 4,000"),
        ("def f(x):\n    return x\n" + "#" * 40_000, r"its source has 40,\d+ characters, with its comments"),
    ],
)
def test_what_is_no_plain_function_is_refused(source: str, why: str):
    with pytest.raises(DefinitionError, match=why):
        parse_source(source)
