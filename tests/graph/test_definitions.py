"""The code location: it loads from nothing, and every asset says what it is."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import dagster as dg
import pytest

from mlinfra_assets.definitions import build_definitions
from mlinfra_assets.settings import Settings


@pytest.fixture(scope="module")
def definitions(tmp_path_factory: pytest.TempPathFactory) -> dg.Definitions:
    home = tmp_path_factory.mktemp("home")
    return build_definitions(Settings(home=home, lake=str(home / "lake")))


def test_loads_without_any_environment(tmp_path: Path) -> None:
    bare = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    program = "from mlinfra_assets.definitions import defs; defs().get_repository_def()"
    found = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, env=bare, capture_output=True, text=True, check=False
    )

    assert found.returncode == 0, found.stderr
    assert "Warning" not in found.stderr
    assert list(tmp_path.iterdir()) == []


def test_what_no_run_makes_is_exactly_the_streams_the_folders_and_the_registry(definitions: dg.Definitions) -> None:
    graph = definitions.resolve_asset_graph()

    assert {key.to_user_string() for key in graph.external_asset_keys} == {
        "streams/order_lines",
        "streams/predictions",
        "streams/outcomes",
        "landing/exchange_rates",
        "registry/feature_views",
        "registry/features",
        "registry/entities",
        "registry/feature_services",
        "registry/contracts",
        "registry/breakers",
        "registry/online_versions",
        "registry/schemas",
    }


def test_every_asset_has_group_owner_kind_words_and_columns(definitions: dg.Definitions) -> None:
    graph = definitions.resolve_asset_graph()
    for key in graph.get_all_asset_keys():
        node = graph.get(key)
        lacking = [
            name
            for name, value in {
                "group": node.group_name and node.group_name != "default",
                "owner": node.owners,
                "kind": node.kinds,
                "description": node.description,
                "columns": node.metadata.get("dagster/column_schema"),
            }.items()
            if not value
        ]
        assert not lacking, f"{key.to_user_string()} lacks {lacking}"


def test_every_column_of_every_asset_is_described(definitions: dg.Definitions) -> None:
    graph = definitions.resolve_asset_graph()
    silent = [
        f"{key.to_user_string()}.{column.name}"
        for key in graph.get_all_asset_keys()
        for column in graph.get(key).metadata["dagster/column_schema"].columns
        if not column.description
    ]

    assert silent == []


def test_sensors_and_schedules_are_on(definitions: dg.Definitions) -> None:
    repository = definitions.get_repository_def()

    assert {s.name: s.default_status.value for s in repository.sensor_defs} == dict.fromkeys(
        (s.name for s in repository.sensor_defs), "RUNNING"
    )
    assert {s.name for s in repository.schedule_defs} >= {
        "daily_snapshots_schedule",
        "daily_audit_schedule",
        "derive_outcomes_schedule",
        "watch_models_schedule",
    }
    assert all(s.default_status.value == "RUNNING" for s in repository.schedule_defs)


def test_sources_checks_and_freshness_come_from_the_declarations(definitions: dg.Definitions) -> None:
    graph = definitions.resolve_asset_graph()
    for source in ("order_lines", "exchange_rates", "predictions", "outcomes"):
        key = dg.AssetKey(["processed", source])
        assert graph.get(dg.AssetCheckKey(key, "contract")).blocking
    for source in ("order_lines", "exchange_rates"):
        assert graph.get(dg.AssetKey(["raw", source])).freshness_policy is not None
