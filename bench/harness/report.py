"""What a benchmark found, as a table and as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from bench.harness.machine import Machine

FAILED = "failed"
_ROW_COLUMNS = ("rows/s", "CPU us/row")


@dataclass(frozen=True)
class Line:
    """One method's row.

    Attributes:
        name: The method.
        cpu_s: CPU seconds, the median of its runs. None if it did not finish.
        wall_s: Wall seconds of the same.
        memory_gb: Peak memory of the same, 10**9 bytes.
        start_cpu_s: CPU seconds before that: the interpreter, imports, a very small question.
        ratio: Its CPU seconds over the project's.
        rows_per_s: Rows in a second of wall time, where the benchmark counts rows.
        cpu_us_per_row: CPU microseconds a row, where the benchmark counts rows.
        runs: How often it ran.
        outcome: `"agrees"`, or why there is nothing.
        note: What a reader has to know.
    """

    name: str
    cpu_s: float | None = None
    wall_s: float | None = None
    memory_gb: float | None = None
    start_cpu_s: float | None = None
    ratio: float | None = None
    rows_per_s: float | None = None
    cpu_us_per_row: float | None = None
    runs: int = 0
    outcome: str = "agrees"
    note: str = ""


@dataclass(frozen=True)
class FirstUse:
    """CPU seconds of a process of the project's that imports it and asks a very small question.

    Attributes:
        cold_cpu_s: The engine's loops are compiled and kept: once on a machine.
        warm_cpu_s: They are there.
    """

    cold_cpu_s: float
    warm_cpu_s: float


@dataclass(frozen=True)
class CaseReport:
    """One question and everybody's answer."""

    name: str
    title: str
    lines: Sequence[Line]
    first_use: FirstUse | None = None

    def line(self, name: str) -> Line | None:
        """A method's row, if it ran."""
        return next((line for line in self.lines if line.name == name), None)


@dataclass(frozen=True)
class Judged:
    """A target and what was measured.

    Attributes:
        text: The target.
        measured: The measurement in the target's unit. None: what it needs did not run.
        met: Whether it was met. None: not judged.
    """

    text: str
    measured: float | None
    met: bool | None


@dataclass(frozen=True)
class Report:
    """Everything about one benchmark's run."""

    benchmark: str
    date: str
    scale: float
    machine: Machine
    versions: dict[str, dict[str, str]]
    cases: Sequence[CaseReport]
    targets: Sequence[Judged]

    @property
    def failed(self) -> bool:
        """Whether some method broke off by itself."""
        return any(line.outcome == FAILED for case in self.cases for line in case.lines)

    def as_json(self) -> dict[str, Any]:
        """The same as plain values."""
        return asdict(self)

    def as_text(self) -> str:
        """The same for people, in Markdown."""
        machine = self.machine
        parts = [
            f"# {self.benchmark}, scale {self.scale:g}, {self.date}",
            f"{machine.cpu}, {machine.cores} cores, {machine.memory_gb:g} GB",
            f"{machine.system}, Python {machine.python}",
            *[f"{name}: {_listed(libraries)}" for name, libraries in self.versions.items()],
        ]
        for case in self.cases:
            parts += ["", f"## {case.title}", *table(case.lines)]
            parts += [f"- {line.name}: {line.note}" for line in case.lines if line.note]
            if case.first_use:
                parts.append(_first_use(case.first_use))
        if self.targets:
            parts += ["", "## Targets", *[_judged(target) for target in self.targets]]
        return "\n".join(parts)


def table(lines: Sequence[Line]) -> list[str]:
    """Rows of a Markdown table with a column for each thing that was measured."""
    counted = any(line.rows_per_s is not None for line in lines)
    header = [
        "method",
        "CPU s",
        "wall s",
        "memory GB",
        "CPU / project's",
        *(_ROW_COLUMNS if counted else []),
        "start CPU s",
    ]
    rows = [_cells(line, counted) for line in lines]
    widths = [max(len(row[i]) for row in [header, *rows]) for i in range(len(header))]
    rule = ["-" * width for width in widths]
    return [
        "| " + " | ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)) + " |" for row in [header, rule, *rows]
    ]


def _cells(line: Line, counted: bool) -> list[str]:
    if line.cpu_s is None:
        return [line.name, line.outcome, *[""] * (4 + len(_ROW_COLUMNS) if counted else 4)]
    speed = [f"{line.rows_per_s or 0:,.0f}", f"{line.cpu_us_per_row or 0:.3f}"] if counted else []
    return [
        line.name,
        f"{line.cpu_s:.2f}",
        f"{line.wall_s:.2f}",
        f"{line.memory_gb:.2f}",
        "" if line.ratio is None else f"{line.ratio:.2f}",
        *speed,
        f"{line.start_cpu_s:.2f}",
    ]


def _first_use(first: FirstUse) -> str:
    return (
        f"- first use: imports and a very small question cost {first.cold_cpu_s:.1f} CPU s while loops are compiled, "
        f"{first.warm_cpu_s:.2f} once they are kept"
    )


def _judged(target: Judged) -> str:
    measured = "nothing to compare with" if target.measured is None else f"{target.measured:.2f}"
    verdict = {True: "met", False: "MISSED", None: "not judged"}[target.met]
    return f"- {target.text}: {measured}, {verdict}"


def _listed(libraries: dict[str, str]) -> str:
    return ", ".join(f"{name} {version}" for name, version in libraries.items())
