from __future__ import annotations

from pathlib import Path

import pytest

from mlinfra_assets.commands.sources import declared_sources
from mlinfra_assets.feature_store import Entity, FeatureStore
from mlinfra_assets.feature_store.registry import ViewDocument
from mlinfra_assets.lake.lake import Lake
from mlinfra_assets.publishing.documents import Documents
from mlinfra_assets.registry.content import services
from mlinfra_assets.registry.registry import Registry
from tests.support.registered import AT

CUSTOMER, INVOICE = Entity("customer", {"customer_id": "int64"}), Entity("invoice", ["invoice_no"])


@pytest.fixture
def store() -> FeatureStore:
    from mlinfra_assets.features import fs

    store = FeatureStore(fs.datasets)

    @store.create_feature_view("customers", [CUSTOMER], owner="team:shop")
    def customers(order_lines):
        return {"lines": order_lines.count("30d"), "all_lines": order_lines.count()}

    @store.create_feature_view("invoices", [INVOICE])
    def invoices(order_lines):
        return {"lines": customers["lines"].at(customer_id=order_lines["customer_id"].latest())}

    store.create_feature_service("both", ["invoices", "customers:all_lines"], owner="team:data", description="Counts.")
    store.create_feature_service("other", ["customers:lines"])
    return store


@pytest.fixture
def documents(store: FeatureStore) -> Documents:
    known = services(store.views, store.services.values())
    return Documents(store.datasets, declared_sources(), {}, known)


def test_a_view_is_registered_with_all_that_it_needs(documents: Documents, store: FeatureStore, tmp_path: Path) -> None:
    registry = Registry(Lake(str(tmp_path)))
    documents.register(registry, store.views["invoices"], AT, "run-1")
    assert [entry.name for entry in registry.views()] == ["customers", "invoices"]
    kept = ViewDocument.from_json(registry.views("invoices")[0].document)
    assert kept == documents.document(store.views["invoices"])
    assert kept.uses["customers"].contract == documents.document(store.views["customers"]).contract
    assert [entry.name for entry in registry.contracts()] == ["order_lines"]
    assert registry.entities()["name"].to_list() == ["customer", "invoice"]
    assert registry.features().select("view", "feature").rows() == [
        ("customers", "lines"),
        ("customers", "all_lines"),
        ("invoices", "lines"),
    ]


def test_services_are_registered_with_the_views_they_take_features_of(
    documents: Documents, store: FeatureStore, tmp_path: Path
) -> None:
    registry = Registry(Lake(str(tmp_path)))
    documents.register(registry, store.views["customers"], AT, "run-1")
    assert registry.services().select("name", "features", "owner", "description").rows() == [
        ("both", ["invoices:lines", "customers:all_lines"], "team:data", "Counts."),
        ("other", ["customers:lines"], "", ""),
    ]


def test_who_registered_it_is_kept(
    documents: Documents, store: FeatureStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_ACTOR", "ann")
    registry = Registry(Lake(str(tmp_path)))
    documents.register(registry, store.views["customers"], AT, "run-1")
    (entry,) = registry.views()
    assert (entry.registered_by, entry.owner, entry.registered_at, entry.run_id) == ("ann", "team:shop", AT, "run-1")


def test_registering_again_writes_nothing(documents: Documents, store: FeatureStore, tmp_path: Path) -> None:
    lake = Lake(str(tmp_path))
    documents.register(Registry(lake), store.views["invoices"], AT, "run-1")
    before = {name: lake.table(name).version() for name in lake.tables()}
    documents.register(Registry(lake), store.views["invoices"], AT, "run-2")
    assert {name: lake.table(name).version() for name in lake.tables()} == before
