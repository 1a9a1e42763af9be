"""`python -m bench.push`."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from bench.harness import peers
from bench.harness.cache import default_folder
from bench.online.benchmark import ROOT, redis_process, used_cpu
from bench.online.data import make
from bench.online.layout import EVENTS, PLAIN, WINDOWED

SMALL = 200
TARGETS = {PLAIN: 150_000, WINDOWED: 40_000}
"""Rows (entities) that are wanted in a second."""


def main() -> int:
    """Measure, and print a table or JSON."""
    parser = argparse.ArgumentParser(prog="python -m bench.push", description=sys.modules["bench.push"].__doc__)
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.add_argument("--rows", type=int, default=300_000, help="rows of the plain view, 300,000 unless given")
    parser.add_argument("--cache", type=Path, help="folder for data and the peers' libraries; the user's cache folder")
    options = parser.parse_args()
    cache = options.cache or default_folder()
    small, found = make(cache, SMALL), []
    for view, rows in ((PLAIN, options.rows), (WINDOWED, max(SMALL, options.rows // EVENTS * 5))):
        folder = make(cache, rows)
        ours = [sys.executable, "-m", "bench.push.project", str(folder), str(small), view]
        found.append({"view": view, "who": "project"} | _run(ours))
        if view == PLAIN:
            theirs = [str(peers.interpreter(cache)), "-m", "bench.push.feast_materialize", str(folder), view]
            found.append({"view": view, "who": "Feast materialize"} | _run(theirs))
    print(json.dumps({"load": os.getloadavg()[0], "cases": found}, indent=2) if options.json else _table(found))
    return 0


def _run(command: list[str]) -> dict[str, float]:
    with tempfile.TemporaryDirectory(prefix="mlinfra-bench-push-") as scratch, redis_process(Path(scratch)) as store:
        before = used_cpu(store[0])
        environ = {**os.environ, "PYTHONPATH": str(ROOT), "FEAST_USAGE": "False"}
        done = subprocess.run([*command, str(store[1])], stdout=subprocess.PIPE, text=True, check=True, env=environ)
        return json.loads(done.stdout.strip().splitlines()[-1]) | {"redis_cpu_s": used_cpu(store[0]) - before}


def _table(found: list[dict]) -> str:
    lines = [
        f"# push, load {os.getloadavg()[0]:.1f}",
        "",
        "| view | who | rows | rows/s | rows/s, push alone | CPU us/row | Redis CPU us/row | bytes/row in Redis |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for one in found:
        rows = one["rows"]
        alone = f"{rows / one['pushing_s']:,.0f}" if "pushing_s" in one else ""
        lines.append(
            f"| {one['view']} | {one['who']} | {rows:,} | {rows / one['wall_s']:,.0f} | {alone} "
            f"| {one['cpu_s'] / rows * 1e6:.2f} | {one['redis_cpu_s'] / rows * 1e6:.2f} "
            f"| {one['redis_bytes'] / rows:,.0f} |"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
