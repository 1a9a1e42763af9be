"""`mlinfra models`: promotion and rollback in one step; old predictions stay as they were."""

from __future__ import annotations

import json
import re
import shlex
import threading
from pathlib import Path

import pytest

from mlinfra_assets import cli
from mlinfra_assets.assets.drift import drift_asset
from mlinfra_assets.clock import to_micros
from mlinfra_assets.feature_store.online.store import OnlineStore
from mlinfra_assets.redis_server import connect
from tests.support.watched_shop import MODEL, NOW, WatchedShop

WHY = ["--why", "it was asked for", "--by", "ann"]
PAGE = Path(cli.__file__).parents[1] / "docs" / "models.md"


def models(shop: WatchedShop, *arguments: str) -> int:
    return cli.run(["models", *arguments, "--home", str(shop.settings.home)])


def test_promotion_and_rollback_are_one_step_each_and_recorded(
    shop: WatchedShop, capsys: pytest.CaptureFixture[str]
) -> None:
    production, challenger = shop.production, shop.challenger

    assert models(shop, "promote", "churn", challenger[:6], *WHY) == 0
    assert f"{challenger} is in production instead of {production}, by ann" in capsys.readouterr().out
    assert shop.production == shop.online.model_version("churn") == challenger

    assert models(shop, "rollback", "churn", *WHY, "--json") == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["version"], said["changed"], said["served"]) == (production, True, True)
    assert shop.production == shop.online.model_version("churn") == production
    last = shop.models.promotions.all()[-2:]
    assert [(p.version, p.kind, p.by, p.why, p.promoted_at) for p in last] == [
        (challenger, "promote", "ann", "it was asked for", NOW),
        (production, "rollback", "ann", "it was asked for", NOW),
    ]
    assert list(shop.models.promotions.rolled_back()) == [challenger]


def test_a_prediction_replays_with_the_version_that_made_it_whatever_is_in_production(
    shop: WatchedShop, capsys: pytest.CaptureFixture[str]
) -> None:
    prediction, made_by = (
        shop.lake.table("processed/predictions").read().row(0, named=True)["prediction_id"],
        shop.production,
    )
    assert models(shop, "promote", "churn", shop.challenger, *WHY) == 0
    capsys.readouterr()

    assert cli.run(["replay", prediction, "--json", "--home", str(shop.settings.home)]) == 0

    document = json.loads(capsys.readouterr().out)
    assert document["reproduced"] is True
    assert document["model_version"] == made_by != shop.production


def test_who_reads_while_versions_are_switched_sees_one_whole_or_the_other(shop: WatchedShop) -> None:
    versions = [shop.models.load(version) for version in (shop.production, shop.challenger)]
    files = {stored.version: stored.onnx for stored in versions}
    writer, reader = shop.online, OnlineStore(connect(shop.settings))
    at = to_micros(NOW)
    writer.push_model("churn", versions[0].version, versions[0].onnx, versions[0].inputs, at)
    stop, torn, errors = threading.Event(), [], []

    def read() -> None:
        while not stop.is_set():
            try:
                found = reader.model("churn")
            except Exception as error:  # noqa: BLE001 - whatever it is, the test has to tell it
                errors.append(error)
                return
            if found.onnx != files[found.version]:
                torn.append(found.version)

    thread = threading.Thread(target=read)
    thread.start()
    for turn in range(40):
        stored = versions[turn % 2]
        writer.push_model("churn", stored.version, stored.onnx, stored.inputs, at + turn)
    stop.set()
    thread.join()
    assert (errors, torn) == ([], [])


def test_what_cannot_be_is_said_and_changes_nothing(shop: WatchedShop, capsys: pytest.CaptureFixture[str]) -> None:
    production, before = shop.production, len(shop.models.promotions.all())
    for arguments, words in (
        (["promote", "chur", production, *WHY], "there is no model 'chur'"),
        (["promote", "churn", "zzzz", *WHY], "has no version 'zzzz'; there are: "),
        (["promote", "churn", production[:3], *WHY], "has no version"),
        (["promote", "churn", shop.challenger, "--why", " "], "needs a reason"),
        (["show", "nobody"], "there is no model 'nobody'"),
    ):
        assert models(shop, *arguments) == 1
        assert words in capsys.readouterr().err
    assert models(shop, "promote", "churn", production, *WHY) == 0
    assert "is in production already" in capsys.readouterr().out
    assert len(shop.models.promotions.all()) == before


def test_models_are_listed_and_shown(shop: WatchedShop, capsys: pytest.CaptureFixture[str]) -> None:
    assert shop.materialize(drift_asset(MODEL)).success
    production, challenger = shop.production, shop.challenger
    capsys.readouterr()
    assert models(shop, "list") == 0
    out = capsys.readouterr().out
    assert production in out
    assert max(len(line.rstrip()) for line in out.splitlines()) <= 80
    assert models(shop, "show", "churn") == 0
    out = capsys.readouterr().out
    for words in (f"{production} is in production", f"{challenger} is in shadow", "  no_drift: ", "schedule: the last"):
        assert words in out
    assert models(shop, "show", "churn", "--json") == 0
    document = json.loads(capsys.readouterr().out)
    assert document["production"]["version"] == production
    assert len(document["measures"]["importance"]) == len(MODEL.features)


def test_a_redis_that_is_gone_keeps_nobody_from_deciding(
    shop: WatchedShop, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    challenger = shop.challenger
    monkeypatch.setenv("MLINFRA_REDIS_URL", "redis://127.0.0.1:9/0")
    assert models(shop, "promote", "churn", challenger, *WHY) == 0
    assert "it is served later" in capsys.readouterr().err
    assert shop.production == challenger


def test_the_page_shows_commands_that_work(
    shop: WatchedShop, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MLINFRA_HOME", str(shop.settings.home))
    blocks = re.findall(r"```bash\n(.*?)```", PAGE.read_text(), re.DOTALL)
    commands = [shlex.split(line) for block in blocks for line in block.splitlines()]
    assert len(commands) == 4
    challenger = shop.challenger
    for words in commands:
        assert cli.run([challenger if w == "8fe326c278b4" else w for w in words[1:]]) == 0, capsys.readouterr().err
