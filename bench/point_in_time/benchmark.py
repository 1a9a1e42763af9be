"""The methods, and what the project holds itself to."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from bench.harness.case import Benchmark, Case, Target
from bench.harness.layout import LABEL_ID
from bench.harness.method import Environment, Limits, Method
from bench.harness.report import CaseReport
from bench.point_in_time.data import make

NAME = "point_in_time"
PROJECT = "project"
_FEAST_STORES = ("Feast, DuckDB store", "Feast, Dask store")
METHODS = (
    Method(PROJECT, "bench.point_in_time.project"),
    Method("Polars join_asof, streaming", "bench.point_in_time.polars_asof"),
    Method("pandas merge_asof", "bench.point_in_time.pandas_asof", environment=Environment.PEERS),
    Method("DuckDB ASOF", "bench.point_in_time.duckdb_asof"),
    Method(_FEAST_STORES[0], "bench.point_in_time.feast_store", "duckdb", Environment.PEERS),
    Method(
        _FEAST_STORES[1],
        "bench.point_in_time.feast_store",
        "dask",
        Environment.PEERS,
        Limits(seconds=600, gigabytes=12),
        may_lose_rows=True,
    ),
)


def cases(cache: Path, scale: float) -> list[Case]:
    """The one question, and its data."""
    title = (
        f"Point-in-time join: {round(1_000_000 * scale):,} label rows x 3 views of {round(10_000_000 * scale):,} rows"
    )
    return [Case(NAME, title, make(cache, scale), make(cache, 0.0001), METHODS, (LABEL_ID,))]


def _project(reports: Mapping[str, CaseReport], what: str) -> float | None:
    return getattr(reports[NAME].line(PROJECT), what, None)


def _best_feast_store(reports: Mapping[str, CaseReport]) -> float | None:
    ratios = [line.ratio for line in reports[NAME].lines if line.name in _FEAST_STORES and line.ratio is not None]
    return min(ratios, default=None)


BENCHMARK = Benchmark(
    NAME,
    "A million label rows joined to three views of ten million rows, as of each label's time.",
    cases,
    (
        Target("at most 4.5 CPU s", lambda reports: _project(reports, "cpu_s"), 4.5),
        Target("at most 1.2 GB", lambda reports: _project(reports, "memory_gb"), 1.2),
        Target("Feast's best store takes at least 5 times the CPU", _best_feast_store, 5.0, at_least=True),
    ),
)
