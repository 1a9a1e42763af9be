from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from mlinfra_assets import cli
from mlinfra_assets.commands.sources import declared_sources
from mlinfra_assets.curated.row_wise import row_wise_models
from mlinfra_assets.feature_store.registry import ViewDocument
from mlinfra_assets.features import fs
from mlinfra_assets.home import open_home
from mlinfra_assets.lake.lake import Lake
from mlinfra_assets.lake.provenance import Provenance
from mlinfra_assets.models import declared as models
from mlinfra_assets.publishing.documents import Documents
from mlinfra_assets.registry.registry import Registry
from mlinfra_assets.registry.tables import TIMESTAMP, VIEWS
from tests.support.registered import AT, counting, registration

VIEW = "product_features"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return open_home(tmp_path / "home").folder


@pytest.fixture
def registry(home: Path) -> Registry:
    return Registry(Lake(str(home / "lake")))


def declared(name: str = VIEW) -> ViewDocument:
    return Documents(fs.datasets, declared_sources(), row_wise_models()).document(fs.views[name])


def earlier(**changed: Any) -> ViewDocument:
    """The declared view as it might have been before."""
    document = declared()
    return replace(document, view=replace(document.view, **changed))


@pytest.fixture
def run(home: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    def call(*arguments: str) -> tuple[int, str, str]:
        status = cli.run(["features", *arguments, "--home", str(home)])
        printed = capsys.readouterr()
        return status, printed.out, printed.err

    return call


def test_an_empty_home_lists_what_is_declared(run: Callable, home: Path) -> None:
    status, out, _ = run("list")
    assert status == 0
    assert all(name in out for name in fs.views)
    assert "not registered yet" in out
    assert max(len(line.rstrip()) for line in out.splitlines()) <= 80
    assert not (home / "lake").exists()


def test_a_home_that_is_not_there_is_not_made(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["features", "list", "--home", str(tmp_path / "none")]) == 0
    assert VIEW in capsys.readouterr().out
    assert not (tmp_path / "none").exists()


def test_the_list_says_how_what_is_declared_stands_to_what_is_registered(run: Callable, registry: Registry) -> None:
    def state() -> dict[str, Any]:
        rows = json.loads(run("list", "--json")[1])
        return next(row for row in rows if row["view"] == VIEW)

    assert (state()["state"], state()["registered"]) == ("unregistered", [])
    registry.record_view(earlier(ttl=None), registration())
    assert state()["state"] == "changed"
    registry.record_view(declared(), registration(days=1))
    assert state()["state"] == "registered"
    registry.record_view(earlier(ttl=86_400_000_000), registration(days=2))
    assert state()["state"] == "returned"
    assert len(state()["registered"]) == 3
    assert state()["declared"] == declared().version


def test_a_view_that_is_no_longer_declared_is_listed_and_shown(run: Callable, registry: Registry) -> None:
    registry.record_view(counting(owner="team:shop"), registration())
    status, out, _ = run("list")
    assert status == 0
    assert "no longer declared" in out
    status, out, _ = run("show", "customers")
    assert status == 0
    assert "not what is declared; registered 2011-06-01 00:00 UTC by ann, run run-1" in out.replace("\n", " ")


def test_users_of_a_view_are_listed(run: Callable) -> None:
    rows = {row["view"]: row for row in json.loads(run("list", "--json")[1])}
    users = [("model", "churn"), ("service", "churn_inputs")]
    assert [(user["kind"], user["name"]) for user in rows["customer_features"]["used_by"]] == users
    assert rows["product_features"]["used_by"] == []


def test_a_view_is_shown_in_words_with_all_that_it_rests_on(run: Callable) -> None:
    status, out, _ = run("show", VIEW)
    assert status == 0
    words = " ".join(out.split())
    assert "units_sold_30d int64" in words
    assert "count_distinct(customer_id) over 90d where is_sale" in words
    assert "rests on contract order_lines:" in words
    assert "curated/stg_order_lines" in words
    assert "raw/order_lines" in words
    assert "streams/order_lines" in words
    assert "90d after an entity's latest row" in words
    assert max(len(line.rstrip()) for line in out.splitlines()) <= 80


def test_a_version_is_found_by_its_first_digits(run: Callable, registry: Registry) -> None:
    old = earlier(ttl=None)
    registry.record_view(old, registration())
    shown = json.loads(run("show", VIEW, "--version", old.version[:6], "--json")[1])
    assert (shown["version"], shown["declared"], shown["ttl_us"]) == (old.version, False, None)
    assert shown["registered_by"] == "ann"
    assert json.loads(run("show", VIEW, "--json")[1])["version"] == declared().version
    assert json.loads(run("show", VIEW, "--version", "newest", "--json")[1])["version"] == old.version


def test_the_history_says_who_changed_what(run: Callable, registry: Registry) -> None:
    registry.record_view(earlier(ttl=None), registration(by="ann"))
    registry.record_view(declared(), registration("run-2", by="bob", days=3))
    status, out, _ = run("history", VIEW)
    assert status == 0
    assert "the first version" in out
    assert "by ann" in out
    assert "~ ttl" in out
    rows = json.loads(run("history", VIEW, "--json")[1])
    assert [(row["registered_by"], row["run_id"]) for row in rows] == [("ann", "run-1"), ("bob", "run-2")]
    assert rows[1]["changes"] == [
        {"part": "ttl", "name": "", "before": "any age", "after": "90d", "changes_values": True}
    ]


def test_the_history_ends_with_what_is_declared_and_not_registered(run: Callable, registry: Registry) -> None:
    registry.record_view(earlier(ttl=None), registration())
    rows = json.loads(run("history", VIEW, "--json")[1])
    assert [(row["declared"], row["registered_at"] is None) for row in rows] == [(False, False), (True, True)]
    assert "not yet" in run("history", VIEW)[1]


def test_a_difference_ends_with_one_only_if_asked_to(run: Callable, registry: Registry) -> None:
    registry.record_view(earlier(ttl=None), registration())
    status, out, err = run("diff", VIEW)
    assert (status, err) == (0, "")
    assert "~ ttl" in out
    assert run("diff", VIEW, "--exit-code")[0] == 1
    assert run("diff", VIEW, "declared", "declared", "--exit-code")[0] == 0
    assert "the same" in run("diff", VIEW, "declared", "declared")[1]


def test_a_difference_in_words_alone_says_so(run: Callable, registry: Registry) -> None:
    registry.record_view(earlier(owner="team:other"), registration())
    out = run("diff", VIEW)[1]
    assert "owner (no value changes)" in out
    found = json.loads(run("diff", VIEW, "--json")[1])
    assert [change["changes_values"] for change in found["changes"]] == [False]
    assert found["before"] == found["after"] == declared().version


def test_two_registered_versions_are_compared(run: Callable, registry: Registry) -> None:
    old, new = earlier(ttl=None), earlier(ttl=86_400_000_000)
    registry.record_view(old, registration())
    registry.record_view(new, registration())
    found = json.loads(run("diff", VIEW, old.version, new.version, "--json")[1])
    assert (found["before"], found["after"], found["same"]) == (old.version, new.version, False)
    assert [(change["before"], change["after"]) for change in found["changes"]] == [("any age", "1d")]


def test_nothing_registered_is_nothing_to_compare_with(run: Callable) -> None:
    status, out, _ = run("diff", VIEW)
    assert status == 0
    assert "not registered yet" in out
    assert run("diff", VIEW, "--exit-code")[0] == 1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["show", "product_feature"], "did you mean 'product_features'?"),
        (["history", "nobody"], "there is no feature view 'nobody'"),
        (["diff", "nobody"], "there is no feature view 'nobody'"),
        (["show", VIEW, "--version", "ffff"], "has no version 'ffff'; there are: "),
        (["show", VIEW, "--version", "newest"], "is not registered yet"),
        (["diff", VIEW, "f"], "has no version 'f'"),
    ],
)
def test_what_cannot_be_is_said(run: Callable, arguments: list[str], words: str) -> None:
    status, _, err = run(*arguments)
    assert status == 1
    assert words in err
    assert "Traceback" not in err


