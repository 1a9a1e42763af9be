"""The methods, and what the project holds itself to."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from bench.harness.case import Benchmark, Case, Target
from bench.harness.method import Limits, Method
from bench.harness.report import CaseReport
from bench.ingest.data import make

PROJECT = "project"
ROWS = 1_000_000
COMMITS = (0, 1_000)
SYSTEMS = {"kafka": "Kafka", "redis": "Redis Streams"}
PER_SECOND = 100_000.0
SMALL = 2_000
"""Events of the very small question: enough for the loops that take many records at once."""
LIMITS = Limits(seconds=1_800, gigabytes=8)


def cases(cache: Path, scale: float) -> list[Case]:
    """Both systems end to end, and what a thousand earlier commits cost."""
    rows = max(200, round(ROWS * scale))
    data, small = make(cache, rows), make(cache, SMALL)
    part, commits = make(cache, max(200, rows // 5)), [max(1, round(n * scale)) if n else 0 for n in COMMITS]
    return [
        *(
            Case(name, f"{rows:,} events of 284 bytes from {title}", data, small, _methods(name), ("id",), rows)
            for name, title in SYSTEMS.items()
        ),
        *(
            Case(
                f"after-{named}-commits",
                f"{max(200, rows // 5):,} events in 2 commits from Kafka, after {done:,} commits",
                part,
                small,
                [Method(PROJECT, "bench.ingest.project", f"kafka after {done}", limits=LIMITS)],
                ("id",),
                max(200, rows // 5),
            )
            for named, done in zip(COMMITS, commits, strict=True)
        ),
    ]


def _methods(system: str) -> list[Method]:
    methods = [Method(PROJECT, "bench.ingest.project", system, limits=LIMITS)]
    if system == "kafka":
        note = "the values of the JSON in one table: no raw bytes, no contract, no positions; a crash repeats or loses"
        methods.append(Method("plain loop", "bench.ingest.plain_loop", system, limits=LIMITS, note=note))
    return methods


def _per_second(system: str) -> Callable[[Mapping[str, CaseReport]], float | None]:
    def measure(reports: Mapping[str, CaseReport]) -> float | None:
        line = reports[system].line(PROJECT) if system in reports else None
        return None if line is None or not line.wall_s else ROWS / line.wall_s

    return measure


def _growth(reports: Mapping[str, CaseReport]) -> float | None:
    lines = [reports[name].line(PROJECT) for name in (f"after-{n}-commits" for n in COMMITS) if name in reports]
    costs = [line.cpu_s for line in lines if line is not None and line.cpu_s]
    return costs[1] / costs[0] if len(costs) == len(COMMITS) else None


BENCHMARK = Benchmark(
    "ingest",
    "A million events from Kafka and from Redis Streams into raw and processed, in one process.",
    cases,
    (
        *(
            Target(f"{title}: at least 100,000 events/s", _per_second(name), PER_SECOND, at_least=True)
            for name, title in SYSTEMS.items()
        ),
        Target("CPU per event after 1,000 commits: at most 1.1 times that of the first", _growth, 1.1),
    ),
)
