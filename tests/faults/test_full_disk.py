"""A disk that is full, again and again, at whatever write it may be: nothing is lost, and room is all that it takes."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = """
import subprocess, sys
from pathlib import Path
import numpy as np
from mlinfra_assets.errors import UnavailableError
from mlinfra_assets.settings import Settings
from tests.support.faults.events import event
from tests.support.faults.ingestion import Ingestion
from tests.support.faults.worker import Task

home, small = Path(sys.argv[1]), sys.argv[2]
ingestion = Ingestion(Settings(home=home, lake=f"{small}/lake"), Task("events"))
noise = np.random.default_rng(1)
full = 0
for room in (1500, 1900, 2300, 3000, 3700, 4500):
    subprocess.run(["mount", "-o", f"remount,size={room}k", small], check=True)
    for _ in range(40):
        first = len(ingestion.sent)
        bad = [first] if first % 4 == 0 else []
        texts = [noise.bytes(4_000).hex() for _ in range(6)]
        ingestion.send([event(first + n, ballast=t, **({"amount": -1} if first + n in bad else {}))
                        for n, t in enumerate(texts)], bad)
        try:
            ingestion.ingest()
        except UnavailableError as error:
            assert "no space left while writing table" in str(error), error
            full += 1
            break
subprocess.run(["mount", "-o", "remount,size=64m", small], check=True)
ingestion.settle()
print(f"full {full} times, {len(ingestion.sent)} events")
"""


def test_a_disk_that_is_full_again_and_again_loses_nothing(tmp_path: Path) -> None:
    small = tmp_path / "small"
    small.mkdir()
    mount = f'mount -t tmpfs -o size=1m none "{small}"'
    program = shutil.which("unshare")
    if program is None or subprocess.run([program, "-rm", "sh", "-c", mount], check=False).returncode != 0:
        pytest.skip("needs a small disk of its own, which this machine does not let users mount")
    command = f'{mount} && exec "$0" -c "$1" "$2" "$3"'
    done = subprocess.run(
        [program, "-rm", "sh", "-c", command, sys.executable, PROGRAM, str(tmp_path / "home"), str(small)],
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(__file__).parents[2],
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("full 6 times"), done.stdout
