"""A view's version stays as long as what it uses of its source's contract does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from mlinfra_assets.commands.sources import declared_sources
from mlinfra_assets.contracts.contract import Condition, Contract, Field, RowRule
from mlinfra_assets.curated.row_wise import row_wise_models
from mlinfra_assets.feature_store import Entity, FeatureStore
from mlinfra_assets.feature_store.view import FeatureView
from mlinfra_assets.features import fs
from mlinfra_assets.publishing.contract_used import contract_of_use
from mlinfra_assets.publishing.documents import Documents

SOURCE = declared_sources()["order_lines"]
FIRST = SOURCE.contract
VERSIONS = {
    "customer_features": "c8dc7e5dc7a1",
    "customer_product_features": "19e1271a1536",
    "product_features": "f65c4ca68b5c",
}
"""Of the declared views as they were before contracts could be published."""


@pytest.fixture(scope="module")
def view() -> FeatureView:
    store = FeatureStore(fs.datasets)

    @store.create_feature_view("customers", [Entity("customer", {"customer_id": "int64"})])
    def customers(order_lines):
        return {"spent": order_lines["quantity"].sum("30d")}

    return store.views["customers"]


def changed(contract: Contract, **fields: dict) -> Contract:
    made = tuple(replace(f, **fields.get(f.name, {})) for f in contract.fields)
    return replace(contract, fields=made, version="1.1.0")


COUNTRIES = RowRule("r", None, Condition("country", pattern="x"))
WITH_NOTE = replace(FIRST, fields=(*FIRST.fields, Field("note", "Note", "string")), version="1.1.0")
UNUSED = {
    "a new field": WITH_NOTE,
    "another field with a wider type": changed(FIRST, unit_price={"scale": 5}),
    "a looser rule of another field": changed(FIRST, stock_code={"pattern": None}),
    "fewer rules of the batch": replace(FIRST, rules=()),
    "a row rule across other fields": replace(FIRST, row_rules=(*FIRST.row_rules, COUNTRIES)),
}
USED = {
    "a used field with a wider type": changed(FIRST, quantity={"type": "number"}),
    "a looser rule of a used field": changed(FIRST, quantity={"maximum": "20000"}),
    "a rule of a key": changed(FIRST, customer_id={"minimum": None}),
    "another time zone": replace(FIRST, timezone="UTC"),
    "another format of the event time": changed(FIRST, invoiced_at={"format": None}),
    "no rule across a used field": replace(FIRST, row_rules=()),
}


def version(view: FeatureView, contract: Contract, published: Sequence[Contract]) -> str:
    sources = {"order_lines": replace(SOURCE, contract=contract)}
    return Documents(fs.datasets, sources, {}, published=lambda _: published).version(view)


@pytest.mark.parametrize("published", [[], [FIRST]])
def test_the_declared_views_have_kept_their_versions(published: list[Contract]) -> None:
    documents = Documents(fs.datasets, declared_sources(), row_wise_models(), published=lambda _: published)
    assert {name: documents.version(view) for name, view in fs.views.items()} == VERSIONS


@pytest.mark.parametrize("change", list(UNUSED))
def test_what_a_view_does_not_use_changes_no_version(change: str, view: FeatureView) -> None:
    before = version(view, FIRST, [FIRST])
    assert version(view, UNUSED[change], [FIRST]) == before
    assert version(view, UNUSED[change], [FIRST, UNUSED[change]]) == before


@pytest.mark.parametrize("change", list(USED))
def test_what_a_view_uses_changes_its_version(change: str, view: FeatureView) -> None:
    before, after = version(view, FIRST, [FIRST]), version(view, USED[change], [FIRST])
    assert after != before
    assert version(view, USED[change], [FIRST, USED[change]]) == after


def test_a_staging_model_uses_the_fields_that_its_sql_names() -> None:
    models, view = row_wise_models(), fs.views["product_features"]
    for contract, same in ((WITH_NOTE, True), (USED["a used field with a wider type"], False)):
        sources = {"order_lines": replace(SOURCE, contract=contract)}
        found = Documents(fs.datasets, sources, models, published=lambda _: [FIRST]).version(view)
        assert (found == VERSIONS["product_features"]) is same


def test_a_change_and_its_taking_back_are_two_changes() -> None:
    other, later = USED["a looser rule of a used field"], replace(WITH_NOTE, version="1.2.0")
    assert contract_of_use(later, [FIRST, other], {"quantity"}) == later
    assert contract_of_use(later, [FIRST, other, later], {"quantity"}) == later
    assert contract_of_use(FIRST, [FIRST, other], {"quantity"}) == FIRST


def test_a_version_is_evaluated_with_the_contract_that_it_names(view: FeatureView) -> None:
    sources = {"order_lines": replace(SOURCE, contract=WITH_NOTE)}
    document = Documents(fs.datasets, sources, {}, published=lambda _: [FIRST]).document(view)
    assert document.rests_on == {"contract order_lines": FIRST.fingerprint}
    assert {f["name"] for f in document.contract["fields"]} == {f.name for f in FIRST.fields}
