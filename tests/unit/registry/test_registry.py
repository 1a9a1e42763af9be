from __future__ import annotations

import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest

from mlinfra_assets.lake.lake import Lake
from mlinfra_assets.registry.registry import CONTRACTS, VIEWS, Registered, Registry

AT = datetime(2011, 6, 1, tzinfo=UTC)


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(str(tmp_path))


def test_nothing_is_registered_at_first(lake: Lake) -> None:
    registry = Registry(lake)
    assert registry.view("customers", "v1") is None
    assert registry.contract("lines", "f1") is None
    assert (registry.views(), registry.contracts()) == ([], [])


def test_a_version_is_kept_as_it_was(lake: Lake) -> None:
    registry = Registry(lake)
    document = '{"b": 1.10, "a": "ü"}'
    assert registry.record_view("customers", "v1", document, AT, "run-1", code_version="c1")
    assert registry.record_contract("lines", "f1", document, AT, "run-1")
    assert registry.view("customers", "v1") == document
    assert registry.contract("lines", "f1") == document
    assert registry.view("lines", "f1") is None
    assert registry.views() == [Registered("customers", "v1", document, AT, "run-1")]
    found = lake.table(VIEWS).provenance()
    assert found is not None
    assert (found.run_id, found.code_version) == ("run-1", "c1")


def test_recording_a_version_again_changes_nothing(lake: Lake) -> None:
    registry = Registry(lake)
    assert registry.record_view("customers", "v1", "{}", AT, "run-1")
    version = lake.table(VIEWS).version()
    assert not registry.record_view("customers", "v1", '{"description": "other words"}', AT, "run-2")
    assert registry.view("customers", "v1") == "{}"
    assert lake.table(VIEWS).version() == version


def test_versions_come_in_the_order_they_were_recorded(lake: Lake) -> None:
    registry = Registry(lake)
    for version in ("b", "a", "c"):
        registry.record_view("customers", version, "{}", AT, "run-1")
    assert [entry.version for entry in registry.views()] == ["b", "a", "c"]


def test_racing_recorders_keep_each_version_once(lake: Lake) -> None:
    recorded: list[bool] = []

    def work() -> None:
        registry = Registry(Lake(lake.root))
        recorded.extend(registry.record_contract("lines", f"f{n}", "{}", AT, "run-1") for n in range(4))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(e.version for e in Registry(lake).contracts()) == ["f0", "f1", "f2", "f3"]
    assert sum(recorded) == lake.table(CONTRACTS).count() == 4