def test_tables_use_the_width_there_is(run: Callable, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    lines = [line.rstrip() for line in run("show", VIEW)[1].splitlines()]
    assert 80 < max(map(len, lines)) <= 120


def test_a_document_that_cannot_be_read_spoils_nothing_else(run: Callable, home: Path) -> None:
    row = {"number": 1, "name": "ancient", "version": "0123456789ab", "document": "{}", "run_id": "run-0"}
    frame = pl.DataFrame([{**row, "registered_at": AT}], schema_overrides={"registered_at": TIMESTAMP})
    table = Lake(str(home / "lake")).table(VIEWS)
    table.append(frame, provenance=Provenance("run-0", ""), advance={VIEWS: (None, 1)})
    status, out, _ = run("list")
    assert status == 0
    assert "ancient" in out
    assert VIEW in out
    rows = {row["view"]: row for row in json.loads(run("list", "--json")[1])}
    assert "not the document of a feature view" in rows["ancient"]["unreadable"]
    assert "unreadable" not in rows[VIEW]
    assert "not the document" in " ".join(run("history", "ancient")[1].split())
    status, _, err = run("show", "ancient")
    assert status == 1
    assert "not the document of a feature view" in err


def test_features_that_nobody_takes_are_listed(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["features", "unused", "--json", "--home", str(home)]) == 0
    found = json.loads(capsys.readouterr().out)
    taken = {reference for model in models().values() for reference in model.features}
    assert found["customer_features"] == ["churn_risk_score"]
    assert not any(f"{view}:{feature}" in taken for view, features in found.items() for feature in features)
    assert set(found["product_features"]) == {feature.name for feature in fs.views["product_features"].features}
    assert cli.run(["features", "unused", "--home", str(home)]) == 0
    out = capsys.readouterr().out
    assert "churn_risk_score" in out
    assert max(len(line.rstrip()) for line in out.splitlines()) <= 80
