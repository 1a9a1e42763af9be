"""Kafka's records as frames: read from given positions to a given end, whatever lies between the offsets."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from typing import cast

import numpy as np
import polars as pl
from confluent_kafka import (
    TIMESTAMP_CREATE_TIME,
    TIMESTAMP_LOG_APPEND_TIME,
    Consumer,
    KafkaError,
    Message,
    TopicPartition,
)

from mlinfra_assets.errors import UnavailableError
from mlinfra_assets.settings import Settings
from mlinfra_assets.streams.errors import StreamResetError
from mlinfra_assets.streams.kafka_config import LOGIN_ERRORS, UNKNOWN_TOPIC, client_config, explained, reachable
from mlinfra_assets.streams.records import RECORDS, TIMESTAMP, Headers, binary_column, headers_column, sizes
from mlinfra_assets.streams.uncollected import uncollected

FIRST_LOOK = 1_000
LOOK_RECORDS = 20_000
LOOK_BYTES = 16 * 1024 * 1024
WAIT_SECONDS = 0.05
STALL_SECONDS = 60.0
LIMITS = {
    # What the client fetches ahead, over all partitions, and in one answer of one partition.
    "queued.max.messages.kbytes": 32 * 1024,
    "fetch.message.max.bytes": 4 * 1024 * 1024,
    "fetch.max.bytes": 32 * 1024 * 1024,
    # One record is handed out however large it is.
    "receive.message.max.bytes": 1_000_000_000,
}


class OffsetsGoneError(Exception):
    """The brokers no longer hold, or never held, the offset that was asked for."""


class KafkaReader:
    """A consumer of one topic that belongs to no group: it is told where to read, and commits nothing.

    It stays connected between reads, and goes on without a new start where a read begins where the last one ended.

    Args:
        settings: Which brokers, and how to log in.
        topic: What to read.
    """

    def __init__(self, settings: Settings, topic: str) -> None:
        self._servers = settings.kafka_servers
        self._topic = topic
        self._positions: dict[int, int] = {}
        self._beyond: list[Message] = []
        self._ended: dict[int, int] = {}
        self._paused: set[int] = set()
        config = {
            **client_config(settings),
            **LIMITS,
            "group.id": "mlinfra-reader",
            "enable.auto.commit": False,
            "auto.offset.reset": "error",
            "isolation.level": "read_committed",
            "enable.partition.eof": True,
            "max.poll.interval.ms": 86_400_000,
        }
        with reachable(self._servers):
            self._consumer = Consumer(config)

    def close(self) -> None:
        """Disconnect."""
        self._consumer.close()

    def portions(self, start: Mapping[int, int], upto: Mapping[int, int], most: int) -> Iterator[pl.DataFrame]:
        """The records from the offsets `start` on, up to and including `upto`, in frames of a few megabytes.

        Args:
            start: First offset that may be handed out, of every partition of the topic.
            upto: Last offset, of the partitions that are asked for.
            most: No frame crosses a multiple of so many records: who ends there goes on there without a new start.

        Raises:
            OffsetsGoneError: The brokers do not hold a partition from its start on.
            StreamResetError: The topic is gone.
            UnavailableError: Nothing came for a minute, or Kafka refuses.
        """
        self._stand(start)
        if not self._beyond:
            self._pass_over(upto)
        open_ = {p for p, last in upto.items() if self._positions[p] <= last}
        look, room, progressed_at = FIRST_LOOK, most, time.monotonic()
        held: list[Message] = []
        if open_:
            # What lay past the end of the last read comes first, and once: what lies past this one is kept again.
            held, self._beyond = self._beyond, []
        while open_:
            with uncollected():
                records = self._records(held or self._next(min(look, room)), upto)
                held = []
            done = {p for p in open_ if self._positions[p] > upto[p]}
            open_ -= done
            if records is not None or done:
                progressed_at = time.monotonic()
            elif time.monotonic() - progressed_at > STALL_SECONDS:
                raise UnavailableError(
                    f"Kafka at {self._servers} has sent nothing of {self._topic} for {STALL_SECONDS:.0f} s although "
                    f"partitions {sorted(open_)} hold more: see that their leaders are up; what was committed stays"
                )
            if records is not None:
                look = max(1, min(LOOK_RECORDS, LOOK_BYTES * records.height // max(int(sizes(records).sum()), 1)))
                room = most - (most - room + records.height) % most
                yield records

    @property
    def positions(self) -> dict[int, int]:
        """By partition, the offset before which everything was handed out."""
        return dict(self._positions)

    def _stand(self, start: Mapping[int, int]) -> None:
        """Go to the offsets `start`, unless the consumer stands there."""
        with reachable(self._servers):
            if self._paused:
                self._consumer.resume([TopicPartition(self._topic, p) for p in self._paused])
                self._paused = set()
            if self._positions != dict(start):
                self._beyond, self._ended = [], {}
                self._positions = dict(start)
                self._consumer.assign([TopicPartition(self._topic, p, offset) for p, offset in start.items()])

    def _next(self, look: int) -> list[Message]:
        with reachable(self._servers):
            return self._consumer.consume(look, WAIT_SECONDS)

    def _records(self, messages: list[Message], upto: Mapping[int, int]) -> pl.DataFrame | None:
        """The records of messages that do not lie past the end; what does is kept for the next read."""
        errors = [m for m in messages if m.error() is not None]
        if errors:
            messages = [m for m in messages if m.error() is None]
            for message in errors:
                self._take_error(message)
        partitions = np.fromiter(map(Message.partition, messages), np.int32, len(messages))
        offsets = np.fromiter(map(Message.offset, messages), np.int64, len(messages))
        past = np.zeros(len(messages), bool)
        for partition in np.unique(partitions).tolist():
            own = partitions == partition
            past[own] = offsets[own] > upto.get(partition, -1)
            self._positions[partition] = max(self._positions[partition], int(offsets[own & ~past].max(initial=-1)) + 1)
            if past[own].any():
                self._pause(partition)
        if past.any():
            self._beyond += [m for m, beyond in zip(messages, past.tolist(), strict=True) if beyond]
            messages = [m for m, beyond in zip(messages, past.tolist(), strict=True) if not beyond]
            partitions, offsets = partitions[~past], offsets[~past]
        self._pass_over(upto)
        return to_frame(messages, partitions, offsets) if messages else None

    def _pass_over(self, upto: Mapping[int, int]) -> None:
        """Count offsets that hold no record as handed out, up to the end that was asked for.

        There is nothing between the last record and a record past the end, or the partition's own end.
        """
        seen = dict(self._ended)
        for message in self._beyond:
            partition = int(message.partition() or 0)
            seen[partition] = max(seen.get(partition, 0), int(message.offset() or 0))
        for partition, last in upto.items():
            if seen.get(partition, 0) > last:
                self._positions[partition] = max(self._positions[partition], last + 1)

    def _pause(self, partition: int) -> None:
        """Fetch no more of a partition during this read: it has come to the end that was asked for."""
        self._paused.add(partition)
        with reachable(self._servers):
            self._consumer.pause([TopicPartition(self._topic, partition)])

    def _take_error(self, message: Message) -> None:
        """Note the end of a partition; stop for an error that waiting does not mend."""
        error = message.error()
        assert error is not None  # noqa: S101 - the caller chose by this very thing
        code = error.code()
        if code == KafkaError._PARTITION_EOF:  # noqa: SLF001 - the client's own errors have such names
            self._ended[int(message.partition() or 0)] = int(message.offset() or 0)
        elif code in {KafkaError._AUTO_OFFSET_RESET, KafkaError.OFFSET_OUT_OF_RANGE}:  # noqa: SLF001
            raise OffsetsGoneError(error.str())
        elif code in UNKNOWN_TOPIC:
            raise StreamResetError(f"the topic {self._topic} at Kafka {self._servers} went away while it was read")
        elif code in LOGIN_ERRORS or error.fatal():
            raise explained(error, self._servers)


def to_frame(messages: Sequence[Message], partitions: np.ndarray, offsets: np.ndarray) -> pl.DataFrame:
    """Messages as records: columns of `records.RECORDS`."""
    count = len(messages)
    stamps = np.fromiter(chain.from_iterable(map(Message.timestamp, messages)), np.int64, 2 * count).reshape(count, 2)
    kind, at = pl.Series(stamps[:, 0]), (pl.Series(stamps[:, 1]) * 1000).cast(TIMESTAMP)
    return pl.DataFrame(
        [
            pl.Series("partition", partitions),
            pl.Series("offset", offsets),
            _where(at, kind == TIMESTAMP_CREATE_TIME).alias("event_time"),
            _where(at, kind == TIMESTAMP_LOG_APPEND_TIME).alias("known_at"),
            binary_column("key", list(map(Message.key, messages))),
            headers_column(cast("list[Headers | None]", list(map(Message.headers, messages)))),
            binary_column("payload", list(map(Message.value, messages))),
        ],
        schema=RECORDS,
    )


def _where(values: pl.Series, mask: pl.Series) -> pl.Series:
    return values.zip_with(mask, pl.Series([None], dtype=values.dtype).new_from_index(0, len(values)))
