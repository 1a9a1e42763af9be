"""What a benchmark consists of: questions, methods and targets."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.harness.method import Method
from bench.harness.report import CaseReport


@dataclass(frozen=True)
class Case:
    """One question that every method answers.

    Attributes:
        name: For the JSON.
        title: For people.
        data: Folder of the data.
        small: Folder of the same data made very small, of which a method is asked first.
        methods: The project's first.
        key: The columns that name a row of an answer.
        rows: What its speed is told in, if it is: rows of the answer, or rows read.
    """

    name: str
    title: str
    data: Path
    small: Path
    methods: Sequence[Method]
    key: Sequence[str]
    rows: int | None = None


@dataclass(frozen=True)
class Target:
    """What the project holds itself to.

    Attributes:
        text: For people.
        measure: The measured number from the reports by case, of which some may not have run. None: what it needs did
            not run.
        limit: The bound.
        at_least: Whether the number has to be at least the bound instead of at most.
    """

    text: str
    measure: Callable[[Mapping[str, CaseReport]], float | None]
    limit: float
    at_least: bool = False


@dataclass(frozen=True)
class Benchmark:
    """A command.

    Attributes:
        name: As in `python -m bench.NAME`.
        purpose: A line for `--help`.
        cases: The questions, from the cache folder and the scale; makes their data.
        targets: What is held at scale 1.
    """

    name: str
    purpose: str
    cases: Callable[[Path, float], Sequence[Case]]
    targets: Sequence[Target] = ()
