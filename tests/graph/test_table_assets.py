"""Tables of a database in the graph: a snapshot by partition, and the current state of change data."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import polars as pl
import pytest

from mlinfra_assets import names
from mlinfra_assets.assets.current import current_asset
from mlinfra_assets.assets.processed import processed_asset
from mlinfra_assets.assets.table_snapshots import snapshot_asset, table_spec
from mlinfra_assets.automation import ingest_job, snapshot_schedule
from mlinfra_assets.ingest.raw import commit_rows, ensure_raw, raw_rows, raw_table
from mlinfra_assets.lake.lake import Lake
from mlinfra_assets.lake.provenance import Provenance
from mlinfra_assets.partitions import daily, key
from mlinfra_assets.settings import Settings
from mlinfra_assets.streams.records import RECORDS
from resources.clock import ClockResource
from resources.environments import resources_for
from tests.support.declared_table import declared_table
from tests.support.envelopes import Change, orders, raw_changes
from tests.support.own_database import OwnDatabase, own_database

VARIABLE = "MLINFRA_SHOP_DATABASE"
NOW = datetime.now(UTC)
DAYS = daily(NOW.date() - timedelta(days=3), today=True)


@pytest.fixture
def database(postgres_url: str) -> Iterator[OwnDatabase]:
    with own_database(postgres_url) as made:
        made.run("CREATE TABLE orders (id int PRIMARY KEY, note text)", "INSERT INTO orders VALUES (1, 'a'), (2, 'b')")
        yield made


@pytest.mark.service("postgres")
def test_todays_partition_is_taken_and_a_day_that_is_over_fails_with_the_reason(
    tmp_path: Path, settings: Settings, database: OwnDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, database.url)
    ingest = {"kind": "database", "connection": VARIABLE, "table": "public.orders"}
    fields = {"id": "key integer", "note": "string"}
    dagster = {"owners": ["team:shop"], "schedule": "15 1 * * *"}
    source = declared_table(tmp_path, "orders_daily", fields, ingest, dagster=dagster)
    assets = [table_spec(source), snapshot_asset(source, DAYS), processed_asset(source, settings)]
    resources = resources_for(settings)

    def run(day: str) -> dg.ExecuteInProcessResult:
        with dg.DagsterInstance.ephemeral() as instance:
            return dg.materialize(
                assets, partition_key=day, resources=resources, instance=instance, raise_on_error=False
            )

    today = key(datetime.now(UTC).date())
    assert run(today).success
    lake = Lake(settings.lake)
    assert sorted(lake.table("processed/orders_daily").read()["note"]) == ["a", "b"]
    failed = run(key(NOW.date() - timedelta(days=2)))
    assert not failed.success
    failure = failed.failure_data_for_node("raw_orders_daily")
    assert failure is not None
    assert failure.error is not None
    assert failure.error.cause is not None
    assert "none can be taken any more" in failure.error.cause.message
    schedule = snapshot_schedule(source, DAYS)
    assert schedule is not None
    job = ingest_job(source)
    made = dg.Definitions(
        assets, jobs=[dg.define_asset_job(job.name, selection=job.selection)], schedules=[schedule], resources=resources
    )
    context = dg.build_schedule_context(
        repository_def=made.get_repository_def(), resources={"clock": ClockResource(home=str(settings.home))}
    )
    asked = schedule.evaluate_tick(context).run_requests
    assert asked is not None
    assert [request.partition_key for request in asked] == [today]


def test_the_current_state_is_brought_up_to_its_history_and_says_of_which_version(
    tmp_path: Path, settings: Settings
) -> None:
    source = orders(tmp_path)
    lake, provenance = Lake(settings.lake), Provenance("run", "code")
    table = raw_table(lake, source)
    ensure_raw(table, source, provenance)
    row = {"customer": 1, "note": "n", "amount": 1}
    sent = [Change("c", {"id": 1, **row}, 10), Change("c", {"id": 2, **row}, 20), Change("d", {"id": 1}, 30)]
    records = pl.concat([pl.DataFrame(schema=RECORDS), raw_changes(sent)], how="diagonal")
    commit_rows(table, source, raw_rows(source, records, NOW, "run"), provenance, {}, {0: 2})
    assets = [processed_asset(source, settings), current_asset(source)]
    assert names.current("orders") in ingest_job(source).keys
    with dg.DagsterInstance.ephemeral() as instance:
        done = dg.materialize(assets, resources=resources_for(settings), instance=instance)
    assert lake.table("processed/orders_current").read().select("id", "change_op").rows() == [(2, "c")]
    [told] = done.asset_materializations_for_node("processed__orders_current")
    assert told.metadata["history_version"].value == lake.table("processed/orders").version()
    assert told.metadata["dagster/row_count"].value == 1
