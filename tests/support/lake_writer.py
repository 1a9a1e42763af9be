"""A process that appends batches 1..N to a table in order, as often as needed: run by the fault tests.

Arguments: lake root, number of batches, rows a batch. Each batch is written by whoever is first.
"""

from __future__ import annotations

import sys

from mlinfra_assets.fault_points import reach
from mlinfra_assets.lake.lake import Lake
from mlinfra_assets.lake.table import ProgressConflictError
from tests.support.lake_rows import BY, numbered


def main(root: str, batches: int, size: int) -> None:
    table = Lake(root).table("raw/lines")
    while True:
        done = table.progress("lines/0")
        batch = 0 if done is None else done + 1
        if batch >= batches:
            return
        try:
            reach("raw.before_commit")
            rows = numbered(batch * size, (batch + 1) * size - 1)
            table.append(rows, provenance=BY, advance={"lines/0": (done, batch)}, stats_columns=["number"])
            reach("raw.after_commit")
        except ProgressConflictError:
            continue


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
