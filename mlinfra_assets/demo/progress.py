"""Shows how far the demo is, and measures how long each step takes. Everything goes to stderr."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol, TextIO


class Step(Protocol):
    """One step while it runs."""

    def note(self, text: str) -> None:
        """What came of it, in a few words: shown beside its name when it is done."""
        ...

    def advance(self, done: int, total: int | None) -> None:
        """How much of the step is done; `total` None if that is not known."""
        ...


class Progress(Protocol):
    """What `play` tells of its progress."""

    def step(self, name: str) -> AbstractContextManager[Step]:
        """Run and time one step. Steps follow each other; they do not nest. One name again adds to its time."""
        ...

    def say(self, text: str) -> None:
        """Something that a person should know, in between."""
        ...

    @property
    def seconds(self) -> Mapping[str, float]:
        """Seconds of each finished step, in order."""
        ...


class _Note:
    def __init__(self) -> None:
        self.text = ""

    def note(self, text: str) -> None:
        self.text = text

    def advance(self, done: int, total: int | None) -> None:
        """Nothing to show."""


class SilentProgress:
    """Measures, and says only what a person should know."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream
        self._seconds: dict[str, float] = {}

    @property
    def seconds(self) -> Mapping[str, float]:
        """Seconds of each finished step, in order."""
        return dict(self._seconds)

    @contextmanager
    def step(self, name: str) -> Iterator[Step]:
        """Run and time one step."""
        note, started = _Note(), time.perf_counter()
        yield note
        self._finish(name, note, time.perf_counter() - started)

    def _finish(self, name: str, note: _Note, seconds: float) -> None:
        del note
        self._seconds[name] = self._seconds.get(name, 0.0) + seconds

    def say(self, text: str) -> None:
        """Say it on stderr."""
        print(text, file=self._stream or sys.stderr, flush=True)


class PlainProgress(SilentProgress):
    """One line for each finished step: for logs."""

    def _finish(self, name: str, note: _Note, seconds: float) -> None:
        super()._finish(name, note, seconds)
        self.say(f"{seconds:7.1f} s  {name}" + (f": {note.text}" if note.text else ""))


class LiveProgress(SilentProgress):
    """A spinner with the time on the running step, and a tick with what came of it on each finished one."""

    def __init__(self, stream: TextIO | None = None) -> None:
        from rich.console import Console

        super().__init__(stream)
        self._console = Console(file=stream or sys.stderr, highlight=False)

    @contextmanager
    def step(self, name: str) -> Iterator[Step]:
        """Run, time and show one step."""
        from rich.progress import Progress as Bars
        from rich.progress import SpinnerColumn, TextColumn, TimeElapsedColumn

        columns = SpinnerColumn(), TextColumn("{task.description}"), TextColumn("{task.fields[share]}")
        started = time.perf_counter()
        with Bars(*columns, TimeElapsedColumn(), console=self._console, transient=True) as bars:
            shown = _Shown(bars, bars.add_task(name, total=None, share=""))
            yield shown
        self._finish(name, shown, time.perf_counter() - started)

    def _finish(self, name: str, note: _Note, seconds: float) -> None:
        from rich.text import Text

        super()._finish(name, note, seconds)
        tick = "-" if self._console.options.ascii_only else "✓"
        line = Text.assemble((f"{tick} ", "green"), name, ("  " + note.text if note.text else "", "dim"))
        line.append(f"  {seconds:.1f} s", style="cyan")
        self._console.print(line)

    def say(self, text: str) -> None:
        """Say it among the steps."""
        self._console.print(text, style="yellow", markup=False)


class _Shown(_Note):
    def __init__(self, bars, task) -> None:  # noqa: ANN001 - rich's types; rich is imported late
        super().__init__()
        self._bars, self._task = bars, task

    def advance(self, done: int, total: int | None) -> None:
        """Show the share, or the count if there is no total."""
        share = f"{100 * done // total} %" if total else f"{done:,}"
        self._bars.update(self._task, share=share)


def progress_for(stream: TextIO, *, silent: bool) -> SilentProgress:
    """The way of showing progress that suits a stream: live on a terminal, lines elsewhere, nothing if silent."""
    if silent:
        return SilentProgress(stream)
    return LiveProgress(stream) if stream.isatty() else PlainProgress(stream)
