"""A snapshot beside change data of several partitions, some of which have not come as far as the snapshot."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path

import dagster as dg
import polars as pl
import pytest

from mlinfra_assets import names
from mlinfra_assets.assets.reconciled import RECONCILED, reconciled_check
from mlinfra_assets.breakers import subjects
from mlinfra_assets.breakers.decisions import Decision, open_by_hand
from mlinfra_assets.breakers.log import BreakerLog
from mlinfra_assets.contracts.source import Source
from mlinfra_assets.ingest.processed import validate_source
from mlinfra_assets.ingest.raw import RAW_SCHEMA, raw_rows
from mlinfra_assets.ingest.reconciliation import Reconciliation, reconcile
from mlinfra_assets.ingest.table_snapshots import SNAPSHOT_SCHEMA
from mlinfra_assets.lake.lake import Lake
from mlinfra_assets.lake.provenance import Provenance
from mlinfra_assets.settings import Settings
from mlinfra_assets.streams.records import RECORDS
from resources.environments import resources_for
from tests.support.declared_table import declared_table
from tests.support.envelopes import FIELDS, Change, orders, raw_changes

NOW, DAY = datetime(2024, 1, 2, tzinfo=UTC), date(2024, 1, 2)
BY = Provenance("run", "code")
SNAPSHOT_AT = 50


class Pair:
    """Change data of orders, and a snapshot that was taken at `SNAPSHOT_AT`."""

    def __init__(self, folder: Path) -> None:
        self.settings = Settings(home=folder, lake=str(folder / "lake"))
        self.lake = Lake(self.settings.lake)
        self.changes: Source = orders(folder)
        database = {"kind": "database", "connection": "SHOP", "table": "public.orders", "reconciles": "orders"}
        self.snapshot = declared_table(folder, "orders_daily", FIELDS, database)

    def came(self, changes: Sequence[Change]) -> None:
        """These changes have come in."""
        records = pl.concat([pl.DataFrame(schema=RECORDS), raw_changes(changes)], how="diagonal")
        rows = raw_rows(self.changes, records, NOW, "run").select(list(RAW_SCHEMA))
        self.lake.table("raw/orders").append(rows, provenance=BY)
        validate_source(self.lake, self.changes, BY, NOW, max_payload_bytes=1 << 20)

    def taken(self, rows: dict[int, str]) -> None:
        """The snapshot holds these orders."""
        said = {"snapshot.lsn": SNAPSHOT_AT, "snapshot.transactions": f"{SNAPSHOT_AT + 1}:{SNAPSHOT_AT + 1}:"}
        raw = {
            "partition": 0,
            "offset": 1_000_000,
            "known_at": NOW,
            "landed_at": NOW,
            "day": DAY,
            "payload": b"",
            "headers": [{"name": name, "value": str(value).encode()} for name, value in said.items()],
        }
        landed = pl.DataFrame([raw], schema_overrides=SNAPSHOT_SCHEMA)
        whole = pl.concat([pl.DataFrame(schema=SNAPSHOT_SCHEMA), landed], how="diagonal_relaxed")
        self.lake.table("raw/orders_daily").append(whole, provenance=BY, partition_by=["day"])
        values = {"snapshot_day": DAY, "customer": 1, "amount": 1}
        held = pl.DataFrame([{"id": key, "note": note, **values} for key, note in rows.items()])
        self.lake.table("processed/orders_daily").append(held, provenance=BY)

    def compared(self) -> Reconciliation:
        return reconcile(self.lake, self.snapshot, self.changes)

    def check(self) -> dg.AssetCheckResult:
        made = reconciled_check(self.snapshot, self.changes)
        resources = resources_for(self.settings)
        processed = dg.AssetSpec(names.processed("orders_daily"))
        with dg.DagsterInstance.ephemeral() as instance:
            job = dg.Definitions([processed], asset_checks=[made], resources=resources)
            done = job.resolve_implicit_global_asset_job_def().execute_in_process(instance=instance)
        [found] = done.get_asset_check_evaluations()
        return dg.AssetCheckResult(
            check_name=RECONCILED,
            passed=found.passed,
            severity=found.severity,
            description=found.description,
            asset_key=found.asset_key,
        )


@pytest.fixture
def pair(tmp_path: Path) -> Pair:
    return Pair(tmp_path)


def change(key: int, note: str, lsn: int, partition: int) -> Change:
    return Change("c", {"id": key, "customer": 1, "note": note, "amount": 1}, lsn, partition)


def test_a_difference_in_a_partition_that_is_behind_may_be_one_of_time(pair: Pair) -> None:
    pair.came([change(1, "one", 10, 0), change(9, "other", 60, 0), change(2, "old", 20, 1)])
    pair.taken({1: "one", 2: "new"})
    found = pair.compared()
    assert (found.differing, found.wrong, found.behind) == ({"note": 1}, 1, 1)
    said = pair.check()
    assert (said.passed, said.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert "1 of these 1 rows in orders have not come as far as the snapshot yet" in (said.description or "")


def test_one_in_a_partition_that_has_come_past_is_not_whatever_the_others_do(pair: Pair) -> None:
    pair.came([change(1, "wrong", 10, 0), change(9, "other", 60, 0), change(2, "old", 20, 1)])
    pair.taken({1: "one", 2: "new"})
    found = pair.compared()
    assert (found.wrong, found.behind) == (2, 1)
    said = pair.check()
    assert (said.passed, said.severity) == (False, dg.AssetCheckSeverity.ERROR)


def test_a_partition_that_is_behind_and_differs_in_nothing_is_no_matter(pair: Pair) -> None:
    pair.came([change(1, "one", 10, 0), change(9, "other", 60, 0), change(2, "two", 20, 1)])
    pair.taken({1: "one", 2: "two"})
    found = pair.compared()
    assert (found.differences, found.behind) == (0, 0)
    assert pair.check().passed


@pytest.mark.parametrize(("last", "behind"), [(20, 1), (60, 0)])
def test_a_row_that_no_partition_knows_may_be_on_its_way_while_one_is_behind(
    pair: Pair, last: int, behind: int
) -> None:
    pair.came([change(1, "one", 10, 0), change(9, "other", 60, 0), change(2, "two", 20, 1), change(8, "x", last, 1)])
    pair.taken({1: "one", 2: "two", 3: "three"} | ({8: "x"} if last < SNAPSHOT_AT else {}))
    found = pair.compared()
    assert (found.missing, found.behind) == (1, behind)


def test_behind_an_open_breaker_nothing_is_compared(pair: Pair) -> None:
    pair.came([change(1, "one", 60, 0)])
    pair.taken({1: "one"})
    open_by_hand(BreakerLog(pair.lake), subjects.source("orders"), Decision("ann", "looking at it", NOW, BY))
    said = pair.check()
    assert (said.passed, said.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert "the breaker of source/orders is open" in (said.description or "")
