"""`python -m bench.freshness`."""

from __future__ import annotations

import argparse
import json
import os
import sys
from dataclasses import asdict

from bench.freshness.measure import SYSTEMS, Measured, measure
from bench.harness.machine import Machine

RATES = (1, 1_000)
SECONDS = 30.0
P50_MS, P99_MS = 10.0, 50.0


def main() -> int:
    """Measure, and print what was found; 1 if what is served is not what a batch makes of the same events."""
    parser = argparse.ArgumentParser(prog="python -m bench.freshness", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.add_argument("--scale", type=float, default=1.0, help="share of the 30 seconds that each rate is measured")
    parser.add_argument("--systems", nargs="+", choices=SYSTEMS, default=SYSTEMS, help="which streams")
    options = parser.parse_args()
    before = os.getloadavg()
    found = [measure(system, rate, SECONDS * options.scale) for system in options.systems for rate in RATES]
    load = {"load_before": before, "load_after": os.getloadavg()}
    if options.json:
        print(
            json.dumps({"machine": asdict(Machine.this()), **load, "found": [asdict(one) for one in found]}, indent=2)
        )
    else:
        print("\n".join([_heading(), *map(_line, found), f"load average before {before}, after {os.getloadavg()}"]))
    return 0 if all(one.equal for one in found) else 1


def _heading() -> str:
    return f"{'stream':8}{'events/s':>10}{'events':>8}{'p50 ms':>9}{'p99 ms':>9}{'CPU us/event':>14}  target"


def _line(one: Measured) -> str:
    kept = "held" if one.p50_ms <= P50_MS and one.p99_ms <= P99_MS else f"missed ({P50_MS:g} and {P99_MS:g} ms)"
    cpu = 1e6 * one.updater_cpu_s / max(one.events, 1)
    wrong = "" if one.equal else "  WRONG VALUES"
    return (
        f"{one.system:8}{one.rate:>10,}{one.events:>8,}{one.p50_ms:>9.1f}{one.p99_ms:>9.1f}{cpu:>14.0f}  {kept}{wrong}"
    )


if __name__ == "__main__":
    sys.exit(main())
