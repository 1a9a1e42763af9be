"""The methods, and what the project holds itself to."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from bench.backfill.data import ENTITIES, ORDER_ROWS, PROFILE_ROWS, make, sized
from bench.backfill.layout import DAY, DAYS, FEAST_DAYS, NEWEST, WINDOWED
from bench.harness.case import Benchmark, Case, Target
from bench.harness.layout import KEY
from bench.harness.method import Environment, Limits, Method
from bench.harness.report import CaseReport

PROJECT = "project"
_LIMITS = Limits(seconds=900, gigabytes=12)
_FEAST = Method(
    "Feast, DuckDB store",
    "bench.backfill.feast_spine",
    environment=Environment.PEERS,
    limits=_LIMITS,
    share=len(FEAST_DAYS) / len(DAYS),
)


def cases(cache: Path, scale: float) -> list[Case]:
    """Features over windows, and the newest values."""
    data, small = make(cache, scale), make(cache, 0.0001)
    entities = sized(ENTITIES, scale)
    rows = entities * len(DAYS)
    size = f"{len(DAYS)} days x {entities:,} entities x 20 features"
    return [
        Case(
            WINDOWED,
            f"Windows of 1, 7, 30 and 90 days over {sized(ORDER_ROWS, scale):,} events: {size}",
            data,
            small,
            _methods(WINDOWED),
            (DAY, KEY),
            rows,
        ),
        Case(
            NEWEST,
            f"The newest of {sized(PROFILE_ROWS, scale):,} rows: {size}",
            data,
            small,
            [*_methods(NEWEST), _FEAST],
            (DAY, KEY),
            rows,
        ),
    ]


def _methods(asked: str) -> list[Method]:
    return [
        Method(PROJECT, "bench.backfill.project", asked, limits=_LIMITS),
        Method("DuckDB", "bench.backfill.duckdb_backfill", asked, limits=_LIMITS),
        Method("Polars, in parts", "bench.backfill.polars_backfill", asked, limits=_LIMITS),
    ]


def _memory(reports: Mapping[str, CaseReport]) -> float | None:
    lines = [report.line(PROJECT) for report in reports.values()]
    return max((line.memory_gb for line in lines if line and line.memory_gb is not None), default=None)


BENCHMARK = Benchmark(
    "backfill",
    "A year of daily snapshots of 100,000 entities with 20 features.",
    cases,
    (Target("memory is bounded: at most 4 GB of an answer of 5.8 GB", _memory, 4.0),),
)
