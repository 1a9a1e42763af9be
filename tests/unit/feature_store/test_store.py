"""Declaring feature views: what comes of it, and what is refused with which words."""

from __future__ import annotations

import re
from decimal import Decimal

import pytest

from mlinfra_assets.feature_store import ColumnType, DatasetSchema, Entity, FeatureStore, Model, lit
from mlinfra_assets.feature_store.duration import UNITS
from mlinfra_assets.feature_store.errors import DefinitionError
from mlinfra_assets.feature_store.nodes import Aggregate, Call, Column, Score

ORDERS = DatasetSchema(
    name="customer_orders",
    columns={
        "customer_id": ColumnType("int64"),
        "order_id": ColumnType("string"),
        "order_value": ColumnType("decimal", 3),
        "quantity": ColumnType("int64"),
        "weight": ColumnType("float64"),
        "gift": ColumnType("boolean"),
    },
    source="orders",
    table="processed/orders",
)
CUSTOMER = Entity("customer", join_keys=["customer_id"])


@pytest.fixture
def store() -> FeatureStore:
    return FeatureStore({"customer_orders": ORDERS})


def declare(store: FeatureStore, features, **settings):
    """Declare a view `view` over the orders, its features made by `features(dataset)`."""

    def view(customer_orders):
        return features(customer_orders)

    return store.create_feature_view(**{"name": "view", "entities": [CUSTOMER], **settings})(view)


def test_a_view_is_registered_as_data(store: FeatureStore):
    churn_model = Model("churn")

    @store.create_feature_view(name="customer_features", entities=[CUSTOMER], ttl="30d", online=True)
    def customer_features(customer_orders):
        """What a customer does."""
        frequency = customer_orders.count(window="30d")
        value = customer_orders["order_value"].mean()
        return {
            "purchase_frequency_30d": frequency,
            "average_order_value": value,
            "churn_risk_score": churn_model.score({"frequency": frequency, "value": value}),
        }

    frequency, value = Aggregate("count", window=30 * UNITS["d"]), Aggregate("mean", of=Column("order_value"))
    assert [(f.name, f.node) for f in customer_features.features] == [
        ("purchase_frequency_30d", frequency),
        ("average_order_value", value),
        ("churn_risk_score", Score("churn", (("frequency", frequency), ("value", value)))),
    ]
    assert store.views == {"customer_features": customer_features}
    assert {name: str(kind) for name, kind in customer_features.schema.items()} == {
        "purchase_frequency_30d": "int64",
        "average_order_value": "float64",
        "churn_risk_score": "float64",
    }
    assert (customer_features.ttl, customer_features.online) == (30 * UNITS["d"], True)
    assert customer_features.description == "What a customer does."
    assert customer_features.models == ("churn",)
    assert customer_features.join_keys == ("customer_id",)


def test_a_view_reads_only_the_columns_that_it_uses(store: FeatureStore):
    view = declare(store, lambda o: {"x": o["quantity"].sum(where=o["gift"])})
    assert set(view.dataset.columns) == {"customer_id", "quantity", "gift"}


def test_equal_expressions_are_evaluated_once(store: FeatureStore):
    def features(o):
        amount = o["order_value"] * o["quantity"]
        return {
            "a": amount.sum("7d"),
            "b": amount.sum("30d"),
            "share": (o["order_value"] * o["quantity"]).sum("7d") / amount.sum("30d"),
        }

    view = declare(store, features)
    assert len(view.aggregates) == 2
    assert view.inputs == (Call("mul", (Column("order_value"), Column("quantity"))),)


