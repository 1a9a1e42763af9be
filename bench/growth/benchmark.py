"""The sizes, and what the project holds itself to."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from bench.growth.data import labels, make
from bench.harness.case import Benchmark, Case, Target
from bench.harness.layout import LABEL_ID
from bench.harness.method import Limits, Method
from bench.harness.report import CaseReport

PROJECT = "project"
SIZES = (1_000_000, 3_000_000, 10_000_000, 30_000_000, 100_000_000)
LARGEST = SIZES[-1]
_LIMITS = Limits(seconds=900, gigabytes=16)
METHODS = (
    Method(PROJECT, "bench.growth.project", limits=_LIMITS),
    Method("DuckDB ASOF", "bench.growth.duckdb_asof", limits=_LIMITS),
)


def benchmark(largest: int = LARGEST) -> Benchmark:
    """The benchmark up to a size.

    Args:
        largest: Number of events of the largest size, before it is scaled.
    """

    def cases(cache: Path, scale: float) -> list[Case]:
        small = make(cache, 1_000)
        chosen = dict.fromkeys(max(100, round(size * scale)) for size in SIZES if size <= largest)
        return [
            Case(
                str(rows),
                f"{rows:,} events, {labels(rows):,} label rows",
                make(cache, rows),
                small,
                METHODS,
                (LABEL_ID,),
                rows,
            )
            for rows in chosen
        ]

    return Benchmark(
        "growth",
        "The newest values of one view at a label row for every ten events, from a million events on.",
        cases,
        (Target("CPU per event at the largest size: at most 1.5 times that at the smallest", growth, 1.5),),
    )


def growth(reports: Mapping[str, CaseReport]) -> float | None:
    """CPU per event at the largest size over that at the smallest. None with one size."""
    costs = {int(name): report.line(PROJECT) for name, report in reports.items()}
    each = [line.cpu_us_per_row for _, line in sorted(costs.items()) if line and line.cpu_us_per_row]
    return each[-1] / each[0] if len(each) > 1 else None
