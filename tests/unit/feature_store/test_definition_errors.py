"""What cannot be declared, and the words that it is refused with."""

from __future__ import annotations

from datetime import timedelta

import pytest

from mlinfra_assets.feature_store import ColumnType, DatasetSchema, Entity, key, now, request
from mlinfra_assets.feature_store.errors import DefinitionError
from mlinfra_assets.feature_store.inference import aggregate_type
from mlinfra_assets.feature_store.nodes import Aggregate, Column
from tests.support.order_views import CUSTOMER, ORDERS, declare, new_store


@pytest.mark.parametrize(
    ("feature", "message"),
    [
        (lambda o: o.count(timedelta(0)), r"window=.* has to be longer than zero"),
        (lambda o: o.count("1d", hop=timedelta(0)), r"hop=.* has to be longer than zero"),
        (lambda o: o.count("1d", hop="25h"), r"hop=25h of count\(\) is longer than its window of 1d"),
        (lambda o: o["amount"].quantile(1.5), r"quantile\(1.5\): a share is a number from 0 to 1"),
        (lambda o: o["amount"].quantile(-0.1), r"quantile\(-0.1\): a share"),
        (lambda o: o["amount"].quantile(0.1234567), r"at most six digits behind"),
        (lambda o: o["amount"].quantile(float("nan")), r"quantile\(nan\): a share"),
        (lambda o: o["amount"].quantile(True), r"quantile\(True\): a share"),
        (lambda o: o["sku"].quantile(0.5), r"quantile\(\) of a string: only numbers, times and dates"),
        (lambda o: o["sku"].last_n(0), r"last_n\(\) keeps 1 to 1,000 values, not 0"),
        (lambda o: o["sku"].last_n(1001), r"last_n\(\) keeps 1 to 1,000 values, not 1001"),
        (lambda o: o["sku"].last_n(2.0), r"last_n\(\) keeps 1 to 1,000 values, not 2.0"),
        (lambda o: o["sku"].std(), r"std\(\) of a string: only numbers"),
        (lambda o: o["sku"].variance(), r"variance\(\) of a string: only numbers"),
        (lambda o: o["sku"].last_n(3).length(), r"length of list\(string\): a list is a feature as it is"),
        (lambda o: o["sku"].last_n(3) == o["sku"].last_n(3), r"eq of list\(string\) and list\(string\)"),
        (lambda o: o["sku"].last_n(3).coalesce(o["sku"].last_n(2)), "a list is a feature as it is"),
        (lambda o: o["amount"].last().bucket([]), "bucket takes 2 to 10000 values, and is given 1"),
        (lambda o: o["amount"].last().bucket([1, 1]), "bucket: its boundaries have to rise, and 1 follows 1"),
        (lambda o: o["amount"].last().bucket([2, 1.5]), "bucket: its boundaries have to rise, and 1.5 follows 2"),
        (lambda o: o["sku"].last().bucket(["b", "a"]), "have to rise, and 'a' follows 'b'"),
        (lambda o: o["sku"].last().bucket([o["sku"].first()]), "bucket: its boundaries are constants"),
        (lambda o: o["sku"].last().bucket([1]), "bucket of a string and a int64: they do not go together"),
        (lambda o: o["gift"].last().bucket([True]), "bucket of boolean and boolean: it takes a number"),
        (lambda o: o["quantity"].last().if_else(1, 2), "if_else of int64 and int64 and int64: it takes a condition"),
        (lambda o: o["gift"].last().if_else(1, "a"), "if_else of a int64 and a string: they do not go together"),
        (lambda o: o["weight"].last().cast("string"), "a float64 cannot be cast to string: cast it to int64 first"),
        (lambda o: o["due"].last().cast("int64"), "a timestamp cannot be cast to int64"),
        (lambda o: o["due"].last().cast("date"), r"cast\('date'\): it casts to int64, float64, string"),
        (lambda o: o["quantity"].last().lower(), "lower of int64: it takes strings"),
        (lambda o: o["sku"].last().concat(1), "concat of string and int64: it takes strings"),
        (lambda o: o["sku"].last().contains(1), "contains of string and int64: it takes two strings"),
        (lambda o: o["sku"].last().contains(o["sku"].first()), "contains looks for a constant"),
        (lambda o: o["sku"].last().substring(-1, 2), "substring: start is a constant whole number from 0 on"),
        (lambda o: o["sku"].last().substring(0, o.count()), "substring: length is a constant whole number"),
        (lambda o: o["sku"].last().substring(0, 1.5), "substring of string and int64 and float64"),
        (lambda o: o["sku"].last().year(), "year of string: it takes a date or a time"),
        (lambda o: o["birthday"].last().hour(), "hour of date: it takes a time"),
        (lambda o: o["due"].last().seconds_between(o["birthday"].last()), "seconds_between of timestamp and date"),
        (lambda o: o["sku"].last().abs(), "abs of string: it takes numbers"),
        (lambda o: o["amount"].sum(where=now().hour() > 3), r"now\(\) stands inside an expression over single rows"),
        (lambda o: (o["amount"] * request("n", "int64")).sum(), "the request's value 'n' stands inside an expression"),
        (lambda o: (o["sku"] == key("customer_id")).count(), "the view's key 'customer_id' stands inside"),
        (lambda _: key("customer"), "the view has no join key 'customer'; did you mean 'customer_id'"),
        (lambda _: request("n", "decimal(2)"), "request 'n' is a decimal"),
        (lambda _: request("n", "list(int64)"), "request 'n' is a list"),
        (lambda _: request("n", "number"), "'number' is not a column type"),
        (lambda _: request("N", "int64"), "request 'N': a name is lower case"),
        (
            lambda _: request("customer_id", "string"),
            "asks for 'customer_id' in a request, and that is the name of a key",
        ),
        (lambda _: request("x", "string"), "asks for 'x' in a request, and that is the name of a feature"),
        (lambda _: request("event_timestamp", "string"), "asks for 'event_timestamp' in a request"),
    ],
)
def test_what_is_wrong_is_named_with_view_and_feature(feature, message: str):
    with pytest.raises(DefinitionError, match=rf"view view: .*{message}") as refused:
        declare(lambda o: {"x": feature(o)})
    assert str(refused.value).startswith("view view: ")


