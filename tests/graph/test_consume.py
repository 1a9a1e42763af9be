"""A consumer leaves what a run leaves: the same rows, and the same events in Dagster; nothing lost, nothing twice."""

from __future__ import annotations

import signal
import sqlite3
import threading
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path

import dagster as dg
import polars as pl
import pytest
from dagster._core.definitions.asset_daemon_cursor import AssetDaemonCursor
from sqlalchemy.exc import OperationalError

from mlinfra_assets import names
from mlinfra_assets.assets.runless import RunlessReports
from mlinfra_assets.cli import run
from mlinfra_assets.dagster_home import prepare, recording
from mlinfra_assets.errors import UnavailableError
from mlinfra_assets.following import following
from mlinfra_assets.ingest.consumer import Consumed
from mlinfra_assets.ingest.consumers import Consumers, Ended, Interrupted, Resumed
from mlinfra_assets.redis_server import connect, embedded
from mlinfra_assets.settings import Settings
from mlinfra_assets.streams.record import NewRecord
from mlinfra_assets.streams.redis_log import RedisLog
from tests.support.closed_port import closed_redis_url
from tests.support.consuming import NOON, consumer, consuming, lines, seen, until
from tests.support.platform import Platform, settings_at

SOURCE = "order_lines"
TABLES = ["/".join(key) for key in names.ingested(SOURCE)]
OF_A_RUN = ("batch_id", "landed_at")
OF_A_CONSUMER = {"consumer", "dagster/uri", "path"}


@pytest.fixture
def platform(tmp_path: Path) -> Iterator[Platform]:
    yield from _platform(tmp_path / "home")


@pytest.fixture
def other(tmp_path: Path) -> Iterator[Platform]:
    yield from _platform(tmp_path / "other")


def _platform(home: Path) -> Iterator[Platform]:
    settings = settings_at(home)
    prepare(settings.dagster_home)
    with recording(settings.dagster_home) as instance:
        yield (made := Platform(settings, instance))
        made.redis.close()
    embedded(settings).release()


def consume(settings: Settings, *arguments: str) -> int:
    return run(["consume", *arguments, "--until-caught-up", "--home", str(settings.home)])


def rows(platform: Platform) -> dict[str, pl.DataFrame]:
    found = {name: platform.rows(name) for name in TABLES}
    return {
        name: frame.drop(OF_A_RUN, strict=False).sort("offset" if "offset" in frame.columns else "_offset")
        for name, frame in found.items()
    }


def told(platform: Platform, name: str) -> tuple[Mapping[str, object], str | None]:
    """Metadata and data version of the newest materialization of a table."""
    event = platform.instance.get_latest_materialization_event(dg.AssetKey(name.split("/")))
    assert event is not None
    found = event.asset_materialization
    assert found is not None
    metadata = {k: v.value for k, v in found.metadata.items() if k not in OF_A_CONSUMER}
    return metadata, (found.tags or {}).get("dagster/data_version")


