from __future__ import annotations

from dataclasses import replace

import pytest

from mlinfra_assets.feature_store import ColumnType, Entity
from mlinfra_assets.feature_store.nodes import Python
from mlinfra_assets.feature_store.registry import ViewDocument
from mlinfra_assets.feature_store.view import Feature
from mlinfra_assets.registry.change import Change
from mlinfra_assets.registry.diff import changes, sql_difference
from tests.support.registered import CUSTOMER, ORDERS, counting, document, looking_up

BASE = counting(ttl="30d", owner="team:shop", description="Counts.", tags={"tier": "1"})


def test_equal_documents_do_not_differ() -> None:
    assert changes(BASE, ViewDocument.from_json(BASE.to_json())) == ()


def test_features_come_go_and_change_in_words() -> None:
    old = document(lambda o: {"n": o.count("30d"), "gone": o["amount"].max()})
    new = document(lambda o: {"n": o.count("30d", where=o["is_sale"]), "spent": o["amount"].sum()})
    assert changes(old, new) == (
        Change("feature", "n", "count() over 30d", "count() over 30d where is_sale"),
        Change("feature", "gone", "max(amount)", None),
        Change("feature", "spent", None, "sum(amount)"),
        Change("column", "is_sale", None, "boolean"),
    )


def test_the_order_of_features_is_the_order_of_the_vector() -> None:
    old = document(lambda o: {"a": o.count("1d"), "b": o.count("2d")})
    new = document(lambda o: {"b": o.count("2d"), "a": o.count("1d")})
    assert changes(old, new) == (Change("order", "", "a, b", "b, a"),)


def test_expressions_of_equal_words_are_told_apart() -> None:
    old = document(lambda o: {"n": o.count(where=o["amount"] == 1)})
    columns = {**ORDERS.columns, "amount": ColumnType("decimal", 3)}
    new = document(lambda o: {"n": o.count(where=o["amount"] == 1)}, dataset=replace(ORDERS, columns=columns))
    found = changes(old, new)
    assert Change("column", "amount", "decimal(2)", "decimal(3)") in found
    assert all(change.before != change.after for change in found)


@pytest.mark.parametrize(
    ("after", "expected"),
    [
        ({"ttl": "60d"}, Change("ttl", "", "30d", "60d")),
        ({"ttl": None}, Change("ttl", "", "30d", "any age")),
        (
            {"dataset": replace(ORDERS, source="tills")},
            Change("dataset", "", "orders of source orders", "orders of source tills"),
        ),
    ],
)
def test_what_decides_values_is_named(after: dict, expected: Change) -> None:
    declared = {"ttl": "30d", "owner": "team:shop", "description": "Counts.", "tags": {"tier": "1"}, **after}
    assert changes(BASE, counting(**declared)) == (expected,)
    assert expected.values


def test_keys_and_entities_are_compared() -> None:
    pair = [CUSTOMER, Entity("order", ["order_id"])]
    assert changes(counting(), counting(entities=pair)) == (
        Change("entity", "order", None, "by order_id"),
        Change("key", "order_id", None, "int64"),
    )


def test_the_order_of_keys_counts() -> None:
    pair = [CUSTOMER, Entity("order", ["order_id"])]
    found = changes(counting(entities=pair), counting(entities=pair[::-1]))
    assert [change.part for change in found] == ["definition"]


def test_a_primary_key_is_compared() -> None:
    keyed = counting(dataset=replace(ORDERS, primary_key=("order_id",)))
    assert changes(counting(), keyed) == (
        Change("column", "order_id", None, "int64"),
        Change("primary key", "", None, "order_id"),
    )


def test_prose_is_marked_as_changing_no_value() -> None:
    other = counting(ttl="30d", online=True, owner="team:data", description="Numbers.", tags={"tier": "2", "pii": "no"})
    found = changes(BASE, other)
    assert BASE.version == other.version
    assert found == (
        Change("online", "", "no", "yes"),
        Change("owner", "", "team:shop", "team:data"),
        Change("description", "", "Counts.", "Numbers."),
        Change("tag", "tier", "1", "2"),
        Change("tag", "pii", None, "no"),
    )
    assert not any(change.values for change in found)


