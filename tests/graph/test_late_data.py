"""Late lines in a played shop: they land, are counted, and the report says what they would have changed."""

from __future__ import annotations

import json
from datetime import date, timedelta

import dagster as dg
import pytest

from mlinfra_assets import names
from mlinfra_assets.cli import run
from mlinfra_assets.curated.row_wise import row_wise_models
from mlinfra_assets.curated.row_wise import run as stage
from tests.support.curated_rows import republish
from tests.support.more_lines import TOPIC, line
from tests.support.platform import Platform

VIEW = "customer_features"
KEY = (names.AUDIT, "late_data")


@pytest.fixture
def known_on(platform: Platform) -> date:
    """The day on which a line of a customer becomes known that was written three days before."""
    now = platform.clock.now() + timedelta(hours=1)
    platform.clock.set(now)
    happened = now - timedelta(days=3)
    newest = [("day", "==", platform.newest_day(VIEW))]
    customer = platform.rows(f"features/{VIEW}", columns=["customer_id"], where=newest)["customer_id"].min()
    late = line(1, happened, CustomerID=f"{customer}.0", InvoiceNo="799999", Quantity=12)
    platform.log.append(TOPIC, [late], at=now)
    assert platform.ingest("order_lines").success
    staging = row_wise_models()["stg_order_lines"].sql
    lines = platform.rows("processed/order_lines")
    republish(platform.lake, lambda _: stage(staging, lines), platform.log.end(TOPIC))
    platform.clock.set(now + timedelta(hours=1))
    return now.date()


def test_they_are_counted_by_the_run_that_takes_them_in(platform: Platform, known_on: date) -> None:
    event = platform.instance.get_latest_materialization_event(dg.AssetKey(names.processed("order_lines")))
    assert event is not None
    assert event.asset_materialization is not None
    metadata = {name: value.value for name, value in event.asset_materialization.metadata.items()}
    assert (metadata["late_rows"], metadata["late_rows_after_snapshot"], metadata["out_of_order_rows"]) == (1, 1, 1)
    assert float(str(metadata["most_seconds_late"])) > 2 * 86_400


def test_the_report_names_snapshots_and_predictions_that_would_have_been_different(
    platform: Platform, known_on: date, capsys: pytest.CaptureFixture[str]
) -> None:
    assert platform.run(KEY, partition_key=known_on.isoformat()).success

    rows = platform.rows("audit/late_data")
    days = sorted(known_on - timedelta(days=d) for d in (1, 2, 3))
    of_view = rows.filter(view=VIEW).sort("day")
    stored = set(platform.rows(f"features/{VIEW}", columns=["day"])["day"])
    assert of_view["day"].to_list() == [day for day in days if day in stored]
    assert of_view["compared"].to_list() == [1] * of_view.height
    assert of_view["different"].to_list() == [1] * of_view.height
    assert run(["late", "--home", str(platform.settings.home), "--since", known_on.isoformat(), "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    [by_view] = [one for one in said["snapshots"] if one["view"] == VIEW]
    assert by_view["late_rows"] == 1
    assert sum(day["different"] for day in by_view["days"].values()) == of_view.height
    assert {e["feature"] for e in by_view["examples"]} >= {"orders"} or of_view.is_empty()
    assert said["predictions"]["missing"] == []

    assert run(["late", "--home", str(platform.settings.home), "--since", known_on.isoformat()]) == 0
    assert "late rows touch" in capsys.readouterr().out


def test_a_source_or_time_that_makes_no_sense_is_refused(
    platform: Platform, capsys: pytest.CaptureFixture[str]
) -> None:
    home = ["--home", str(platform.settings.home)]
    assert run(["late", *home, "--source", "nothing"]) == 1
    assert "there is no source nothing" in capsys.readouterr().err
    assert run(["late", *home, "--since", "2031-01-01"]) == 1
    assert "nothing lies between" in capsys.readouterr().err
