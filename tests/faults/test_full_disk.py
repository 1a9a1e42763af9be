"""A disk that is full, again and again, at whatever write it may be: nothing is lost, and room is all that it takes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.support.lacking import on_a_small_disk

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
    within = on_a_small_disk(small, 1)
    done = subprocess.run(
        [*within, sys.executable, "-c", PROGRAM, str(tmp_path / "home"), str(small)],
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(__file__).parents[2],
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("full 6 times"), done.stdout
