"""What asks a program to end: Ctrl-C, and a request to terminate."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def interrupted(stop: Callable[[], None]) -> Iterator[None]:
    """SIGINT and SIGTERM call `stop` while this lasts, and then do again what they did before. Main thread only."""

    def handle(_number: int, _frame: object) -> None:
        stop()

    before = {which: signal.signal(which, handle) for which in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for which, handler in before.items():
            signal.signal(which, handler)