def test_an_entitys_description_is_prose() -> None:
    other = counting(entities=[Entity("customer", ["customer_id"], description="A buyer.")])
    assert changes(counting(), other) == (
        Change("description", "of customer", "Somebody with an account.", "A buyer."),
    )


def test_sql_is_compared_by_fingerprint_and_shown_by_line() -> None:
    old = counting(rests_on={"sql stg": "aa"}, sql="select a\nfrom t")
    new = counting(rests_on={"sql stg": "bb"}, sql="select b\nfrom t")
    assert changes(old, new) == (Change("sql", "stg", "aa", "bb"),)
    assert [line for line in sql_difference(old, new) if line[0] in "+-"][2:] == ["-select a", "+select b"]
    assert sql_difference(old, old) == []


def test_rules_of_a_contract_are_compared_and_its_words_are_not() -> None:
    field = {"name": "amount", "type": "decimal", "maximum": "10", "required": True, "description": "Old."}
    other = {**field, "maximum": "20", "pattern": "^x", "required": False, "description": "New."}
    old = counting(rests_on={"contract orders": "aa"}, contract={"fields": [field], "timezone": "UTC"})
    new = counting(rests_on={"contract orders": "bb"}, contract={"fields": [other], "timezone": "UTC"})
    assert changes(old, new) == (
        Change("contract", "orders", "aa", "bb"),
        Change("contract", "orders.amount.maximum", "10", "20"),
        Change("contract", "orders.amount.pattern", None, "^x"),
        Change("contract", "orders.amount.required", "true", None),
    )


def test_a_change_survives_being_stored() -> None:
    for change in (Change("feature", "n", None, "count()"), Change("owner", "", "a", "b")):
        assert Change.from_dict(change.to_dict()) == change


def test_a_view_that_is_used_is_compared_in_what_decides_values() -> None:
    old, new = looking_up("30d", owner="team:shop"), looking_up("90d", owner="team:data")
    versions = [document.uses["customers"].version for document in (old, new)]
    assert changes(old, new) == (
        Change("view", "customers", *versions),
        Change("view", "customers: feature n", "count() over 30d", "count() over 90d"),
    )


def test_a_view_that_is_used_may_change_its_words_only() -> None:
    assert changes(looking_up(owner="team:shop"), looking_up(owner="team:data")) == ()


def test_views_that_come_into_use_are_named() -> None:
    old = document(lambda o: {"n": o.count()}, entities=[Entity("order", ["order_id"])])
    found = changes(replace(old, view=replace(old.view, name="order_features")), looking_up())
    assert Change("view", "customers", None, looking_up().uses["customers"].version) in found


def test_a_function_of_equal_name_is_told_apart_by_its_text() -> None:
    def using(limit: int) -> ViewDocument:
        source = f"def tier(n):\n    return 1 if n > {limit} else 0\n"
        base = counting()
        node = Python("tier", source, (base.view.feature("n").node,), ColumnType("int64"))
        return ViewDocument(replace(base.view, features=(Feature("tier", node),)))

    (change,) = changes(using(3), using(5))
    assert change.before == "tier(count() over 30d)\ndef tier(n):\n    return 1 if n > 3 else 0"
    assert change.after == "tier(count() over 30d)\ndef tier(n):\n    return 1 if n > 5 else 0"


def test_what_deletes_a_row_is_compared() -> None:
    keyed = replace(ORDERS, primary_key=("order_id",))
    found = changes(counting(dataset=keyed), counting(dataset=replace(keyed, deletes="is_sale")))
    assert found == (Change("column", "is_sale", None, "boolean"), Change("deletes", "", None, "is_sale"))


def test_a_deprecation_changes_no_value() -> None:
    (change,) = changes(counting(), counting(deprecated="use buyers"))
    assert change == Change("deprecated", "", None, "use buyers")
    assert not change.values
