"""What a person writes, and the tree that comes of it."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from mlinfra_assets.feature_store import ColumnType, FeatureView, key, lit, now, request
from mlinfra_assets.feature_store.duration import UNITS
from mlinfra_assets.feature_store.errors import DefinitionError
from mlinfra_assets.feature_store.nodes import Aggregate, Call, Column, Key, Literal, Moment, Node, Request
from tests.support.order_views import declare

DAY = UNITS["d"]
AMOUNT = Column("amount")
INT, TEXT = ColumnType("int64"), ColumnType("string")


def node(view: FeatureView) -> Node:
    return view.feature("x").node


@pytest.mark.parametrize(
    ("feature", "wanted", "kind"),
    [
        (lambda o: o["amount"].variance(), Aggregate("variance", AMOUNT), "float64"),
        (lambda o: o["quantity"].std("30d"), Aggregate("std", Column("quantity"), window=30 * DAY), "float64"),
        (lambda o: o["amount"].quantile(0.95), Aggregate("quantile", AMOUNT, parameter=950_000), "float64"),
        (lambda o: o["quantity"].quantile(1), Aggregate("quantile", Column("quantity"), parameter=1_000_000), "int64"),
        (lambda o: o["due"].quantile(Decimal("0.000001")), Aggregate("quantile", Column("due"), parameter=1), None),
        (lambda o: o["sku"].most_frequent(), Aggregate("most_frequent", Column("sku")), "string"),
        (lambda o: o["gift"].most_frequent(), Aggregate("most_frequent", Column("gift")), "boolean"),
        (lambda o: o["sku"].last_n(5), Aggregate("last_n", Column("sku"), parameter=5), "list(string)"),
        (lambda o: o["amount"].last_n(1), Aggregate("last_n", AMOUNT, parameter=1), "list(float64)"),
        (lambda o: o["amount"].latest(), Aggregate("latest", AMOUNT), "float64"),
        (
            lambda o: o.mean_interval("7d", where=o["gift"], hop="1d"),
            Aggregate("mean_interval", None, Column("gift"), 7 * DAY, DAY),
            "float64",
        ),
        (
            lambda o: o["sku"].latest(timedelta(microseconds=1)),
            Aggregate("latest", Column("sku"), window=1),
            "string",
        ),
    ],
)
def test_an_aggregation_keeps_what_it_was_told(feature, wanted: Aggregate, kind: str | None):
    view = declare(lambda o: {"x": feature(o)})
    assert node(view) == wanted
    assert str(view.schema["x"]) == (kind or "timestamp")


@pytest.mark.parametrize(
    ("feature", "operator", "rest", "kind"),
    [
        (lambda o: abs(o["quantity"].sum()), "abs", [], "int64"),
        (lambda o: o["quantity"].sum().abs(), "abs", [], "int64"),
        (lambda o: o["weight"].sum().floor(), "floor", [], "float64"),
        (lambda o: o["weight"].sum().ceil(), "ceil", [], "float64"),
        (lambda o: o["quantity"].sum().floor(), "floor", [], "int64"),
        (lambda o: o["gift"].last().if_else(1, 2), "if_else", [Literal(1, INT), Literal(2, INT)], "int64"),
        (lambda o: o["quantity"].sum().bucket([1, 5]), "bucket", [Literal(1, INT), Literal(5, INT)], "int64"),
        (lambda o: o["gift"].last().cast("int64"), "to_int", [], "int64"),
        (lambda o: o["sku"].last().cast("float64"), "to_float", [], "float64"),
        (lambda o: o["due"].last().cast("string"), "to_string", [], "string"),
        (lambda o: o["sku"].last().lower(), "lower", [], "string"),
        (lambda o: o["sku"].last().upper(), "upper", [], "string"),
        (lambda o: o["sku"].last().strip(), "strip", [], "string"),
        (lambda o: o["sku"].last().length(), "length", [], "int64"),
        (lambda o: o["sku"].last().contains("a"), "contains", [Literal("a", TEXT)], "boolean"),
        (lambda o: o["sku"].last().starts_with("a"), "starts_with", [Literal("a", TEXT)], "boolean"),
        (lambda o: o["sku"].last().ends_with("a"), "ends_with", [Literal("a", TEXT)], "boolean"),
        (lambda o: o["sku"].last().concat("a"), "concat", [Literal("a", TEXT)], "string"),
        (lambda o: o["sku"].last().substring(0, 2), "substring", [Literal(0, INT), Literal(2, INT)], "string"),
        (lambda o: o["due"].last().year(), "year", [], "int64"),
        (lambda o: o["birthday"].last().month(), "month", [], "int64"),
        (lambda o: o["birthday"].last().day(), "day", [], "int64"),
        (lambda o: o["due"].last().weekday(), "weekday", [], "int64"),
        (lambda o: o["due"].last().hour(), "hour", [], "int64"),
        (lambda o: o["due"].last().minute(), "minute", [], "int64"),
    ],
)
def test_an_operator_is_a_call_of_its_name(feature, operator: str, rest: list[Node], kind: str):
    view = declare(lambda o: {"x": feature(o)})
    found = node(view)
    assert isinstance(found, Call)
    assert (found.operator, list(found.args[1:])) == (operator, rest)
    assert str(view.schema["x"]) == kind


def test_the_same_operators_work_on_rows():
    view = declare(lambda o: {"x": o["sku"].strip().lower().count_distinct(where=o["due"].hour() >= 22)})
    assert node(view) == Aggregate(
        "count_distinct",
        Call("lower", (Call("strip", (Column("sku"),)),)),
        Call("ge", (Call("hour", (Column("due"),)), Literal(22, INT))),
    )


def test_the_question_itself_can_be_part_of_a_feature():
    view = declare(
        lambda o: {
            "x": now().seconds_between(o["due"].last()),
            "who": key("customer_id").substring(0, 2),
            "share": request("basket", "float64") / o["amount"].mean(),
            "when": request("asked", ColumnType("timestamp")),
        }
    )
    assert node(view) == Call("seconds_between", (Moment(), Aggregate("last", Column("due"))))
    assert view.feature("who").node == Call("substring", (Key("customer_id"), Literal(0, INT), Literal(2, INT)))
    assert view.feature("when").node == Request("asked", ColumnType("timestamp"))
    assert {name: str(kind) for name, kind in view.request_schema.items()} == {
        "asked": "timestamp",
        "basket": "float64",
    }
    assert [feature.name for feature in view.stored] == ["x", "who"]
    assert set(view.dataset.columns) == {"customer_id", "due", "amount"}


def test_decimal_constants_above_aggregates_are_exact_until_they_leave():
    view = declare(
        lambda o: {
            "whole": (o.count() + Decimal("0.5")).floor(),
            "text": lit(Decimal("1.50")).cast("string"),
            "sum": o.count() + Decimal("0.5"),
        }
    )
    assert [str(kind) for kind in view.schema.values()] == ["int64", "string", "float64"]


def test_constants_of_every_type_can_be_compared_with():
    declare(
        lambda o: {
            "x": (o["due"].last() > datetime(2011, 1, 1, tzinfo=UTC)) & (o["birthday"].last() < date(1969, 12, 31)),
            "y": o["birthday"].last().bucket([date(1960, 1, 1), date(1990, 1, 1)]),
            "z": o["weight"].last().bucket([0, Decimal("0.5"), 1.5]),
        }
    )


def test_a_method_that_does_not_exist_is_answered_with_the_nearest():
    with pytest.raises(DefinitionError, match=r"a feature has no .lowr\(\); did you mean 'lower'"):
        declare(lambda o: {"x": o["sku"].last().lowr()})
    with pytest.raises(DefinitionError, match=r"a column has no .meen\(\); did you mean 'mean'"):
        declare(lambda o: {"x": o["amount"].meen()})
