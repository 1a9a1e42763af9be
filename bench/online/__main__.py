"""`python -m bench.online`."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from bench.harness.cache import default_folder
from bench.harness.peers import PeersUnavailableError
from bench.online.benchmark import WrongAnswerError, as_json, measure, table


def main() -> int:
    """Measure, and print a table or JSON; 1 if answers differ."""
    parser = argparse.ArgumentParser(prog="python -m bench.online", description=sys.modules["bench.online"].__doc__)
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.add_argument("--entities", type=int, default=10_000, help="entities in Redis, 10,000 unless given")
    parser.add_argument("--seconds", type=float, default=3.0, help="of each load, 3 unless given")
    parser.add_argument("--repeat", type=int, default=3, help="rounds, of which the median counts")
    parser.add_argument("--cache", type=Path, help="folder for data and the peers' libraries; the user's cache folder")
    options = parser.parse_args()
    try:
        found = measure(options.cache or default_folder(), options.entities, options.seconds, options.repeat)
    except (WrongAnswerError, PeersUnavailableError) as error:
        print(f"online: {error}", file=sys.stderr)
        return 1
    lines = [f"# online, {options.entities:,} entities, load {os.getloadavg()[0]:.1f}", "", *table(found)]
    print(as_json(found) if options.json else "\n".join(lines))
    return 0


if __name__ == "__main__":
    sys.exit(main())
