from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.support.lacking import on_a_small_disk

PROGRAM = """
import sys
from pathlib import Path
import numpy as np
import polars as pl
from mlinfra_assets.errors import UnavailableError
from mlinfra_assets.lake.lake import Lake
from tests.support.lake_rows import BY, numbered, numbers

root = Path(sys.argv[1])
table = Lake(str(root)).table("raw/lines")
table.append(numbered(0, 9), provenance=BY, advance={"lines/0": (None, 9)})
noise = np.random.default_rng(1).bytes(6_000_000)
big = numbered(10, 10).with_columns(payload=pl.lit(noise))
try:
    table.append(big, provenance=BY, advance={"lines/0": (9, 10)})
except UnavailableError as error:
    print(error)
else:
    sys.exit("the disk was not full")
assert (numbers(table), table.progress("lines/0")) == (list(range(10)), 9)
table.append(numbered(10, 10), provenance=BY, advance={"lines/0": (9, 10)})
assert numbers(table) == list(range(11))
"""


def test_a_full_disk_is_said_clearly_and_nothing_is_lost(tmp_path: Path) -> None:
    small = tmp_path / "small"
    within = on_a_small_disk(small, 4)
    done = subprocess.run(
        [*within, sys.executable, "-c", PROGRAM, str(small)],
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(__file__).parents[3],
    )
    assert done.returncode == 0, done.stderr
    assert "no space left while writing table raw/lines" in done.stdout
    assert "nothing that was committed before is lost" in done.stdout