def test_a_value_in_a_request_has_one_type():
    with pytest.raises(DefinitionError, match="asks for 'n' in a request as a int64, and elsewhere as a float64"):
        declare(lambda o: {"x": request("n", "float64") + o.count(), "y": request("n", "int64")})


@pytest.mark.parametrize(
    ("aggregate", "message"),
    [
        (Aggregate("count", window=0), "window= of count.. is 0: at least a microsecond"),
        (Aggregate("count", window=1, hop=-1), "hop= of count.. is -1: at least a microsecond"),
        (Aggregate("quantile", Column("amount")), "quantile.. takes a share"),
        (Aggregate("quantile", Column("amount"), parameter=1_000_001), "quantile.. takes a share"),
        (Aggregate("sum", Column("amount"), parameter=1), "sum.. takes no parameter"),
        (Aggregate("since_last", Column("amount")), "since_last.. is about rows"),
        (Aggregate("mean_interval", Column("amount")), "mean_interval.. is about rows"),
        (Aggregate("latest"), "latest.. needs an expression"),
        (Aggregate("median", Column("amount")), "'median' is not an aggregation"),  # pyright: ignore[reportArgumentType]
    ],
)
def test_an_aggregate_from_elsewhere_is_checked_as_well(aggregate: Aggregate, message: str):
    with pytest.raises(DefinitionError, match=message):
        aggregate_type(aggregate, ORDERS)


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"customer_id": "float64"}, "join key 'customer_id' is a float64: a key is an int64 or a string"),
        ({"customer_id": "text"}, "'text' is not a column type"),
        ({}, "one or more different columns"),
    ],
)
def test_a_typed_key_has_a_type_of_a_key(keys: dict[str, str], message: str):
    with pytest.raises(DefinitionError, match=message):
        Entity("customer", keys)


def test_a_typed_key_has_to_be_the_datasets():
    with pytest.raises(
        DefinitionError, match="'customer_id' of entity customer is a int64, and dataset orders has a string"
    ):
        declare(lambda o: {"x": o.count()}, entities=[Entity("customer", {"customer_id": "int64"})])
    typed = Entity("customer", {"customer_id": "string"})
    assert typed.join_keys == ("customer_id",)
    assert typed.key_types == {"customer_id": ColumnType("string")}
    assert declare(lambda o: {"x": o.count()}, entities=[typed]).entities == (typed,)


def test_an_untyped_entity_can_be_hashed_and_compared():
    assert {CUSTOMER, Entity("customer", "customer_id")} == {CUSTOMER}
    assert Entity("customer", {"customer_id": "string"}) != CUSTOMER


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"deletes": "gone"}, "deletes='gone' has to be a boolean column, and of a primary key"),
        ({"deletes": "sku", "primary_key": ("order_id",)}, "deletes='sku' has to be a boolean column"),
        ({"deletes": "gon", "primary_key": ("order_id",)}, "no column 'gon'; did you mean 'gone'"),
    ],
)
def test_what_deletes_is_a_condition_on_a_primary_key(changes, message: str):
    with pytest.raises(DefinitionError, match=message):
        new_store(**changes)


def test_a_view_keeps_what_deletes_beside_its_own_columns():
    store = new_store(deletes="gone", primary_key=("order_id",))
    view = declare(lambda o: {"x": o["amount"].sum()}, store)
    assert view.dataset == DatasetSchema(
        "orders",
        {name: ORDERS.columns[name] for name in ("amount", "customer_id", "gone", "order_id")},
        "orders",
        "processed/orders",
        ("order_id",),
        "gone",
    )


def test_a_view_reads_the_coordinates_that_decide_and_those_that_it_names():
    view = declare(lambda o: {"x": o["_contract_version"].last()})
    coordinates = ("_event_time", "_known_at", "_partition", "_offset", "_row", "_release", "_contract_version")
    assert view.columns == ("customer_id", *coordinates)


def test_a_service_says_who_answers_for_it_and_what_is_wrong_with_it():
    store = new_store()
    declare(lambda o: {"x": o.count()}, store, deprecated="use orders_v2")
    assert store.views["view"].deprecated == "use orders_v2"
    service = store.create_feature_service(
        "churn_v1", ["view:x"], owner="team:a", description="For churn.", tags={"tier": "1"}, deprecated="use churn_v2"
    )
    assert (service.owner, service.description, service.deprecated) == ("team:a", "For churn.", "use churn_v2")
    assert service.tags == {"tier": "1"}
    with pytest.raises(DefinitionError, match="feature service churn_v3: view view has no feature 'y'"):
        store.create_feature_service("churn_v3", ["view:y"])
