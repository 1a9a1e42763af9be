"""`mlinfra breaker`: what is open, why, and the way back."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mlinfra_assets import cli
from mlinfra_assets.breakers.event import Draft, Span
from mlinfra_assets.breakers.log import BreakerLog
from mlinfra_assets.clock import HomeClock
from mlinfra_assets.feature_store.online.store import OnlineStore
from mlinfra_assets.home import open_home
from mlinfra_assets.lake.lake import Lake
from mlinfra_assets.lake.provenance import Provenance
from mlinfra_assets.redis_server import connect
from mlinfra_assets.settings import Settings

SHOP, VIEW = "source/order_lines", "view/customer_features"
WHY = ["--why", "checked", "--by", "ann"]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    open_home(tmp_path / "home")
    return tmp_path / "home"


@pytest.fixture
def held(home: Path) -> Path:
    at = HomeClock(home).now()
    draft = Draft("tripped", "open", "few bad", at, "15% are bad", {"records": 600}, (Span(0, 1, 600),), "abc")
    BreakerLog(Lake(str(home / "lake"))).record(SHOP, lambda _: draft, Provenance("run", "code"))
    return home


def run(home: Path, *arguments: str) -> int:
    return cli.run(["breaker", *arguments, "--home", str(home)])


def state(home: Path, subject: str) -> str:
    return BreakerLog(Lake(str(home / "lake"))).breaker(subject).state


def test_where_nothing_is_open_that_is_said(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(home, "list", "--exit-code") == 0
    assert "No breaker is open" in capsys.readouterr().out


def test_an_open_one_is_listed_and_ends_with_a_status_where_asked(
    held: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(held, "list") == 0
    out = capsys.readouterr().out
    assert "15% are bad" in out.replace("\n", " ")
    assert max(len(row.rstrip()) for row in out.splitlines()) <= 80
    assert run(held, "list", "--exit-code") == 1
    assert "open: source/order_lines" in capsys.readouterr().err


def test_one_is_shown_with_its_evidence_what_it_holds_and_what_to_do(
    held: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(held, "show", "order_lines") == 0
    out = capsys.readouterr().out
    for words in (
        "held: partition 0, offsets 1 to 600",
        '"records": 600',
        "mlinfra breaker release source/order_lines",
    ):
        assert words in out
    assert run(held, "show", SHOP, "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["state"], found["held"], found["events"][0]["kind"]) == ("open", [[0, 1, 600]], "tripped")


@pytest.mark.parametrize("decision", ["release", "drop"])
def test_what_is_held_is_decided_once(held: Path, decision: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(held, decision, SHOP, *WHY) == 0
    assert state(held, SHOP) == "half_open"
    assert run(held, decision, SHOP, *WHY) == 1
    assert "holds no batch" in capsys.readouterr().err


def test_it_is_opened_and_closed_by_hand_and_redis_is_told(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store = OnlineStore(connect(Settings(home=home)))
    assert run(home, "open", VIEW, *WHY, "--json") == 0
    assert json.loads(capsys.readouterr().out)["by_hand"] is True
    assert store.breakers.all()[VIEW].why == "checked"
    assert run(home, "close", "customer_features", *WHY) == 0
    assert state(home, VIEW) == "closed"
    assert store.breakers.all() == {}


def test_a_redis_that_is_gone_keeps_nobody_from_deciding(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MLINFRA_REDIS_URL", "redis://127.0.0.1:9/0")
    assert run(home, "open", SHOP, *WHY) == 0
    assert "the API is told later" in capsys.readouterr().err
    assert state(home, SHOP) == "open"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["open", "order_line", *WHY], "there is no source or view 'order_line'"),
        (["close", SHOP, *WHY], "is closed already"),
        (["open", SHOP, "--why", " "], "a reason"),
    ],
)
def test_what_cannot_be_is_said(
    home: Path, arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(home, *arguments) == 1
    assert words in capsys.readouterr().err