def automation(platform: Platform, before: AssetDaemonCursor | None = None) -> tuple[set[str], AssetDaemonCursor]:
    """The assets that automation asks for now, and what it remembers."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", dg.BetaWarning)
        result = dg.evaluate_automation_conditions(platform.definitions, platform.instance, cursor=before)
    keys = platform.definitions.resolve_asset_graph().get_all_asset_keys()
    return {key.to_user_string() for key in keys if result.get_num_requested(key)}, result.cursor


def test_what_a_consumer_leaves_is_what_a_run_leaves(platform: Platform, other: Platform) -> None:
    begun = [automation(one)[1] for one in (platform, other)]
    for one in (platform, other):
        lines(one.log, 0, 120, broken=7)

    assert platform.ingest(SOURCE).success
    assert consume(other.settings, SOURCE) == 0

    ran, consumed = rows(platform), rows(other)
    assert {name: frame.equals(consumed[name]) for name, frame in ran.items()} == dict.fromkeys(TABLES, True)
    for name in TABLES:
        assert told(other, name) == told(platform, name)
        assert told(other, name)[1] is not None
    checks = [one.check(names.processed(SOURCE), "contract") for one in (platform, other)]
    assert [(c.passed, c.blocking, c.severity, c.metadata) for c in checks if c is not None] == [
        (True, True, dg.AssetCheckSeverity.ERROR, checks[0].metadata if checks[0] else {})
    ] * 2
    asked = [automation(one, before)[0] for one, before in zip((platform, other), begun, strict=True)]
    assert asked == [{"curated/stg_order_lines"}] * 2
    assert other.asked(f"{SOURCE}_stream") == []


def test_a_held_batch_stops_its_source_as_a_failed_run_would_and_leaves_the_others(
    platform: Platform, capsys: pytest.CaptureFixture[str]
) -> None:
    _, begun = automation(platform)
    lines(platform.log, 0, 600, broken=90)
    platform.log.append("outcomes", [NewRecord(b"{}")], at=NOON)

    assert consume(platform.settings) == 1

    said = capsys.readouterr().err
    assert "error: source order_lines has stopped: the breaker of source/order_lines is open since" in said
    assert "mlinfra breaker show source/order_lines" in said
    assert platform.count("raw/order_lines") == 600
    assert platform.count("processed/order_lines") == 0
    assert platform.count("processed/outcomes_quarantine") == 1
    check = platform.check(names.processed(SOURCE), "contract")
    assert check is not None
    assert not check.passed
    assert automation(platform, begun)[0] == set()


def test_a_source_that_is_no_stream_is_refused(platform: Platform, capsys: pytest.CaptureFixture[str]) -> None:
    assert consume(platform.settings, "exchange_rates") == 1
    assert "the stream sources are order_lines, outcomes, predictions" in capsys.readouterr().err


def test_it_follows_and_ends_when_asked_with_the_last_batch_reported(platform: Platform) -> None:
    with consuming(platform.settings, SOURCE, "--linger-ms", "0", "--report-seconds", "3600") as running:
        for number in range(3):
            lines(platform.log, 10 * number, 10)
            landed = 0
            while landed < 10:
                landed += running.said("batch", SOURCE)["landed"]
        lines(platform.log, 30, 5)
        until(lambda: platform.count("processed/order_lines") == 35)
        assert running.end(signal.SIGTERM) == (0, "")

    assert seen(platform.settings) == list(range(35))
    events = platform.instance.fetch_materializations(dg.AssetKey(names.raw(SOURCE)), limit=100).records
    assert len(events) == 2, "the first at once, the rest together in the end"
    metadata, version = told(platform, "processed/order_lines")
    assert (metadata["dagster/row_count"], version is not None) == (35, True)
    assert platform.instance.get_runs_count() == 0


@pytest.mark.parametrize("point", ["raw.before_commit", "raw.after_commit", "processed.between_commits"])
def test_killed_at_a_commit_and_started_again_it_loses_and_repeats_nothing(platform: Platform, point: str) -> None:
    lines(platform.log, 0, 50, broken=3)
    with consuming(platform.settings, SOURCE, "--max-batch", "20", kill_at=f"{point}:2") as running:
        assert running.process.wait(120) == -signal.SIGKILL

    assert consume(platform.settings, SOURCE, "--max-batch", "20") == 0

    assert seen(platform.settings) == list(range(50))


def test_several_consumers_and_runs_at_once_land_each_record_once(platform: Platform) -> None:
    count, settings = 400, platform.settings
    several = [
        Consumers({SOURCE: lambda: consumer(settings, max_batch=7)}, "group", until_caught_up=False) for _ in range(3)
    ]
    ended: list[Ended] = []
    threads = [
        threading.Thread(target=lambda c=c: ended.extend(e for e in c.run(0.05) if isinstance(e, Ended)))
        for c in several
    ]
    for thread in threads:
        thread.start()
    for first in range(0, count, 20):
        lines(platform.log, first, 20, broken=1)
        if first % 100 == 0:
            platform.ingest(SOURCE)  # it may lose the race; what it finds is then what another has committed
    until(lambda: platform.count("raw/order_lines") == count and len(seen(settings)) == count)
    for one in several:
        one.stop()
    for thread in threads:
        thread.join()

    assert [e.why for e in ended] == [None] * 3
    assert seen(settings) == list(range(count))


def test_what_is_not_available_is_said_once_and_waited_for(platform: Platform) -> None:
    lines(platform.log, 0, 5)
    tries = iter([True, True, False])

    def opened():
        if next(tries):
            connect(Settings(home=platform.settings.home, redis_url=closed_redis_url()))
        return consumer(platform.settings)

    followed, happened = Consumers({SOURCE: opened}, "group", until_caught_up=False), []
    for what in followed.run(0.05):
        if what is not None:
            happened.append(what)
        if isinstance(what, Consumed):
            followed.stop()

    assert [type(what) for what in happened] == [Interrupted, Resumed, Consumed, Ended]
    assert "cannot be reached" in happened[0].why
    with pytest.raises(StopIteration):
        next(tries)


def test_catching_up_does_not_wait_for_what_is_not_available(platform: Platform) -> None:
    def opened():
        raise UnavailableError("Redis is gone")

    [end] = [what for what in Consumers({SOURCE: opened}, "group", until_caught_up=True).run(0.05) if what]
    assert end == Ended(SOURCE, "Redis is gone")


def test_a_stream_that_was_emptied_stops_its_source(platform: Platform) -> None:
    lines(platform.log, 0, 5)
    followed, happened = Consumers({SOURCE: lambda: consumer(platform.settings)}, "g", until_caught_up=False), []
    for what in followed.run(0.05):
        happened.append(what)
        if isinstance(what, Consumed):
            platform.redis.flushall()

    assert isinstance(happened[-1], Ended)
    assert "emptied or replaced" in (happened[-1].why or "")


def test_reports_of_many_small_batches_are_few(platform: Platform) -> None:
    lines(platform.log, 0, 60)
    assert consume(platform.settings, SOURCE, "--max-batch", "2", "--report-seconds", "3600") == 0

    assert RedisLog(platform.redis).behind(SOURCE, {}, 1000) == 60
    for name in TABLES:
        key = dg.AssetKey(name.split("/"))
        assert len(platform.instance.fetch_materializations(key, limit=100).records) == 2
    assert told(platform, "raw/order_lines")[0]["rows_added"] == 58


def test_while_a_consumer_follows_a_source_its_sensor_asks_for_no_run(platform: Platform) -> None:
    lines(platform.log, 0, 3)
    with following(platform.settings.home, SOURCE), following(platform.settings.home, SOURCE):
        assert platform.tick(f"{SOURCE}_stream").skip_message == f"a consumer follows {SOURCE}"
    assert platform.asked(f"{SOURCE}_stream") == [[]]


def test_what_dagster_takes_no_report_of_is_told_later(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    def locked(_event: object) -> None:
        raise OperationalError("INSERT", {}, sqlite3.OperationalError("database is locked"))

    lines(platform.log, 0, 5)
    reports = RunlessReports(platform.instance, platform.lake, 0.0, "me")
    [batch, _] = consumer(platform.settings).catch_up(threading.Event())
    reports.add(batch)
    with monkeypatch.context() as another_process:
        another_process.setattr(platform.instance, "report_runless_asset_event", locked)
        assert "database is locked" in (reports.tell_due() or "")
        assert reports.tell_due() is None, "said once"
    reports.tell_all()

    assert told(platform, "processed/order_lines")[0]["rows_added"] == 5
