"""Transports and storage that do not do what they promise."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import polars as pl

from mlinfra_assets.lake import appending
from mlinfra_assets.streams.log import StreamLog


class FaultyStream:
    """A stream; everything but its reading is as it should be."""

    def __init__(self, log: StreamLog) -> None:
        self._log = log

    def __getattr__(self, name: str) -> Any:
        return getattr(self._log, name)


class Again(FaultyStream):
    """Delivers each batch again and again, as one that promises at least once may do."""

    def read(self, *arguments: Any, **limits: Any) -> Iterator[Any]:
        """Every batch twice, and then once more, three times in one."""
        for batch in self._log.read(*arguments, **limits):
            yield from (batch, batch, pl.concat([batch] * 3))


class Interrupted(FaultyStream):
    """Something happens during its reading.

    Args:
        log: The stream.
        after: Number of the batch, from 1, after which it happens.
        act: What happens.
    """

    def __init__(self, log: StreamLog, after: int, act: Callable[[], None]) -> None:
        super().__init__(log)
        self._after, self._act = after, act

    def read(self, *arguments: Any, **limits: Any) -> Iterator[Any]:
        """The batches."""
        for number, batch in enumerate(self._log.read(*arguments, **limits), 1):
            yield batch
            if number == self._after:
                self._act()


def losing_an_answer(answer: Exception, nth: int) -> Callable[..., None]:
    """Delta's writer, but the answer to its `nth` commit, which goes in, is an error."""
    write, calls = appending.write_deltalake, iter(range(1, 1_000_000))

    def written(*arguments: Any, **options: Any) -> None:
        write(*arguments, **options)
        if next(calls) == nth:
            raise answer

    return written
