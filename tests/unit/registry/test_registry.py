from __future__ import annotations

import json
import threading
from pathlib import Path

import polars as pl
import pytest

from mlinfra_assets.feature_store import Entity
from mlinfra_assets.lake.lake import Lake
from mlinfra_assets.lake.provenance import Provenance
from mlinfra_assets.registry.content import RegisteredService
from mlinfra_assets.registry.registered import Registered
from mlinfra_assets.registry.registry import Registry
from mlinfra_assets.registry.tables import CONTRACTS, ENTITIES, FEATURES, SERVICES, TIMESTAMP, VIEWS
from tests.support.registered import AT, counting, document, registration


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(str(tmp_path))


def versions_of_all_tables(lake: Lake) -> dict[str, int]:
    return {name: lake.table(name).version() for name in lake.tables()}


def test_nothing_is_registered_at_first(lake: Lake) -> None:
    registry = Registry(lake)
    assert registry.view("customers", "v1") is None
    assert registry.contract("lines", "f1") is None
    assert (registry.views(), registry.contracts()) == ([], [])
    assert registry.features().is_empty()
    assert registry.entities().is_empty()
    assert registry.services().is_empty()
    assert lake.tables() == []


def test_a_version_is_kept_as_it_was_with_who_answered_for_it_and_who_recorded_it(lake: Lake) -> None:
    registry, kept = Registry(lake), counting(owner="team:shop")
    assert registry.record_view(kept, registration("run-1", by="ann", code="c1"))
    assert registry.view("customers", kept.version) == kept.to_json()
    assert registry.view("customers", "other") is None
    first = '{"against":null,"changes":[]}'
    assert registry.views() == [
        Registered("customers", kept.version, kept.to_json(), AT, "run-1", "ann", "team:shop", first)
    ]
    found = lake.table(VIEWS).provenance()
    assert found is not None
    assert (found.run_id, found.code_version) == ("run-1", "c1")


def test_a_contract_is_kept_as_it_was(lake: Lake) -> None:
    registry, text = Registry(lake), '{"b": 1.10, "a": "ü"}'
    assert registry.record_contract("lines", "f1", text, registration())
    assert registry.contract("lines", "f1") == text
    assert registry.contract("customers", "f1") is None


def test_recording_a_version_again_changes_nothing(lake: Lake) -> None:
    registry = Registry(lake)
    assert registry.record_view(counting(), registration("run-1"))
    before = versions_of_all_tables(lake)
    assert not registry.record_view(counting(description="other words"), registration("run-2"))
    assert versions_of_all_tables(lake) == before
    assert [entry.run_id for entry in registry.views()] == ["run-1"]


def test_each_version_says_what_it_changed_against_the_one_before(lake: Lake) -> None:
    registry = Registry(lake)
    first, second = counting("30d"), counting("90d")
    registry.record_view(first, registration())
    registry.record_view(second, registration(days=1))
    changed = [json.loads(entry.changed) for entry in registry.views("customers")]
    assert changed[1] == {
        "against": first.version,
        "changes": [
            {
                "part": "feature",
                "name": "n",
                "before": "count() over 30d",
                "after": "count() over 90d",
                "changes_values": True,
            }
        ],
    }


def test_versions_come_in_the_order_they_were_recorded(lake: Lake) -> None:
    registry = Registry(lake)
    recorded = [counting(window) for window in ("3d", "1d", "2d")]
    for entry in recorded:
        registry.record_view(entry, registration())
    assert [entry.version for entry in registry.views()] == [entry.version for entry in recorded]


def test_features_are_rows_by_view_and_version(lake: Lake) -> None:
    registry = Registry(lake)
    both = document(lambda o: {"n": o.count("30d"), "spent": o["amount"].sum(where=o["is_sale"])})
    registry.record_view(both, registration("run-1"))
    registry.record_view(counting("30d"), registration("run-2"))
    rows = registry.features()
    assert rows.select("number", "view", "version", "position", "feature", "type", "expression").rows() == [
        (1, "customers", both.version, 0, "n", "int64", "count() over 30d"),
        (2, "customers", both.version, 1, "spent", "float64", "sum(amount) where is_sale"),
        (3, "customers", counting("30d").version, 0, "n", "int64", "count() over 30d"),
    ]
    hashes = rows["hash"].to_list()
    assert hashes[0] == hashes[2] != hashes[1]
    assert rows["run_id"].to_list() == ["run-1", "run-1", "run-2"]


def test_an_entity_is_a_row_by_its_keys_and_their_types(lake: Lake) -> None:
    registry = Registry(lake)
    pair = [Entity("customer", ["customer_id"], description="Somebody."), Entity("order", ["order_id"])]
    registry.record_view(counting(entities=pair), registration())
    registry.record_view(counting("7d"), registration())
    rows = registry.entities()
    assert rows.select("name", "join_keys", "types", "description").rows() == [
        ("customer", ["customer_id"], ["int64"], "Somebody."),
        ("order", ["order_id"], ["int64"], ""),
    ]


