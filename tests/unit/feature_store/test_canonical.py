"""The stored form of a view, and what its hash does and does not depend on."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given, settings

from mlinfra_assets.feature_store import ColumnType, Entity
from mlinfra_assets.feature_store.canonical import canonical_json, definition_hash, view_from_dict, view_to_dict
from mlinfra_assets.feature_store.errors import DefinitionError
from mlinfra_assets.feature_store.node_json import node_from_dict, node_to_dict
from mlinfra_assets.feature_store.nodes import Aggregate, Column, Key, Moment, Request
from mlinfra_assets.feature_store.view import Feature
from tests.support.feature_cases import views
from tests.support.order_views import declare, new_store


@given(views())
@settings(max_examples=50, deadline=None)
def test_a_view_survives_being_stored(view):
    text = canonical_json(view_to_dict(view))
    again = view_from_dict(json.loads(text))
    assert again == view
    assert canonical_json(view_to_dict(again)) == text
    assert definition_hash(again) == definition_hash(view)


@given(views())
@settings(max_examples=10, deadline=None)
def test_the_hash_follows_what_decides_values_and_nothing_else(view):
    same = replace(view, owner="someone", description="words", tags={"a": "b"}, online=True)
    assert definition_hash(same) == definition_hash(view)
    others = [
        replace(view, ttl=(view.ttl or 0) + 1),
        replace(view, features=view.features[1:]),
        replace(view, features=tuple(Feature(f"{f.name}_", f.node) for f in view.features)),
        replace(view, dataset=replace(view.dataset, primary_key=("a",))),
    ]
    assert len({definition_hash(v) for v in (view, *others)}) == 5


@pytest.mark.parametrize("stored", [{}, {"format": 2}, {"format": 1, "name": "x"}])
def test_what_is_no_view_is_refused(stored):
    with pytest.raises(DefinitionError, match="feature view"):
        view_from_dict(stored)


STORED = json.dumps(
    {
        "format": 1,
        "name": "v",
        "entities": [{"name": "customer", "join_keys": ["customer_id"], "description": "Somebody."}],
        "dataset": {
            "name": "orders",
            "columns": {"amount": "decimal(2)", "customer_id": "int64"},
            "source": "orders",
            "table": "processed/orders",
            "primary_key": [],
        },
        "features": [
            {
                "name": "spent",
                "expression": {
                    "call": "coalesce",
                    "args": [
                        {"aggregate": "sum", "of": {"column": "amount"}, "window_us": 86_400_000_000},
                        {"literal": 0.0, "type": "float64"},
                    ],
                },
            }
        ],
        "ttl_us": None,
        "online": True,
        "owner": "team:a",
        "description": "",
        "tags": {},
    }
)
"""A view as the first release stored it."""


def test_what_an_earlier_release_stored_is_read_and_has_the_same_hash():
    view = view_from_dict(json.loads(STORED))
    assert view_to_dict(view) == json.loads(STORED)
    assert definition_hash(view) == "4df9d8839d2d1e69213929f1672a4597604d038e05f850a553b2eb6dac9494e9"


def test_only_what_is_set_is_stored():
    assert not {"uses", "deprecated"} & set(view_to_dict(declare(lambda o: {"x": o.count()})))
    deprecated = declare(lambda o: {"x": o.count()}, deprecated="use y")
    assert view_to_dict(deprecated)["deprecated"] == "use y"
    assert view_from_dict(view_to_dict(deprecated)) == deprecated


def test_prose_and_the_declared_types_of_keys_do_not_count():
    plain = declare(lambda o: {"x": o.count()})
    typed = declare(
        lambda o: {"x": o.count()},
        entities=[Entity("customer", {"customer_id": "string"}, "Somebody.")],
        deprecated="use y",
        online=True,
    )
    assert definition_hash(typed) == definition_hash(plain)
    assert view_to_dict(typed)["entities"] == [
        {
            "name": "customer",
            "join_keys": ["customer_id"],
            "description": "Somebody.",
            "key_types": {"customer_id": "string"},
        }
    ]
    assert view_from_dict(view_to_dict(typed)) == typed


def test_what_deletes_decides_values():
    keyed = new_store(primary_key=("order_id",))
    deleting = new_store(primary_key=("order_id",), deletes="gone")
    views = [declare(lambda o: {"x": o["gone"].count()}, store) for store in (new_store(), keyed, deleting)]
    assert len({definition_hash(view) for view in views}) == 3
    assert [view_to_dict(view)["dataset"].get("deletes") for view in views] == [None, None, "gone"]
    assert view_from_dict(view_to_dict(views[2])) == views[2]


@pytest.mark.parametrize(
    ("expression", "node"),
    [
        ({"key": "customer_id"}, Key("customer_id")),
        ({"moment": True}, Moment()),
        ({"request": "n", "type": "float64"}, Request("n", ColumnType("float64"))),
        (
            {"aggregate": "quantile", "of": {"column": "amount"}, "parameter": 950_000},
            Aggregate("quantile", Column("amount"), parameter=950_000),
        ),
        ({"aggregate": "mean_interval", "window_us": 5, "hop_us": 2}, Aggregate("mean_interval", window=5, hop=2)),
    ],
)
def test_every_node_has_its_stored_form(expression, node):
    assert node_to_dict(node) == expression
    assert node_from_dict(expression) == node


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ({"call": "upper", "args": []}, "feature spent: upper takes 1 values, and is given 0"),
        ({"call": "power", "args": [{"aggregate": "count"}]}, "'power' is not an operator"),
        ({"key": "customer"}, "no join key 'customer'; did you mean 'customer_id'"),
        ({"aggregate": "count", "parameter": 3}, "count.. takes no parameter"),
        ({"column": "amount"}, "aggregate it"),
        ({"nothing": 1}, "not an expression"),
        ({"lookup": "x", "view": "w"}, "not a stored feature view"),
    ],
)
def test_a_stored_expression_that_makes_no_sense_is_refused(expression, message: str):
    stored = json.loads(STORED)
    stored["features"][0]["expression"] = expression
    with pytest.raises(DefinitionError, match=message):
        view_from_dict(stored)
