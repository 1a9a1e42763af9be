"""The shop's till: sends order lines to the stream, each at the time that it happened, and none twice."""

from __future__ import annotations

from datetime import UTC, datetime

import polars as pl

from mlinfra_assets.demo.events import messages
from mlinfra_assets.streams.entry_id import SEQUENCE_BITS
from mlinfra_assets.streams.redis_log import RedisLog


class Till:
    """Sends the lines of a shop in time order.

    Args:
        log: The stream log: Redis's, which appends at a time of one's choosing.
        topic: The stream.
        lines: Columns of `order_lines.SCHEMA`, in time order.
        held: Last offset that the platform's raw table holds already; -1 if none. A stream that was lost does not
            make the till send again what raw has.
    """

    def __init__(self, log: RedisLog, topic: str, lines: pl.DataFrame, held: int = -1) -> None:
        self._log = log
        self._topic = topic
        self._lines = lines
        self._held = held

    def send_until(self, at: datetime) -> int:
        """Send every line up to and including `at` (UTC) that was not sent yet; returns how many."""
        due = self._lines.filter(pl.col("at") <= at)
        unsent = due.slice(self._sent(due))
        if unsent.is_empty():
            return 0
        self._log.append_at(self._topic, messages(unsent))
        return unsent.height

    def _sent(self, due: pl.DataFrame) -> int:
        """Lines that stand in the stream already: those before its last entry, and so many of that very moment."""
        last = max([*self._log.end(self._topic).values(), self._held], default=-1)
        if last < 0:
            return 0
        milliseconds, sequence = last >> SEQUENCE_BITS, last & ((1 << SEQUENCE_BITS) - 1)
        moment = datetime.fromtimestamp(milliseconds / 1000, UTC)
        before = due.filter(pl.col("at").dt.truncate("1ms") < moment).height
        same = due.filter(pl.col("at").dt.truncate("1ms") == moment).height
        return before + min(sequence + 1, same)