def test_a_service_is_a_row_for_each_list_of_features_that_it_had(lake: Lake) -> None:
    registry = Registry(lake)
    for features in (("customers:n",), ("customers:n",), ("customers:n", "customers:spent")):
        registry.record_services([RegisteredService("inputs", features)], registration())
    assert registry.services()["features"].to_list() == [["customers:n"], ["customers:n", "customers:spent"]]
    assert registry.services()["version"].n_unique() == 2


def test_racing_recorders_keep_each_version_once(lake: Lake) -> None:
    recorded: list[bool] = []

    def work() -> None:
        registry = Registry(Lake(lake.root))
        recorded.extend(registry.record_view(counting(f"{n}d"), registration()) for n in range(1, 4))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    expected = sorted(counting(f"{n}d").version for n in range(1, 4))
    assert sorted(entry.version for entry in Registry(lake).views()) == expected
    assert sum(recorded) == lake.table(VIEWS).count() == lake.table(FEATURES).count() == 3
    assert lake.table(ENTITIES).count() == 1
    assert Registry(lake).features()["number"].to_list() == [1, 2, 3]


def test_a_recording_that_was_cut_short_is_completed_by_the_next(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched:
        registry = Registry(lake)
        patched.setattr(registry._views, "record", lambda *_: pytest.fail("killed here"))
        with pytest.raises(BaseException, match="killed here"):
            registry.record_view(counting(), registration("run-1"))
    assert Registry(lake).views() == []
    assert Registry(lake).record_view(counting(), registration("run-2"))
    assert lake.table(FEATURES).count() == lake.table(ENTITIES).count() == lake.table(VIEWS).count() == 1


def earlier_format(lake: Lake, table: str, name: str, version: str, text: str) -> None:
    """A row as it was written before the registry kept who registered something and what changed."""
    row = {"number": 1, "name": name, "version": version, "document": text, "registered_at": AT, "run_id": "run-0"}
    lake.table(table).append(
        pl.DataFrame([row], schema_overrides={"registered_at": TIMESTAMP}),
        provenance=Provenance("run-0", ""),
        advance={table: (None, 1)},
        stats_columns=["number", "name", "version"],
    )


def test_a_table_of_the_format_before_is_read_and_appended_to(lake: Lake) -> None:
    old, new = counting("30d"), counting("90d")
    earlier_format(lake, VIEWS, "customers", old.version, old.to_json())
    earlier_format(lake, CONTRACTS, "orders", "f1", "{}")
    registry = Registry(lake)
    assert registry.views() == [Registered("customers", old.version, old.to_json(), AT, "run-0")]
    assert not registry.record_view(old, registration("run-1"))
    assert registry.record_view(new, registration("run-2", days=2))
    assert registry.record_contract("orders", "f2", "{}", registration("run-2"))
    assert [(e.version, e.run_id, e.registered_by) for e in registry.views()] == [
        (old.version, "run-0", ""),
        (new.version, "run-2", "ann"),
    ]
    assert json.loads(registry.views()[1].changed)["against"] == old.version
    assert [e.version for e in registry.contracts()] == ["f1", "f2"]


def test_the_features_of_a_version_of_the_format_before_come_with_its_next_registration(lake: Lake) -> None:
    earlier_format(lake, VIEWS, "customers", counting().version, counting().to_json())
    assert not Registry(lake).record_view(counting(), registration())
    assert Registry(lake).features()["feature"].to_list() == ["n"]
    assert lake.table(VIEWS).count() == 1


def test_what_cannot_be_compared_is_registered_with_the_reason(lake: Lake) -> None:
    earlier_format(lake, VIEWS, "customers", "0123456789ab", "no document")
    assert Registry(lake).record_view(counting(), registration())
    changed = json.loads(Registry(lake).views()[1].changed)
    assert changed["against"] == "0123456789ab"
    assert "cannot be read" in changed["note"]


def test_names_of_people_and_documents_stay_out_of_the_logs_statistics(lake: Lake) -> None:
    Registry(lake).record_view(counting(owner="team:shop"), registration(by="ann"))
    log = "".join(path.read_text() for path in (Path(lake.root) / VIEWS / "_delta_log").glob("*.json"))
    assert "minValues" in log.replace("\\", "")
    assert '"ann"' not in log.replace("\\", "")


def test_the_tables_are_below_registry() -> None:
    assert {VIEWS, FEATURES, ENTITIES, SERVICES, CONTRACTS} == {
        f"registry/{name}" for name in ("feature_views", "features", "entities", "feature_services", "contracts")
    }
