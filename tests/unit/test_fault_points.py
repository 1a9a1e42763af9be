from __future__ import annotations

import ast
import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from mlinfra_assets.errors import InvalidInputError
from mlinfra_assets.fault_points import POINTS, reach
from mlinfra_assets.settings import PROJECT

HERE, ELSEWHERE = "raw.after_read", "raw.before_commit"
PROGRAM = (
    f"from mlinfra_assets.fault_points import reach\nfor n in range(3):\n    print(n, flush=True)\n    reach({HERE!r})"
)


@pytest.mark.parametrize(
    ("kill_at", "code", "said"),
    [
        ("", 0, "0 1 2"),
        (ELSEWHERE, 0, "0 1 2"),
        (HERE, -signal.SIGKILL, "0"),
        (f"{HERE}:1", -signal.SIGKILL, "0"),
        (f"{HERE}:3", -signal.SIGKILL, "0 1 2"),
        (f"{HERE}:4", 0, "0 1 2"),
    ],
)
def test_a_process_dies_at_the_named_point_only(kill_at: str, code: int, said: str) -> None:
    environment = {**os.environ, "MLINFRA_KILL_AT": kill_at}
    done = subprocess.run([sys.executable, "-c", PROGRAM], env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, " ".join(done.stdout.split())) == (code, said)


@pytest.mark.parametrize("kill_at", ["raw.befor_commit", "raw.before_commit:x", ":3"])
def test_a_drill_at_a_point_that_is_not_there_is_refused(kill_at: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLINFRA_KILL_AT", kill_at)
    with pytest.raises(InvalidInputError, match=r"names no point.*raw\.before_commit"):
        reach(ELSEWHERE)


def reached() -> Iterator[str]:
    """The points that the code reaches."""
    for room in ("mlinfra_assets", "sensors", "resources"):
        for file in (PROJECT / room).rglob("*.py"):
            for node in ast.walk(ast.parse(file.read_text())):
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "reach":
                    named = [c.value for a in node.args for c in ast.walk(a) if isinstance(c, ast.Constant)]
                    yield from (str(name) for name in named)


def test_every_point_is_listed_and_reached() -> None:
    assert set(reached()) == set(POINTS)
