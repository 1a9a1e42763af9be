"""Runs that fail, sensors that forget, and a backfill beside the runs of a sensor: every line comes in once."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

import dagster as dg
import pytest

from mlinfra_assets import names
from tests.support.earlier_runs import asked_before, let_pass
from tests.support.graph_run import killed_run, started_run
from tests.support.more_lines import send
from tests.support.platform import Platform

SENSOR = "order_lines_stream"
VIEW = "customer_features"
INGESTED = names.ingested("order_lines")


class Arrivals:
    """Lines that were sent since the platform was as it is, and what became of them."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._before = {name: platform.count(name) for name in ("/".join(key) for key in INGESTED)}
        self._old = Counter(platform.rows("raw/order_lines", columns=["payload"])["payload"].to_list())
        self.sent: list[bytes] = []
        self.broken = 0

    def send(self, count: int, broken: int) -> None:
        self.sent += send(self._platform, count, broken)
        self.broken += broken

    def check(self) -> None:
        raw = self._platform.rows("raw/order_lines", columns=["partition", "offset", "payload"])
        assert not raw.select("partition", "offset").is_duplicated().any()
        assert Counter(raw["payload"].to_list()) == self._old + Counter(self.sent)
        added = {name: self._platform.count(name) - rows for name, rows in self._before.items()}
        assert added == {
            "raw/order_lines": len(self.sent),
            "processed/order_lines": len(self.sent) - self.broken,
            "processed/order_lines_quarantine": self.broken,
        }


@pytest.fixture
def arrivals(platform: Platform) -> Arrivals:
    return Arrivals(platform)


@pytest.mark.parametrize("cursor", [None, "", "no JSON", '{"asked_up_to": {"0": 9223372036854775807}}'])
def test_a_cursor_that_is_lost_or_ahead_changes_nothing(platform: Platform, arrivals: Arrivals, cursor: str | None):
    arrivals.send(5, broken=1)
    said = platform.tick(SENSOR, cursor=cursor)
    assert len(said.run_requests or []) == 1
    assert platform.ingest("order_lines").success
    assert platform.tick(SENSOR, cursor=cursor).skip_message is not None
    arrivals.check()


def test_a_run_that_failed_is_asked_for_again_and_goes_on_from_the_tables(
    platform: Platform, arrivals: Arrivals, monkeypatch: pytest.MonkeyPatch
) -> None:
    arrivals.send(20, broken=3)
    assert killed_run(platform.settings, "processed.between_commits", *INGESTED) < 0
    asked_before(platform.instance, SENSOR, dg.DagsterRunStatus.FAILURE)
    arrivals.send(20, broken=2)
    let_pass(monkeypatch, timedelta(minutes=6))
    asked = platform.tick(SENSOR).run_requests or []
    assert [request.run_key for request in asked] == [None]  # a key that was used once would never run again
    assert platform.ingest("order_lines").success
    arrivals.check()


def test_a_backfill_beside_the_runs_of_a_sensor_loses_and_repeats_nothing(
    platform: Platform, arrivals: Arrivals
) -> None:
    day = platform.newest_day(VIEW)
    rows = platform.count(f"features/{VIEW}")
    arrivals.send(30, broken=3)
    backfill = started_run(platform.settings, names.features(VIEW), day=day.isoformat())
    by_sensor = started_run(platform.settings, *INGESTED)
    by_hand = started_run(platform.settings, *INGESTED)
    arrivals.send(30, broken=3)
    said = [run.communicate()[1] for run in (backfill, by_sensor, by_hand)]
    assert [run.returncode for run in (backfill, by_sensor, by_hand)] == [0, 0, 0], said
    assert platform.ingest("order_lines").success
    arrivals.check()
    assert platform.count(f"features/{VIEW}") == rows
