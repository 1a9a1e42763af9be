"""The sensors of streams and landing folders: they ask when something is new, and do not ask in vain."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import dagster as dg
import pytest

from mlinfra_assets.streams.errors import StreamResetError
from tests.support.earlier_runs import asked_before, let_pass
from tests.support.more_lines import send
from tests.support.platform import Platform


def send_lines(platform: Platform) -> None:
    send(platform, 3)


def land_rates(platform: Platform) -> None:
    """A file under a new name: raw knows files by name and content."""
    folder = platform.settings.landing / "exchange_rates"
    newest = max(folder.glob("*.zip"))
    (folder / "eurofxref-hist-2011-12-31.zip").write_bytes(newest.read_bytes())


SENSORS: list[tuple[str, str, Callable[[Platform], None]]] = [
    ("order_lines_stream", "order_lines", send_lines),
    ("exchange_rates_landing", "exchange_rates", land_rates),
]
each_sensor = pytest.mark.parametrize(("sensor", "source", "bring_news"), SENSORS)


@each_sensor
def test_asks_when_behind_and_not_once_the_run_is_through(platform, sensor, source, bring_news) -> None:
    assert platform.asked(sensor) == []
    bring_news(platform)

    assert platform.asked(sensor) == [[]]
    assert platform.ingest(source).success
    assert platform.asked(sensor) == []


@each_sensor
@pytest.mark.parametrize("status", [dg.DagsterRunStatus.NOT_STARTED, dg.DagsterRunStatus.STARTED])
def test_waits_for_a_run_that_is_under_way(platform, sensor, source, bring_news, status) -> None:
    bring_news(platform)
    run = asked_before(platform.instance, sensor, status)

    said = platform.tick(sensor)

    assert not said.run_requests
    assert said.skip_message == f"run {run} is under way"


@each_sensor
def test_backs_off_after_a_failure_and_asks_again_later(platform, sensor, source, bring_news, monkeypatch) -> None:
    bring_news(platform)
    run = asked_before(platform.instance, sensor, dg.DagsterRunStatus.FAILURE)

    said = platform.tick(sensor)
    assert not said.run_requests
    assert f"run {run} failed; the next is asked for in 29" in (said.skip_message or "")

    let_pass(monkeypatch, timedelta(minutes=4))
    assert platform.asked(sensor) == []
    let_pass(monkeypatch, timedelta(minutes=6))
    assert platform.asked(sensor) == [[]]


@each_sensor
def test_another_sensors_runs_are_no_reason_to_wait(platform, sensor, source, bring_news) -> None:
    bring_news(platform)
    asked_before(platform.instance, "online_repair", dg.DagsterRunStatus.STARTED)

    assert platform.asked(sensor) == [[]]


def test_a_stream_that_was_emptied_is_no_reason_to_rest(platform: Platform) -> None:
    platform.redis.flushall()

    with pytest.raises(StreamResetError, match="was emptied or replaced"):
        platform.tick("order_lines_stream")


def test_a_file_that_is_still_being_written_is_left_alone(platform: Platform) -> None:
    folder = platform.settings.landing / "exchange_rates"
    (folder / "eurofxref-hist-2011-12-31.zip.part").write_bytes(b"half")

    assert platform.asked("exchange_rates_landing") == []
