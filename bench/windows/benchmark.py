"""The methods, and what the project holds itself to."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from bench.harness.case import Benchmark, Case, Target
from bench.harness.layout import LABEL_ID
from bench.harness.method import Environment, Limits, Method
from bench.harness.report import CaseReport
from bench.windows.data import make
from bench.windows.layout import DISTINCT, LARGEST, TOTALS

PROJECT = "project"
_DUCKDB, _POLARS, _PANDAS = (f"bench.windows.{name}" for name in ("duckdb_windows", "polars_rolling", "pandas_rolling"))
_TITLES = {TOTALS: "count, sum and mean", DISTINCT: "count of different values", LARGEST: "max"}


def cases(cache: Path, scale: float) -> list[Case]:
    """One question for each kind of aggregate, of the same data."""
    data, small = make(cache, scale), make(cache, 0.0001)
    size = f"1, 7, 30, 90 days at {round(1_000_000 * scale):,} moments over {round(10_000_000 * scale):,} events"
    return [
        Case(asked, f"{title[0].upper()}{title[1:]}: {size}", data, small, _methods(asked), (LABEL_ID,))
        for asked, title in _TITLES.items()
    ]


def _methods(asked: str) -> list[Method]:
    limits = Limits(seconds=600, gigabytes=12)
    methods = [
        Method(PROJECT, "bench.windows.project", asked),
        Method("DuckDB RANGE window", _DUCKDB, f"{asked} range", limits=limits),
        Method("DuckDB range join", _DUCKDB, f"{asked} join", limits=limits),
        Method("Polars rolling", _POLARS, asked, limits=limits),
    ]
    if asked != DISTINCT:
        methods.append(Method("pandas rolling", _PANDAS, asked, Environment.PEERS, limits))
    return methods


def _project_cpu(asked: str) -> Callable[[Mapping[str, CaseReport]], float | None]:
    def measure(reports: Mapping[str, CaseReport]) -> float | None:
        line = reports[asked].line(PROJECT) if asked in reports else None
        return None if line is None else line.cpu_s

    return measure


BENCHMARK = Benchmark(
    "windows",
    "Aggregates over trailing windows of 1, 7, 30 and 90 days at a million arbitrary moments.",
    cases,
    (
        Target("count, sum and mean: at most 3 CPU s", _project_cpu(TOTALS), 3.0),
        Target("different values: at most 4 CPU s", _project_cpu(DISTINCT), 4.0),
        Target("max: at most 4 CPU s", _project_cpu(LARGEST), 4.0),
    ),
)