@pytest.mark.parametrize(
    ("features", "settings", "message"),
    [
        (lambda o: {"x": o["order_valeu"].sum()}, {}, "view view: feature x: .* did you mean 'order_value'"),
        (lambda o: {"x": o["order_id"].sum()}, {}, "feature x: .*sum.. of a string"),
        (lambda o: {"x": o["order_value"]}, {}, "feature x: column 'order_value' .* aggregate it"),
        (lambda o: {"x": o.count() + o["quantity"]}, {}, "feature x: .* aggregate it"),
        (lambda o: {"x": o.count(window="0d")}, {}, "feature x: window='0d' has to be longer than zero"),
        (lambda o: {"x": o.count(window="-3d")}, {}, "feature x: window='-3d' is not a length of time"),
        (lambda o: {"x": o.count(hop="1d")}, {}, "feature x: hop= .* without a window"),
        (lambda o: {"x": o.count(where=o["quantity"])}, {}, "feature x: where= .* is a int64, not a condition"),
        (lambda o: {"x": o["quantity"].sum() & o["gift"].last()}, {}, "feature x: and of int64 and boolean"),
        (lambda o: {"x": o["order_id"].last() > 3}, {}, "feature x: gt of a string and a int64"),
        (lambda o: {"x": o["quantity"].isin(["a"]).count()}, {}, "feature x: isin of a int64 and a string"),
        (lambda o: {"x": Model("m").score({"id": o["order_id"].last()})}, {}, "feature x: model m: its input 'id'"),
        (lambda o: {"x": o.count() + float("nan")}, {}, "feature x: nan is no constant"),
        (lambda _: {"x": 3}, {}, r"feature x: 3 is not an expression .* lit\(...\)"),
        (lambda o: {"x": o.quantity.sum()}, {}, r'write customer_orders\["quantity"\]'),
        (lambda o: {"x": o.count(where=o["gift"] and o["gift"])}, {}, "join conditions with &"),
        (lambda o: {"_x": o.count()}, {}, "feature _x: .* a name is lower case"),
        (lambda o: {"customer_id": o.count()}, {}, "feature customer_id: the name 'customer_id' is taken"),
        (lambda o: {"event_timestamp": o.count()}, {}, "feature event_timestamp: .* is taken"),
        (lambda _: {}, {}, "has to return a dictionary of features"),
        (lambda o: {"x": o.count()}, {"ttl": "0s"}, "view view: ttl='0s' has to be longer than zero"),
        (lambda o: {"x": o.count()}, {"ttl": "30 days"}, "view view: ttl='30 days' is not a length of time"),
        (lambda o: {"x": o.count()}, {"name": "My View"}, "view 'My View': a name is lower case"),
        (lambda o: {"x": o.count()}, {"entities": []}, "one or more different join keys"),
        (lambda o: {"x": o.count()}, {"entities": [CUSTOMER, CUSTOMER]}, "one or more different join keys"),
        (lambda o: {"x": o.count()}, {"entities": [Entity("w", ["weight"])]}, "join key 'weight' is a float64"),
        (lambda o: {"x": o.count()}, {"entities": [Entity("w", ["customer"])]}, "did you mean 'customer_id'"),
    ],
)
def test_what_is_wrong_is_named_when_the_view_is_declared(store: FeatureStore, features, settings, message):
    with pytest.raises(DefinitionError, match=message):
        declare(store, features, **settings)
    assert store.views == {}


def test_a_dataset_that_is_not_known_is_answered_with_the_nearest(store: FeatureStore):
    with pytest.raises(DefinitionError, match="no dataset 'customer_order'; did you mean 'customer_orders'"):

        @store.create_feature_view("v", [CUSTOMER])
        def v(customer_order):
            return {"x": customer_order.count()}


def test_a_view_name_is_taken_once(store: FeatureStore):
    declare(store, lambda o: {"x": o.count()})
    with pytest.raises(DefinitionError, match="view view: the name 'view' is taken"):
        declare(store, lambda o: {"x": o.count()})


def test_decimals_keep_their_digits_through_arithmetic(store: FeatureStore):
    view = declare(store, lambda o: {"x": (o["order_value"] * o["quantity"] - Decimal("0.05")).sum(), "one": lit(1)})
    assert str(view.schema["x"]) == "float64"
    with pytest.raises(DefinitionError, match="more than 18 digits"):
        declare(FeatureStore({"customer_orders": ORDERS}), lambda o: {"x": (o["order_value"] * Decimal("1e-16")).sum()})


def test_a_service_names_features_of_several_views(store: FeatureStore):
    view = declare(store, lambda o: {"x": o.count(), "y": o.since_last()})
    service = store.create_feature_service("service", ["view:y", "view"])
    assert store.resolve(service) == [(view, view.feature("y")), (view, view.feature("x")), (view, view.feature("y"))]
    with pytest.raises(DefinitionError, match=re.escape("view view has no feature 'z'; there are x, y")):
        store.create_feature_service("other", ["view:z"])
    with pytest.raises(DefinitionError, match="no feature view 'viwe'; did you mean 'view'"):
        store.resolve(["viwe:x"])
    with pytest.raises(DefinitionError, match="at least one feature"):
        store.resolve([])


@pytest.mark.parametrize(
    ("features", "ttl", "days"),
    [
        (lambda o: {"x": o.count("7d")}, None, None),
        (lambda o: {"x": o.count("7d"), "y": o.count()}, "30d", None),
        (lambda o: {"x": o.count("7d", hop="1d"), "y": o["quantity"].sum("2d")}, "1d", 8),
    ],
)
def test_reach_says_how_far_back_rows_matter(store: FeatureStore, features, ttl, days):
    assert declare(store, features, ttl=ttl).reach == (None if days is None else days * UNITS["d"])
