"""Versions of views, and their documents."""

from __future__ import annotations

import pytest

from mlinfra_assets.feature_store import ColumnType, DatasetSchema, Entity, FeatureStore
from mlinfra_assets.feature_store.errors import DefinitionError
from mlinfra_assets.feature_store.registry import ViewDocument, version

ORDERS = DatasetSchema("orders", {"customer_id": ColumnType("int64")}, "orders", "processed/orders")
VIEW = FeatureStore({"orders": ORDERS}).create_feature_view("v", [Entity("customer", ["customer_id"])])(
    lambda orders: {"n": orders.count("30d")}
)


def test_a_version_depends_on_what_the_view_rests_on():
    assert version(VIEW, {"sql": "a"}) == version(VIEW, {"sql": "a"})
    assert len({version(VIEW, {}), version(VIEW, {"sql": "a"}), version(VIEW, {"sql": "b"})}) == 3
    assert len(version(VIEW, {})) == 12


def test_a_version_is_the_same_on_every_machine_and_in_every_release():
    assert version(VIEW, {"sql": "a"}) == "b1e5ce86519d"


def test_a_document_survives_being_stored():
    document = ViewDocument(VIEW, {"sql": "a"}, "select 1", "orders", {"name": "orders"})
    again = ViewDocument.from_json(document.to_json())
    assert again == document
    assert again.version == document.version


def test_a_document_that_was_changed_is_refused():
    text = ViewDocument(VIEW, {"sql": "a"}).to_json()
    with pytest.raises(DefinitionError, match="states version"):
        ViewDocument.from_json(text.replace("2592000000000", "2592000000001"))
    with pytest.raises(DefinitionError, match="not the document"):
        ViewDocument.from_json(text[:-20])
