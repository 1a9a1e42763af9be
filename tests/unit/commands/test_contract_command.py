"""`mlinfra contract`: against a lake that knows the published versions, and in a CI without one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from mlinfra_assets import cli
from mlinfra_assets.commands import sources

NAMES = ("exchange_rates", "order_lines", "outcomes", "predictions")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The declared sources, in a folder that may be changed."""
    copied = tmp_path / "sources"
    copied.mkdir()
    for name in NAMES:
        (copied / f"{name}.yaml").write_text((sources.FOLDER / f"{name}.yaml").read_text())
    monkeypatch.setattr(sources, "FOLDER", copied)
    return copied


@pytest.fixture
def before(folder: Path, tmp_path: Path) -> Path:
    """Another revision of the same files."""
    other = tmp_path / "before"
    other.mkdir()
    for file in folder.iterdir():
        (other / file.name).write_text(file.read_text())
    return other


def change(folder: Path, old: str, new: str, version: str = "1.0.0") -> None:
    file = folder / "order_lines.yaml"
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new, 1).replace("version: 1.0.0", f"version: {version}", 1))


def run(*arguments: str) -> int:
    return cli.run(["contract", *arguments])


def answer(capsys: pytest.CaptureFixture[str]) -> Any:
    return json.loads(capsys.readouterr().out)


def test_an_incompatible_change_is_refused_without_a_lake(
    folder: Path, before: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    change(folder, "maximum: 10000", "maximum: 9000")
    assert run("check", "--base", str(before)) == 1
    out = capsys.readouterr().out
    assert "order_lines 1.0.0: REFUSED, may not follow 1.0.0 (BACKWARD)" in out
    assert "field quantity: not BACKWARD compatible with 1.0.0: the maximum is 9000 here, and 10000 there" in out
    assert "instead: keep the range as wide as it was" in out
    assert "exchange_rates 1.0.0: the same, follows 1.0.0 (BACKWARD)" in out
    assert not (tmp_path / ".mlinfra").exists()


def test_a_compatible_change_asks_for_its_version(
    folder: Path, before: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    change(folder, "maximum: 10000", "maximum: 20000")
    assert run("check", "order_lines", "--base", str(before / "order_lines.yaml")) == 1
    assert "REFUSED, version 1.0.0 follows 1.0.0, and the change asks for 1.1.0 or more" in capsys.readouterr().out
    change(folder, "version: 1.0.0", "version: 1.1.0")
    assert run("check", "order_lines", "--base", str(before), "--json") == 0
    (row,) = answer(capsys)
    assert (row["compatible"], row["asks"], row["version_problem"]) == (True, "minor", None)


def test_a_contract_is_published_once_and_listed(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home = ("--home", str(tmp_path / "home"))
    assert run("publish", *home) == 0
    assert "order_lines 1.0.0: published" in capsys.readouterr().out
    assert run("publish", "order_lines", *home) == 0
    assert "order_lines 1.0.0: is published already" in capsys.readouterr().out
    change(folder, "maximum: 10000", "maximum: 20000", "1.1.0")
    assert run("check", *home) == 0
    assert run("publish", "order_lines", *home) == 0
    capsys.readouterr()
    assert run("list", "order_lines", "--json", *home) == 0
    (row,) = answer(capsys)
    assert [p["version"] for p in row["published"]] == ["1.0.0", "1.1.0"]
    assert (row["state"], row["protected"]) == ("published", ["customer_id"])
    assert run("list", *home) == 0
    assert "1.1.0 on " in capsys.readouterr().out


def test_what_is_refused_is_not_published(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    home = ("--home", str(tmp_path / "home"))
    assert run("publish", *home) == 0
    change(folder, "maximum: 10000", "maximum: 9000", "2.0.0")
    capsys.readouterr()
    assert run("publish", "--json", *home) == 1
    rows = {row["source"]: row for row in answer(capsys)}
    assert not rows["order_lines"]["published"]
    assert rows["order_lines"]["refusals"][0]["field"] == "quantity"
    assert run("list", "order_lines", "--json", *home) == 0
    (row,) = answer(capsys)
    assert (row["state"], len(row["published"])) == ("changed", 1)


def test_a_difference_is_shown_with_what_it_breaks_either_way(
    folder: Path, before: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    change(folder, "maximum: 10000", "maximum: 20000")
    assert run("diff", "order_lines", "--base", str(before)) == 0
    out = capsys.readouterr().out
    assert "~ order_lines.quantity.maximum: 10000 -> 20000" in out
    assert (
        "BACKWARD: compatible\nFORWARD: not compatible\n  quantity: the maximum is 10000 here, and 20000 there" in out
    )
    assert run("diff", "exchange_rates", "--base", str(before)) == 0
    assert "exchange_rates 1.0.0: the same as 1.0.0" in capsys.readouterr().out


def test_one_published_version_may_be_named(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    home = ("--home", str(tmp_path / "home"))
    run("publish", *home)
    change(folder, "maximum: 10000", "maximum: 20000", "1.1.0")
    run("publish", *home)
    capsys.readouterr()
    assert run("diff", "order_lines", "--against", "1.0.0", *home) == 0
    assert "10000 -> 20000" in capsys.readouterr().out
    assert run("check", "order_lines", "--against", "3.0.0", *home) == 1
    assert "has no published version 3.0.0: there are 1.0.0, 1.1.0" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("check", "order_line"), "did you mean 'order_lines'?"),
        (("check", "--base", "nowhere"), "no such file or folder"),
    ],
)
def test_what_is_not_there_is_said(
    folder: Path, arguments: tuple[str, ...], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(*arguments) == 1
    assert says in capsys.readouterr().err
