from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from mlinfra_assets import cli
from mlinfra_assets.clock import HomeClock
from mlinfra_assets.commands.sources import declared_sources
from mlinfra_assets.curated.row_wise import row_wise_models
from mlinfra_assets.feature_store.registry import ViewDocument
from mlinfra_assets.features import fs
from mlinfra_assets.home import open_home
from mlinfra_assets.lake.lake import Lake
from mlinfra_assets.publishing.documents import Documents
from mlinfra_assets.registry.registry import Registry
from tests.support.audited_shop import RUN
from tests.support.closed_port import closed_redis_url
from tests.support.registered import registration
from tests.support.shop_lines import shop_lines

VIEW = "customer_features"
Run = Callable[..., tuple[int, str, str]]


def declared() -> ViewDocument:
    return Documents(fs.datasets, declared_sources(), row_wise_models()).document(fs.views[VIEW])


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = open_home(tmp_path / "home").folder
    monkeypatch.setenv("MLINFRA_REDIS_URL", closed_redis_url())
    monkeypatch.setenv("MLINFRA_HISTORY_START", "2011-01-03")
    HomeClock(folder).set(datetime(2011, 3, 1, 9, tzinfo=UTC))
    lake = Lake(str(folder / "lake"))
    lake.table("curated/stg_order_lines").append(shop_lines(customers=20, days=50), provenance=RUN)
    document = declared()
    view = document.view
    kept = tuple(feature for feature in view.features if feature.name != "return_rate")
    Registry(lake).record_view(replace(document, view=replace(view, features=kept, ttl=view.ttl)), registration())
    return folder


@pytest.fixture
def run(home: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    def call(*arguments: str) -> tuple[int, str, str]:
        status = cli.run(["features", "preview", *arguments, "--home", str(home)])
        printed = capsys.readouterr()
        return status, printed.out, printed.err

    return call


def test_a_preview_says_what_changes_what_it_costs_and_whom_it_hits(run: Run) -> None:
    status, out, err = run(VIEW)

    assert (status, err) == (0, "")
    words = " ".join(out.split())
    assert "all 20 entities at the end of 2011-02-28, as known then" in words
    assert "return_rate added" in words
    assert "The same in every bit: purchase_frequency_30d" in words
    assert "A backfill of all 57 days: about" in words
    assert "Estimated from 20 of 20 entities" in words
    assert "Online: about" in words
    assert "Which version Redis serves is not known" in words
    assert "No model, service or view uses a feature that changes." in words
    assert max(len(line.rstrip()) for line in out.splitlines()) <= 80


def test_as_json_it_has_every_feature(run: Run) -> None:
    found = json.loads(run(VIEW, "--json", "--sample", "5", "--day", "2011-02-01", "--day", "2011-02-15")[1])

    assert (found["after"], found["compared"], found["entities"]) == (declared().version, 5, 20)
    assert found["days"] == ["2011-02-01", "2011-02-15"]
    states = {feature["name"]: feature["state"] for feature in found["features"]}
    assert states.pop("return_rate") == "added"
    assert set(states.values()) == {"same"}
    assert found["backfill"]["estimate"] is True
    assert found["online"]["served"] is None
    assert found["users"] == []


def test_a_model_that_uses_a_changed_feature_is_named(run: Run, home: Path) -> None:
    document = declared()
    view = document.view
    orders, again = (view.feature(name) for name in ("orders", "purchase_frequency_30d"))
    others = tuple(replace(orders, node=again.node) if f.name == "orders" else f for f in view.features)
    earlier = replace(document, view=replace(view, features=(*others, replace(orders, name="gone"))))
    Registry(Lake(str(home / "lake"))).record_view(earlier, registration(days=1))

    found = json.loads(run(VIEW, "--json")[1])
    words = " ".join(run(VIEW)[1].split())

    states = {feature["name"]: feature["state"] for feature in found["features"]}
    assert (states["orders"], states["gone"], states["return_rate"]) == ("changed", "removed", "same")
    assert {"kind": "model", "name": "churn", "changed": ["orders"], "removed": []} in found["users"]
    assert "model churn: orders changes" in words


def test_a_view_that_was_never_registered_is_all_new(run: Run) -> None:
    status, out, _ = run("product_features")

    assert status == 0
    assert "none is registered yet" in " ".join(out.split())


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["customer_feature"], "did you mean 'customer_features'?"),
        ([VIEW, "--day", "2011-03-01"], "2011-03-01 is not over yet: the newest day that is over is 2011-02-28"),
        ([VIEW, "--against", "ffff"], "has no version 'ffff'"),
    ],
)
def test_what_cannot_be_is_said(run: Run, arguments: list[str], words: str) -> None:
    status, _, err = run(*arguments)

    assert status == 1
    assert words in err
    assert "Traceback" not in err


def test_without_rows_it_says_what_to_materialize(run: Run, home: Path) -> None:
    (home / "lake" / "curated" / "stg_order_lines").rename(home / "gone")

    status, _, err = run(VIEW)

    assert status == 1
    assert "materialize curated/stg_order_lines" in err
