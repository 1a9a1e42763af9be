"""A contract that may not follow: the consumer's raw goes on, its validation waits, says why, and then goes on too."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from mlinfra_assets import names
from mlinfra_assets.assets.runless import RunlessReports
from mlinfra_assets.dagster_home import prepare, recording
from mlinfra_assets.ingest.consumer import Consumed
from mlinfra_assets.ingest.consumers import Consumers, Ended, Interrupted, Resumed, Told
from mlinfra_assets.redis_server import embedded
from tests.support.consuming import ORDER_LINES, consumer, lines, seen, until
from tests.support.platform import Platform, settings_at

SOURCE = "order_lines"
REFUSED = "may not follow"


@pytest.fixture
def platform(tmp_path: Path) -> Iterator[Platform]:
    settings = settings_at(tmp_path / "home")
    prepare(settings.dagster_home)
    with recording(settings.dagster_home) as instance:
        yield (made := Platform(settings, instance))
        made.redis.close()
    embedded(settings).release()


@pytest.fixture
def declaration(tmp_path: Path) -> Path:
    """The order lines' declaration, which a test may change."""
    file = tmp_path / "order_lines.yaml"
    file.write_text(ORDER_LINES.read_text())
    return file


def broken(declaration: Path) -> None:
    """Let the declaration say that the producer calls the quantity otherwise."""
    declaration.write_text(declaration.read_text().replace("physicalName: Quantity", "physicalName: HowMany"))


class Following:
    """A consumer in a thread, and all that it told."""

    def __init__(self, platform: Platform, declaration: Path, *, until_caught_up: bool = False) -> None:
        self.told: list[Told] = []
        self._consumers = Consumers(
            {SOURCE: lambda: consumer(platform.settings, declaration=declaration)},
            "group",
            until_caught_up=until_caught_up,
        )
        self._reports = RunlessReports(platform.instance, platform.lake, 0.0, "me")
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def stop(self) -> list[Told]:
        self._consumers.stop()
        self._thread.join()
        return self.told

    def join(self) -> list[Told]:
        self._thread.join()
        return self.told

    def _run(self) -> None:
        for told in self._consumers.run(0.05):
            if told is not None:
                self.told.append(told)
            if isinstance(told, Consumed):
                self._reports.add(told)
            self._reports.tell_due()


def test_raw_goes_on_and_validation_waits_until_the_contract_is_set_right(
    platform: Platform, declaration: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mlinfra_assets.ingest.consumer.RETRY", 0.2)
    lines(platform.log, 0, 10, broken=2)
    assert isinstance(Following(platform, declaration, until_caught_up=True).join()[-1], Ended)
    broken(declaration)
    following = Following(platform, declaration)
    for first in (10, 20):
        lines(platform.log, first, 10)
        until(lambda first=first: platform.count("raw/order_lines") == first + 10)
    assert seen(platform.settings) == list(range(10))
    until(lambda: any(isinstance(told, Consumed) for told in following.told))
    until(lambda: (check := platform.check(names.processed(SOURCE), "contract")) is not None and not check.passed)
    check = platform.check(names.processed(SOURCE), "contract")
    assert check is not None
    assert REFUSED in (check.description or "")
    declaration.write_text(ORDER_LINES.read_text())
    until(lambda: len(seen(platform.settings)) == 30)
    until(lambda: (check := platform.check(names.processed(SOURCE), "contract")) is not None and check.passed)
    told = following.stop()

    assert seen(platform.settings) == list(range(30))
    others = [one for one in told if not isinstance(one, Consumed)]
    assert [type(one) for one in others] == [Interrupted, Resumed, Ended]
    assert isinstance(others[0], Interrupted)
    assert REFUSED in others[0].why
    assert "field quantity" in others[0].why
    assert others[-1] == Ended(SOURCE, None)


def test_one_that_catches_up_lands_all_and_ends_with_the_reason(platform: Platform, declaration: Path) -> None:
    lines(platform.log, 0, 10)
    Following(platform, declaration, until_caught_up=True).join()
    broken(declaration)
    lines(platform.log, 10, 10)
    end = Following(platform, declaration, until_caught_up=True).join()[-1]
    assert isinstance(end, Ended)
    assert REFUSED in (end.why or "")
    assert platform.count("raw/order_lines") == 20
    assert platform.count("processed/order_lines") == 10


def test_a_declaration_that_cannot_be_read_is_waited_for_too(platform: Platform, declaration: Path) -> None:
    lines(platform.log, 0, 10)
    Following(platform, declaration, until_caught_up=True).join()
    lines(platform.log, 10, 10)
    broken(declaration)
    following = consumer(platform.settings, declaration=declaration)
    good, declared = declaration.read_text(), following.catch_up(threading.Event())
    declaration.write_text(good.replace("apiVersion", "apiVersoin"))
    batch = next(declared)
    assert batch.validated is None
    assert "apiVersoin" in (batch.waits or "")
    declaration.write_text(ORDER_LINES.read_text())
    batch = next(declared)
    assert batch.waits is None
    assert platform.count("processed/order_lines") == 20
