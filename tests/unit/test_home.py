from __future__ import annotations

import json
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest

from mlinfra_assets.errors import InvalidInputError, UnavailableError
from mlinfra_assets.home import FILE, FORMAT, LOCK, hold, inspect_home, open_home

CONTENDER = """
import pathlib, sys
from mlinfra_assets.home import hold, open_home
with hold(open_home(pathlib.Path(sys.argv[1])), "mlinfra demo"):
    pass
"""


def test_a_home_is_made_once_and_then_opened(tmp_path: Path) -> None:
    made = open_home(tmp_path / "new" / "home")
    assert open_home(tmp_path / "new" / "home") == made
    assert made.format == FORMAT


def test_looking_makes_nothing(tmp_path: Path) -> None:
    assert inspect_home(tmp_path / "home") is None
    assert not (tmp_path / "home").exists()


def test_a_folder_that_dagster_began_becomes_a_home(tmp_path: Path) -> None:
    for name in ("lake", "redis", "dagster"):
        (tmp_path / name).mkdir()
    assert open_home(tmp_path).folder == tmp_path


def test_a_folder_with_other_things_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("important")
    with pytest.raises(InvalidInputError, match=r"thesis\.tex"):
        open_home(tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["thesis.tex"]


@pytest.mark.parametrize(("found", "words"), [(FORMAT - 1, "an older version"), (FORMAT + 1, "a newer version")])
def test_a_home_of_another_version_is_refused_and_not_touched(tmp_path: Path, found: int, words: str) -> None:
    text = json.dumps({"format": found, "created_at": "2020-01-01T00:00:00+00:00"})
    (tmp_path / FILE).write_text(text)
    with pytest.raises(InvalidInputError, match=f"{words}.*Nothing in it was changed.*--home DIR"):
        open_home(tmp_path)
    assert (tmp_path / FILE).read_text() == text


@pytest.mark.parametrize("text", ["", "{", "[]", '{"format": "x", "created_at": ""}', "{}"])
def test_a_damaged_home_file_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / FILE).write_text(text)
    with pytest.raises(InvalidInputError, match=r"home\.json is damaged"):
        open_home(tmp_path)


def test_a_file_is_no_home(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InvalidInputError, match="is not a folder"):
        open_home(tmp_path / "file")
    with pytest.raises(UnavailableError, match="cannot be"):
        open_home(tmp_path / "file" / "below")


def test_the_first_day_of_its_data_is_remembered(tmp_path: Path) -> None:
    open_home(tmp_path).with_history_start(date(2009, 12, 1))
    found = inspect_home(tmp_path)
    assert found is not None
    assert found.history_start == "2009-12-01"


def test_two_commands_cannot_hold_one_home(tmp_path: Path) -> None:
    home = open_home(tmp_path)
    with hold(home, "mlinfra up"):
        other = subprocess.run(
            [
                sys.executable,
                "-c",
                CONTENDER,
                str(tmp_path),
            ],
            capture_output=True,
            text=True,
            check=False,
        )
        assert other.returncode != 0
        assert "is in use by `mlinfra up` (process" in other.stderr
    with hold(home, "mlinfra demo"):
        pass


def test_a_home_that_cannot_be_written_is_not_held(tmp_path: Path) -> None:
    home = open_home(tmp_path / "home")
    (home.folder / LOCK).mkdir()  # as root no permission stops a write, so something else has to
    with (
        pytest.raises(UnavailableError, match=r"home cannot be written: Is a directory; make it writable"),
        hold(home, "x"),
    ):
        pass
