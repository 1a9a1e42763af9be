"""The command line of a benchmark."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from bench.harness import peers
from bench.harness.cache import default_folder
from bench.harness.case import Benchmark, Case
from bench.harness.compare import WrongResultsError
from bench.harness.machine import Machine
from bench.harness.method import Environment
from bench.harness.report import Report
from bench.harness.runner import Runner, interpreters, judge

LIBRARIES = ("polars", "duckdb", "numba", "numpy", "pyarrow")


def main(
    benchmark: Benchmark, arguments: Sequence[str] | None = None, parents: Sequence[argparse.ArgumentParser] = ()
) -> int:
    """Run a benchmark and print what it found.

    Args:
        benchmark: Which.
        arguments: The command line's. None: this process's.
        parents: Know arguments that the benchmark was made from, so that they are understood and in the help.

    Returns:
        The exit code: 1 if a method's answer is wrong, or a method broke off by itself.
    """
    options = _parse(benchmark, arguments, parents)
    try:
        report = measure(
            benchmark,
            options.scale,
            options.repeat,
            options.cache,
            options.methods,
            options.cases,
            first_use=options.first_use,
        )
    except WrongResultsError as error:
        print(f"{benchmark.name}: wrong results, so there is nothing to say of speed\n{error}", file=sys.stderr)
        return 1
    print(json.dumps(report.as_json(), indent=2) if options.json else report.as_text())
    return 1 if report.failed else 0


def measure(
    benchmark: Benchmark,
    scale: float = 1.0,
    repeat: int = 3,
    cache: Path | None = None,
    methods: Sequence[str] = (),
    cases: Sequence[str] = (),
    *,
    first_use: bool = True,
) -> Report:
    """Run a benchmark.

    Args:
        benchmark: Which.
        scale: Share of the full size.
        repeat: How often each method runs.
        cache: Where data and the peers' environment are kept. None: the user's cache folder.
        methods: Parts of names: only methods with one of them run, and the project's. Empty: all.
        cases: Names of the cases that run. Empty: all.
        first_use: Whether it is measured what compiling the engine's loops costs.

    Raises:
        WrongResultsError: A method answers otherwise than the project.
    """
    cache = cache or default_folder()
    _say(f"data in {cache}")
    chosen = [_only(case, methods) for case in benchmark.cases(cache, scale) if not cases or case.name in cases]
    pythons = interpreters(cache, [method for case in chosen for method in case.methods])
    runner = Runner(pythons, repeat, _say, first_use)
    reports = {case.name: runner.run(case) for case in chosen}
    versions = {"the project": peers.versions(Path(sys.executable), LIBRARIES)}
    other = pythons.get(Environment.PEERS)
    if isinstance(other, Path):
        versions["pandas and Feast"] = peers.versions(other, peers.LIBRARIES)
    return Report(
        benchmark=benchmark.name,
        date=datetime.now(UTC).date().isoformat(),
        scale=scale,
        machine=Machine.this(),
        versions=versions,
        cases=list(reports.values()),
        targets=[judge(target, reports, scale) for target in benchmark.targets],
    )


def _parse(
    benchmark: Benchmark, arguments: Sequence[str] | None, parents: Sequence[argparse.ArgumentParser]
) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog=f"python -m bench.{benchmark.name}", description=benchmark.purpose, parents=[*parents]
    )
    parser.add_argument("--json", action="store_true", help="print JSON instead of tables")
    parser.add_argument("--scale", type=_share, default=1.0, help="share of the full size, 1 unless given")
    parser.add_argument("--repeat", type=_count, default=3, help="runs of each method, of which the median counts")
    parser.add_argument("--cache", type=Path, help="folder for data and the peers' libraries; the user's cache folder")
    parser.add_argument("--methods", nargs="+", default=(), help="only methods with one of these words in their name")
    parser.add_argument("--cases", nargs="+", default=(), help="only the cases of these names, as in the JSON")
    parser.add_argument(
        "--no-first-use", dest="first_use", action="store_false", help="do not measure what compiling loops costs"
    )
    return parser.parse_args(arguments)


def _only(case: Case, words: Sequence[str]) -> Case:
    if not words:
        return case
    ours, *others = case.methods
    kept = [m for m in others if any(word.lower() in m.name.lower() for word in words)]
    return replace(case, methods=[ours, *kept])


def _share(text: str) -> float:
    share = float(text)
    if not 0 < share <= 1:
        raise argparse.ArgumentTypeError("a share of the full size, more than 0 and at most 1")
    return share


def _count(text: str) -> int:
    count = int(text)
    if count < 1:
        raise argparse.ArgumentTypeError("at least 1")
    return count


def _say(what: str) -> None:
    print(what, file=sys.stderr, flush=True)
