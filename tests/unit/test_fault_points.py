from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

PROGRAM = (
    "from mlinfra_assets.fault_points import reach\nfor n in range(3):\n    print(n, flush=True)\n    reach('here')"
)


@pytest.mark.parametrize(
    ("kill_at", "code", "said"),
    [
        ("", 0, "0 1 2"),
        ("elsewhere", 0, "0 1 2"),
        ("here", -signal.SIGKILL, "0"),
        ("here:1", -signal.SIGKILL, "0"),
        ("here:3", -signal.SIGKILL, "0 1 2"),
        ("here:4", 0, "0 1 2"),
    ],
)
def test_a_process_dies_at_the_named_point_only(kill_at: str, code: int, said: str) -> None:
    environment = {**os.environ, "MLINFRA_KILL_AT": kill_at}
    done = subprocess.run([sys.executable, "-c", PROGRAM], env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, " ".join(done.stdout.split())) == (code, said)
