"""The curated assets in the graph: what they say of themselves, and what a run publishes."""

from __future__ import annotations

from pathlib import Path

import dagster as dg
import pytest

from mlinfra_assets.assets.curated import curated_assets, determinism_checks
from mlinfra_assets.automation import WHEN_INPUTS_PASS
from mlinfra_assets.lake.lake import Lake
from resources.lake import LakeResource
from tests.support.processed_tables import (
    exchange_rates,
    order_lines,
    write_exchange_rates,
    write_order_lines,
)

MODELS = {"stg_order_lines", "stg_exchange_rates", "orders", "returns", "customers", "products", "daily_revenue"}


@pytest.fixture(scope="module")
def curated() -> dg.AssetsDefinition:
    return curated_assets(WHEN_INPUTS_PASS)


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    lake = Lake(str(tmp_path / "lake"))
    write_order_lines(lake, order_lines())
    write_exchange_rates(lake, exchange_rates())
    return lake


def _run(
    curated: dg.AssetsDefinition, lake: Lake, instance: dg.DagsterInstance, *models: str
) -> dg.ExecuteInProcessResult:
    return dg.materialize(
        [curated],
        selection=[dg.AssetKey(["curated", m]) for m in models] or None,
        resources={"lake": LakeResource(root=lake.root)},
        instance=instance,
        raise_on_error=False,
    )


def _published(result: dg.ExecuteInProcessResult) -> set[str]:
    return {m.asset_key.path[-1] for m in result.asset_materializations_for_node("curated") if m.asset_key}


def test_every_curated_asset_says_what_it_is(curated: dg.AssetsDefinition) -> None:
    specs = {spec.key.path[-1]: spec for spec in curated.specs}
    assert set(specs) == MODELS
    for spec in specs.values():
        assert spec.key.path[0] == "curated"
        assert spec.group_name == "curated"
        assert spec.kinds == {"dbt", "duckdb", "deltalake"}
        assert spec.owners
        assert spec.description
        assert spec.code_version
        assert spec.automation_condition is WHEN_INPUTS_PASS
        schema, lineage = spec.metadata["dagster/column_schema"], spec.metadata["dagster/column_lineage"]
        assert all(column.description and column.type != "?" for column in schema.columns)
        assert set(lineage.deps_by_column) == {column.name for column in schema.columns}


def test_the_graph_hangs_together(curated: dg.AssetsDefinition) -> None:
    resources = {"lake": LakeResource(root="unused")}
    graph = dg.Definitions([curated], asset_checks=[determinism_checks()], resources=resources).resolve_asset_graph()
    outside = {key.to_user_string() for key in graph.get_all_asset_keys() if not graph.get(key).is_materializable}
    assert outside == {"processed/order_lines", "processed/exchange_rates"}
    parents = {p.to_user_string() for p in graph.get(dg.AssetKey(["curated", "daily_revenue"])).parent_keys}
    assert parents == {"curated/stg_order_lines", "curated/stg_exchange_rates"}
    checks = {(k.asset_key.path[-1], k.name) for k in graph.asset_check_keys}
    assert {("orders", "one_order_an_invoice_and_customer"), ("orders", "deterministic")} <= checks
    assert ("daily_revenue", "revenue_adds_up_to_the_lines") in checks
    assert {model for model, name in checks if name == "deterministic"} == MODELS


def test_a_run_publishes_every_model_and_then_each_alone(curated: dg.AssetsDefinition, lake: Lake) -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        result = _run(curated, lake, instance)
        assert result.success
        assert _published(result) == MODELS
        checks = result.get_asset_check_evaluations()
        assert {c.check_name for c in checks if not c.passed} == set()
        assert {c.asset_key.path[-1] for c in checks} == MODELS
        (event,) = [
            m for m in result.asset_materializations_for_node("curated") if m.asset_key.path[-1] == "daily_revenue"
        ]
        assert event.metadata["dagster/row_count"].value == 3
        assert set(event.metadata["positions"].value) == {"order_lines", "exchange_rates"}  # pyright: ignore[reportArgumentType]
        assert event.tags is not None
        assert event.tags["dagster/data_version"] == event.metadata["checksum"].value

        stagings = lake.table("curated/stg_order_lines").version()
        again = _run(curated, lake, instance, "orders")
        assert again.success
        assert _published(again) == {"orders"}
        assert lake.table("curated/stg_order_lines").version() == stagings
        provenance = lake.table("curated/orders").provenance()
        assert provenance is not None
        assert provenance.inputs == {"curated/stg_order_lines": stagings}
        assert provenance.positions["order_lines"].offsets == {0: 6}


def test_a_failed_test_publishes_nothing_of_its_model_and_of_what_reads_it(
    curated: dg.AssetsDefinition, lake: Lake
) -> None:
    repeated = order_lines()[:1]  # the position 0 for the second time
    write_order_lines(lake, repeated)
    with dg.DagsterInstance.ephemeral() as instance:
        result = _run(curated, lake, instance)
        assert not result.success
        assert _published(result) == {"stg_exchange_rates"}
        failed = {c.check_name for c in result.get_asset_check_evaluations() if not c.passed}
        assert failed == {"order_lines_arrive_once"}
        (failure,) = [e for e in result.all_events if e.is_step_failure]
        assert failure.step_failure_data.user_failure_data is not None
        words = failure.step_failure_data.user_failure_data.description or ""
        assert "stg_order_lines: test order_lines_arrive_once failed: 1 row" in words
        assert "daily_revenue: it reads stg_order_lines, which is not published" in words
    assert lake.tables() == ["curated/stg_exchange_rates", "processed/exchange_rates", "processed/order_lines"]
