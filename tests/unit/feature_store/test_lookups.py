"""Features of other views: how they are said, checked, stored and versioned."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from mlinfra_assets.feature_store import FeatureStore, FeatureView, request
from mlinfra_assets.feature_store.canonical import canonical_json, definition_hash, view_from_dict, view_to_dict
from mlinfra_assets.feature_store.errors import DefinitionError
from mlinfra_assets.feature_store.nodes import Aggregate, Call, Column, Key, Literal, Lookup
from mlinfra_assets.feature_store.registry import ViewDocument, version
from tests.support.order_views import COUNTRY, CUSTOMER, SHOP, declare, new_store


@pytest.fixture
def store() -> FeatureStore:
    return new_store()


@pytest.fixture
def country(store: FeatureStore) -> FeatureView:
    return declare(
        lambda o: {"spent": o["amount"].sum("30d"), "asked": o.count() + request("extra", "int64")},
        store,
        "country_features",
        entities=[COUNTRY],
    )


@pytest.fixture
def customer(store: FeatureStore) -> FeatureView:
    return declare(lambda o: {"orders": o.count()}, store, "customer_features")


def test_a_feature_of_a_view_with_the_same_keys_is_that_of_the_same_entity(store, customer):
    view = declare(lambda _: {"x": customer["orders"] + 1}, store)
    lookup = Lookup("customer_features", "orders", (("customer_id", Key("customer_id")),))
    assert view.feature("x").node == Call("add", (lookup, Literal(1, view.schema["x"])))
    assert view.uses == (customer,)
    assert view.used == {"customer_features": customer}
    assert view.lookups == (lookup,)


def test_a_subset_of_the_views_keys_suffices(store, customer):
    view = declare(lambda _: {"x": customer["orders"]}, store, entities=[CUSTOMER, SHOP])
    assert view.lookups[0].keys == (("customer_id", Key("customer_id")),)


def test_keys_are_mapped_by_name(store, country):
    view = declare(lambda o: {"x": country["spent"].at(country=o["country"].latest())}, store)
    assert view.feature("x").node == Lookup(
        "country_features", "spent", (("country", Aggregate("latest", Column("country"))),)
    )
    assert str(view.schema["x"]) == "float64"


def test_keys_that_are_not_mapped_are_the_views_own(store):
    pair = declare(lambda o: {"n": o.count()}, store, "pair", entities=[SHOP, CUSTOMER])
    view = declare(lambda _: {"x": pair["n"].at(shop_id=3)}, store)
    (lookup,) = view.lookups
    assert [name for name, _ in lookup.keys] == ["shop_id", "customer_id"]
    assert lookup.keys[1] == ("customer_id", Key("customer_id"))


def test_views_are_listed_by_name_and_each_once(store, customer, country):
    view = declare(
        lambda _: {"a": customer["orders"] / 2, "b": country["spent"].at(country="UK"), "c": customer["orders"]}, store
    )
    assert list(view.used) == ["country_features", "customer_features"]
    assert len(view.lookups) == 2


def test_a_feature_needs_what_the_features_that_it_looks_up_need(store, country):
    view = declare(
        lambda _: {"asks": country["asked"].at(country="UK"), "plain": country["spent"].at(country="UK")}, store
    )
    above = declare(lambda _: {"far": view["asks"], "near": view["plain"]}, store, "above")
    only = declare(lambda _: {"x": view["plain"]}, store, "only")
    assert [f.name for f in view.stored] == ["plain"]
    assert [f.name for f in above.stored] == ["near"]
    assert {name: str(kind) for name, kind in above.request_schema.items()} == {"extra": "int64"}
    assert only.request_schema == {}


@pytest.mark.parametrize(
    ("feature", "message"),
    [
        (lambda c: c["spend"], "view country_features has no feature 'spend'; did you mean 'spent'"),
        (lambda c: c["spent"], r"needs the key 'country', which the view does not have: .* \.at\(country=...\)"),
        (lambda c: c["spent"].at(contry="UK"), "view country_features has no key 'contry'; did you mean 'country'"),
        (lambda c: c["spent"].at(country=3), r"its key 'country' is a string, and .at\(country=...\) gives a int64"),
        (lambda c: c["spent"].at(country="UK").at(country="DE"), r"a feature has no .at\(\)"),
        (lambda c: (c["spent"] + 1).at(country="UK"), r"a feature has no .at\(\)"),
    ],
)
def test_a_lookup_that_cannot_be_is_refused(store, country, feature, message: str):
    with pytest.raises(DefinitionError, match=f"view view: (feature x: )?.*{message}"):
        declare(lambda _: {"x": feature(country)}, store)


def test_a_column_is_no_key(store, country):
    with pytest.raises(DefinitionError, match="feature x: column 'country' has a value in every row"):
        declare(lambda o: {"x": country["spent"].at(country=o["country"])}, store)


def test_a_view_has_to_be_declared_before(country):
    with pytest.raises(DefinitionError, match="looks up country_features:spent, and there is no feature view"):
        declare(lambda _: {"x": country["spent"].at(country="UK")}, new_store())


def test_a_view_that_uses_others_is_not_online(store, customer):
    with pytest.raises(DefinitionError, match=r"view view: it uses customer_features and is online: .* batches only"):
        declare(lambda _: {"x": customer["orders"]}, store, online=True)


def test_values_in_requests_do_not_clash_through_other_views(store, country):
    with pytest.raises(DefinitionError, match="view country_features asks for 'extra' in a request as a int64"):
        declare(lambda _: {"x": country["asked"].at(country=request("extra", "string"))}, store)
    with pytest.raises(DefinitionError, match="view country_features asks for 'extra' in a request, and that is the"):
        declare(lambda _: {"extra": country["asked"].at(country="UK")}, store)


def test_a_view_is_stored_with_the_views_that_it_uses(store, customer, country):
    middle = declare(lambda _: {"x": country["spent"].at(country="UK")}, store, "middle")
    view = declare(lambda _: {"x": middle["x"] / customer["orders"]}, store)
    stored = json.loads(canonical_json(view_to_dict(view)))
    assert list(stored["uses"]) == ["customer_features", "middle"]
    assert list(stored["uses"]["middle"]["uses"]) == ["country_features"]
    assert stored["features"][0]["expression"]["args"][0] == {
        "lookup": "x",
        "view": "middle",
        "keys": [["customer_id", {"key": "customer_id"}]],
    }
    assert "uses" not in stored["uses"]["customer_features"]
    assert view_from_dict(stored) == view


def test_the_hash_follows_the_views_that_are_used(store, customer):
    view = declare(lambda _: {"x": customer["orders"]}, store)
    described = replace(view, uses=(replace(customer, description="words", owner="a", deprecated="b"),))
    changed = replace(view, uses=(replace(customer, ttl=5),))
    assert definition_hash(described) == definition_hash(view)
    assert definition_hash(changed) != definition_hash(view)


def test_a_view_that_comes_to_use_itself_is_refused(store, customer):
    view = declare(lambda _: {"x": customer["orders"]}, store)
    stored = view_to_dict(replace(view, name="customer_features"))
    with pytest.raises(DefinitionError, match="customer_features: it comes to use itself"):
        view_from_dict(stored)
    without = {key: value for key, value in view_to_dict(view).items() if key != "uses"}
    with pytest.raises(DefinitionError, match="there is no feature view 'customer_features'"):
        view_from_dict(without)


def test_a_document_holds_those_of_the_views_that_are_used(store, customer):
    view = declare(lambda _: {"x": customer["orders"]}, store)
    below = ViewDocument(customer, {"sql": "a"}, "select 1", "orders", {"name": "orders"})
    document = ViewDocument(view, {"sql": "b"}, "select 2", "orders", {"name": "orders"}, {"customer_features": below})
    assert ViewDocument.from_json(document.to_json()) == document
    assert document.version == version(view, {"sql": "b"}, {"customer_features": below.version})
    other = replace(document, uses={"customer_features": replace(below, rests_on={"sql": "c"})})
    assert other.version != document.version
    assert "uses" not in json.loads(below.to_json())


def test_a_document_without_what_it_uses_is_refused(store, customer, country):
    view = declare(lambda _: {"x": customer["orders"]}, store)
    with pytest.raises(DefinitionError, match=r"document of view view needs .* customer_features; it is given none"):
        ViewDocument(view)
    with pytest.raises(DefinitionError, match="it is given country_features"):
        ViewDocument(view, uses={"country_features": ViewDocument(country)})
    with pytest.raises(DefinitionError, match="as they are in it"):
        ViewDocument(view, uses={"customer_features": ViewDocument(replace(customer, ttl=1))})
