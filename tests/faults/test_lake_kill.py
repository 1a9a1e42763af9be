from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from mlinfra_assets.lake.lake import Lake
from mlinfra_assets.lake.table import LakeTable
from tests.support.lake_rows import numbers

BATCHES, SIZE = 12, 5


def start(root: Path, kill_at: str | None = None) -> subprocess.Popen[bytes]:
    environment = {name: value for name, value in os.environ.items() if name != "MLINFRA_KILL_AT"}
    if kill_at is not None:
        environment["MLINFRA_KILL_AT"] = kill_at
    command = [sys.executable, "-m", "tests.support.lake_writer", str(root), str(BATCHES), str(SIZE)]
    return subprocess.Popen(command, env=environment, cwd=Path(__file__).parents[2])


def check(table: LakeTable) -> None:
    assert table.count() == BATCHES * SIZE
    assert numbers(table) == list(range(BATCHES * SIZE))
    assert table.progress("lines/0") == BATCHES - 1


@pytest.mark.parametrize("point", ["raw.before_commit:1", "raw.before_commit:4", "raw.after_commit:1"])
def test_a_writer_killed_at_a_commit_loses_and_repeats_nothing(tmp_path: Path, point: str) -> None:
    assert start(tmp_path, kill_at=point).wait() == -signal.SIGKILL
    assert start(tmp_path).wait() == 0
    check(Lake(str(tmp_path)).table("raw/lines"))


def test_racing_writers_of_which_some_are_killed_lose_and_repeat_nothing(tmp_path: Path) -> None:
    points = ["raw.before_commit:3", "raw.after_commit:2", None, None]
    writers = [start(tmp_path, point) for point in points]
    codes = [writer.wait() for writer in writers]
    assert codes[2:] == [0, 0]
    # A writer that lost every race may have finished before it reached its point.
    assert all(code in (0, -signal.SIGKILL) for code in codes[:2])
    check(Lake(str(tmp_path)).table("raw/lines"))


def test_a_writer_killed_at_any_moment_loses_and_repeats_nothing(tmp_path: Path) -> None:
    table = Lake(str(tmp_path)).table("raw/lines")
    for wanted in (1, 4, 8):
        writer = start(tmp_path)
        while (table.progress("lines/0") or 0) < wanted and writer.poll() is None:
            pass
        writer.kill()
        writer.wait()
    assert start(tmp_path).wait() == 0
    check(table)
