from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from mlinfra_assets import cli
from mlinfra_assets.demo.progress import Progress
from mlinfra_assets.demo.result import DemoResult
from mlinfra_assets.demo.shop import ShopData
from mlinfra_assets.demo.simulated_rates import simulate
from mlinfra_assets.home import hold, inspect_home, open_home
from mlinfra_assets.settings import Settings
from tests.support.demo_result import demo_result

LINES = """Invoice,StockCode,Description,Quantity,InvoiceDate,Price,Customer ID,Country
536365,85123A,HEART,6,{first} 08:26:00,2.55,17850.0,EIRE
581587,22138,BAKING SET,3,2011-12-09 12:50:00,4.95,12680.0,France
"""


class Story:
    """Stands where the story is played, to see what the command gives to it and does with its result."""

    def __init__(self, result: DemoResult) -> None:
        self.result = result
        self.given: list[tuple[Settings, ShopData]] = []

    def play(self, settings: Settings, shop: ShopData, progress: Progress) -> DemoResult:
        with progress.step("the story"):
            self.given.append((settings, shop))
        return self.result


@pytest.fixture
def story(monkeypatch: pytest.MonkeyPatch) -> Story:
    story = Story(demo_result())
    monkeypatch.setitem(sys.modules, "mlinfra_assets.demo.play", SimpleNamespace(play=story.play))  # pyright: ignore[reportArgumentType]
    return story


def demo(tmp_path: Path, *arguments: str, first: str = "2010-12-01") -> int:
    (tmp_path / "retail.csv").write_text(LINES.format(first=first))
    rates = simulate()
    (tmp_path / "rates.zip").write_bytes(rates.as_of(rates.last))
    files = ["--data", str(tmp_path / "retail.csv"), "--rates", str(tmp_path / "rates.zip")]
    return cli.run(["demo", *files, "--home", str(tmp_path / "home"), *arguments])


def test_the_summary_goes_to_stdout_and_progress_to_stderr(
    tmp_path: Path, story: Story, capsys: pytest.CaptureFixture[str]
) -> None:
    assert demo(tmp_path) == 0
    streams = capsys.readouterr()
    assert "All 3,120 predictions" in streams.out
    assert "Data: 2 order lines, retail.csv" in streams.err
    ((settings, shop),) = story.given
    assert (settings.home, shop.lines.height) == (tmp_path / "home", 2)
    assert (tmp_path / "home" / "dagster" / "dagster.yaml").exists()
    assert os.environ["DAGSTER_HOME"] == str(tmp_path / "home" / "dagster")
    assert Settings.load() == settings


def test_json_is_one_document_and_nothing_else(
    tmp_path: Path, story: Story, capsys: pytest.CaptureFixture[str]
) -> None:
    assert demo(tmp_path, "--json") == 0
    streams = capsys.readouterr()
    assert json.loads(streams.out)["predictions"]["reproduced"] == 3_120
    assert streams.err == ""


@pytest.mark.parametrize("form", [[], ["--json"]])
def test_predictions_that_are_not_reproduced_end_non_zero_after_the_summary(
    tmp_path: Path, story: Story, form: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    story.result = demo_result(made=5, reproduced=4)
    assert demo(tmp_path, *form) == 1
    streams = capsys.readouterr()
    assert streams.out
    assert "error: 4 of 5 predictions were reproduced" in streams.err


def test_a_shop_that_begins_earlier_moves_the_first_day_of_its_home(tmp_path: Path, story: Story) -> None:
    assert demo(tmp_path, first="2009-12-01") == 0
    assert story.given[0][0].history_start.isoformat() == "2009-12-01"
    home = inspect_home(tmp_path / "home")
    assert home is not None
    assert home.history_start == "2009-12-01"


def test_a_home_of_an_older_version_is_refused(
    tmp_path: Path, story: Story, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "home.json").write_text('{"format": 0, "created_at": "x"}')
    assert demo(tmp_path) == 1
    assert "was made by an older version" in capsys.readouterr().err
    assert story.given == []


def test_a_home_that_another_command_works_on_is_refused(
    tmp_path: Path, story: Story, capsys: pytest.CaptureFixture[str]
) -> None:
    with hold(open_home(tmp_path / "home"), "mlinfra up"):
        assert demo(tmp_path) == 1
    assert "is in use by `mlinfra up`" in capsys.readouterr().err


def test_another_shop_on_the_same_home_is_refused(
    tmp_path: Path, story: Story, capsys: pytest.CaptureFixture[str]
) -> None:
    assert demo(tmp_path) == 0
    assert demo(tmp_path, first="2010-12-02") == 1
    assert "already plays another shop" in capsys.readouterr().err
    assert len(story.given) == 1
