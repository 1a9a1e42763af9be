"""Running a benchmark: everybody once and their answers compared, then in turn as often as asked."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median

from bench.harness import peers
from bench.harness.case import Case, Target
from bench.harness.compare import WrongResultsError, compare
from bench.harness.method import Environment, Method
from bench.harness.process import Cost, Unfinished, run
from bench.harness.report import FAILED, CaseReport, FirstUse, Judged, Line

_ONCE_SECONDS = 120.0
_CHUNK = 1 << 24


@dataclass(frozen=True)
class Runner:
    """Runs cases.

    Attributes:
        pythons: The interpreter of each environment, or why there is none.
        repeat: How often a method runs; one that takes minutes runs once.
        say: Told what happens.
        first_use: Whether the engine's loops are compiled anew first, to see what that costs.
    """

    pythons: Mapping[Environment, Path | str]
    repeat: int
    say: Callable[[str], None]
    first_use: bool = True

    def run(self, case: Case) -> CaseReport:
        """Run one case.

        Raises:
            WrongResultsError: A method answers otherwise than the project, or the project does not answer.
        """
        with tempfile.TemporaryDirectory(prefix="mlinfra-bench-") as scratch:
            environ = {"NUMBA_CACHE_DIR": str(Path(scratch, "kernels"))} if self.first_use else {}
            first_use = self._compile(case, environ) if self.first_use else None
            _warm(case.data)
            costs, lines = self._first_round(case, Path(scratch), environ)
            for _ in range(self.repeat - 1):
                for method in case.methods:
                    if method.name in costs and costs[method.name][0].wall_s <= _ONCE_SECONDS:
                        self.say(f"{case.name}: {method.name}")
                        again = run(method, self._python(method), case.small, case.data, environ=environ)
                        if isinstance(again, Cost):
                            costs[method.name].append(_whole(again, method))
        ours = median(cost.cpu_s for cost in costs[case.methods[0].name])
        return CaseReport(
            case.name,
            case.title,
            [_measured(line, costs.get(line.name, []), ours, case.rows) for line in lines],
            first_use,
        )

    def _compile(self, case: Case, environ: Mapping[str, str]) -> FirstUse:
        """Let the engine compile its loops, and see what they cost once they are kept."""
        project = case.methods[0]
        found: list[float] = []
        for _ in range(2):
            self.say(f"{case.name}: first use")
            cost = run(project, self._python(project), case.small, case.small, environ=environ)
            if isinstance(cost, Unfinished):
                raise WrongResultsError(f"{project.name}: {cost.reason}")
            found.append(cost.start_cpu_s)
        return FirstUse(*found)

    def _first_round(
        self, case: Case, scratch: Path, environ: Mapping[str, str]
    ) -> tuple[dict[str, list[Cost]], list[Line]]:
        costs: dict[str, list[Cost]] = {}
        lines: list[Line] = []
        wrong: list[str] = []
        expected = scratch / "project.parquet"
        for method in case.methods:
            python = self.pythons[method.environment]
            if isinstance(python, str):
                lines.append(Line(method.name, outcome="not run", note=python))
                continue
            self.say(f"{case.name}: {method.name}")
            ours = method is case.methods[0]
            out = expected if ours else scratch / "peer.parquet"
            cost = run(method, python, case.small, case.data, out, environ)
            if isinstance(cost, Unfinished):
                self.say(f"{case.name}: {method.name} {cost.reason.splitlines()[0]}")
                if ours:
                    raise WrongResultsError(f"{method.name}: {cost.reason}")
                outcome = FAILED if cost.failed else "did not finish"
                lines.append(Line(method.name, runs=1, outcome=outcome, note=_noted(method, cost.reason)))
                continue
            costs[method.name] = [_whole(cost, method)]
            note = method.note
            if not ours:
                try:
                    agreed = compare(
                        method.name,
                        expected,
                        out,
                        [*case.key],
                        may_lose_rows=method.may_lose_rows,
                        part=method.share < 1,
                    )
                except WrongResultsError as error:
                    wrong.append(str(error))
                    continue
                note = _noted(method, f"leaves out {agreed.lost:,} rows that lack some feature" if agreed.lost else "")
                if method.share < 1:
                    note = "; ".join(filter(None, [f"extrapolated from {method.share:.1%} of the question", note]))
            lines.append(Line(method.name, note=note))
        if wrong:
            raise WrongResultsError("\n".join(wrong))
        return costs, lines

    def _python(self, method: Method) -> Path:
        python = self.pythons[method.environment]
        assert isinstance(python, Path)
        return python


def interpreters(cache: Path, methods: Sequence[Method]) -> dict[Environment, Path | str]:
    """The interpreter of each environment that some methods need; a sentence instead where it cannot be had."""
    found: dict[Environment, Path | str] = {Environment.PROJECT: Path(sys.executable)}
    if any(method.environment is Environment.PEERS for method in methods):
        try:
            found[Environment.PEERS] = peers.interpreter(cache)
        except peers.PeersUnavailableError as error:
            found[Environment.PEERS] = str(error)
    return found


def judge(target: Target, reports: Mapping[str, CaseReport], scale: float) -> Judged:
    """Whether a target was met; at another scale than 1 it is not judged."""
    measured = target.measure(reports)
    if measured is None or scale != 1.0:
        return Judged(target.text, measured, None)
    return Judged(target.text, measured, measured >= target.limit if target.at_least else measured <= target.limit)


def _measured(line: Line, costs: Sequence[Cost], ours: float, rows: int | None) -> Line:
    if not costs:
        return line
    cpu, wall = median(c.cpu_s for c in costs), median(c.wall_s for c in costs)
    return Line(
        name=line.name,
        cpu_s=cpu,
        wall_s=wall,
        memory_gb=median(c.memory_gb for c in costs),
        start_cpu_s=median(c.start_cpu_s for c in costs),
        ratio=cpu / ours if ours else None,
        rows_per_s=rows / wall if rows and wall else None,
        cpu_us_per_row=cpu * 1e6 / rows if rows else None,
        runs=len(costs),
        outcome=line.outcome,
        note=line.note,
    )


def _whole(cost: Cost, method: Method) -> Cost:
    """The cost of the whole question, of one that was answered in part."""
    return replace(cost, cpu_s=cost.cpu_s / method.share, wall_s=cost.wall_s / method.share)


def _noted(method: Method, what: str) -> str:
    return "; ".join(text for text in (what, method.note) if text)


def _warm(folder: Path) -> None:
    """Read every file once, so that nobody pays for the disk."""
    for path in sorted(folder.rglob("*.parquet")):
        with path.open("rb") as file:
            while file.read(_CHUNK):
                pass
