from __future__ import annotations

import json
from pathlib import Path

import pytest

from mlinfra_assets.cli import run
from mlinfra_assets.lake.lake import Lake
from tests.support.lake_rows import BY, numbered

LINES = "raw/lines"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home with one table of forty small files."""
    table = Lake(str(tmp_path / "home" / "lake")).table(LINES)
    for number in range(40):
        table.append(numbered(number, number), provenance=BY)
    return tmp_path / "home"


def test_says_what_it_would_do_and_then_does_it(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["maintain", "--home", str(home), "--dry-run", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["dry_run"] is True
    assert [(t["table"], t["files_before"], t["files_after"], t["merged"]) for t in said["tables"]] == [
        (LINES, 40, 40, 40)
    ]

    assert run(["maintain", LINES, "--home", str(home)]) == 0
    assert "40 > 1" in (out := capsys.readouterr().out)
    assert "40 small files were merged, 0 old files were removed." in out
    assert len(Lake(str(home / "lake")).table(LINES).files()) == 1


def test_an_unknown_table_is_an_error(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["maintain", "raw/other", "--home", str(home)]) == 1
    assert "error: there is no table raw/other: the tables are raw/lines" in capsys.readouterr().err
