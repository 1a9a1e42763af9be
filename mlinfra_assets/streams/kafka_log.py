"""Kafka as a stream log: what is committed, from the positions that are given to the end that is asked for."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

import polars as pl

from mlinfra_assets.errors import InvalidInputError, UnavailableError
from mlinfra_assets.names import OWN_STREAMS
from mlinfra_assets.settings import Settings
from mlinfra_assets.streams.errors import MissingTopicError, StreamResetError
from mlinfra_assets.streams.kafka_arrivals import KafkaArrivals
from mlinfra_assets.streams.kafka_follower import KafkaFollower
from mlinfra_assets.streams.kafka_reader import STALL_SECONDS, KafkaReader, OffsetsGoneError
from mlinfra_assets.streams.kafka_topics import KafkaTopics
from mlinfra_assets.streams.kafka_writer import KafkaWriter
from mlinfra_assets.streams.record import NewRecord
from mlinfra_assets.streams.records import batches
from mlinfra_assets.streams.topic_state import TopicState


class KafkaLog:
    """The topics of a Kafka.

    Offsets have gaps, where transactions and compaction leave them. Records of a transaction are there once it commits,
    and never if it is aborted. The platform's own topics are made when they are missing.

    Args:
        settings: Which brokers, and how to log in.

    Raises:
        InvalidInputError: The settings name no brokers, or the client refuses them.
    """

    def __init__(self, settings: Settings) -> None:
        self.topics = KafkaTopics(settings, own=OWN_STREAMS)
        self._settings = settings
        self._parked: dict[str, KafkaReader] = {}
        self._writer: KafkaWriter | None = None
        self._known: set[str] = set()
        self._lock = threading.Lock()

    def close(self) -> None:
        """Disconnect the readers."""
        with self._lock:
            parked, self._parked = self._parked, {}
        for reader in parked.values():
            reader.close()

    def append(self, topic: str, records: Sequence[NewRecord], at: datetime | None = None) -> list[tuple[int, int]]:
        """Append records; returns the (partition, offset) of each. See `StreamLog.append`.

        Raises:
            UnavailableError: There is no such topic, or not all records were acknowledged; some may be there.
            InvalidInputError: A record is too large, or `at` is given: Kafka's brokers stamp records by their clock.
        """
        if at is not None:
            raise InvalidInputError(
                f"{topic} is on Kafka, whose brokers stamp records by their own clock, and this home runs on a "
                "simulated one: set MLINFRA_STREAM_SYSTEM=redis for it, or delete its clock.json"
            )
        if not records:
            return []
        if topic not in self._known:
            self.topics.require(topic)
            self._known.add(topic)
        with self._lock:
            self._writer = self._writer or KafkaWriter(self._settings)
        return self._writer.append(topic, records)

    def state(self, topic: str) -> TopicState:
        """How a topic stands. See `KafkaTopics.state`.

        Raises:
            UnavailableError: There is no such topic, or Kafka cannot be reached.
        """
        return self.topics.state(topic)

    def end(self, topic: str) -> dict[int, int]:
        """Last offset by partition, of those partitions that ever held a record; marks of transactions count."""
        return dict(self.state(topic).end)

    def read(
        self, topic: str, after: Mapping[int, int], upto: Mapping[int, int], max_records: int, max_bytes: int
    ) -> Iterator[pl.DataFrame]:
        """The records past `after` up to and including `upto`, in frames. See `StreamLog.read`.

        A reader that holds nothing starts with the oldest record that is there.

        Raises:
            RetentionGapError: Records past `after` are gone.
            StreamResetError: The topic ends before `after`, or was deleted while it was read.
            UnavailableError: Kafka cannot be reached, or sent nothing for a minute.
        """
        state = self.state(topic)
        state.refuse_misfit(after, None)
        start = {p: max(after.get(p, -1) + 1, oldest) for p, oldest in state.oldest.items()}
        wanted = {p: last for p, last in upto.items() if p in start}
        reader, through = self._unparked(topic), False
        try:
            for frame in batches(reader.portions(start, wanted, max_records), max_records, max_bytes):
                self._refuse_another(topic, state)
                yield frame
            through = True
        except GeneratorExit:
            through = True
            raise
        except OffsetsGoneError as error:
            now = self.state(topic)
            now.refuse_misfit({p: offset - 1 for p, offset in reader.positions.items()}, state.incarnation)
            raise UnavailableError(f"Kafka did not find where to read {topic} on ({error}): run again") from error
        finally:
            if through:
                self._park(topic, reader)
            else:
                reader.close()

    def follow(self, topic: str, group: str) -> KafkaFollower:
        """An eye on a topic, as a member of a group. See `StreamLog.follow`.

        Raises:
            UnavailableError: There is no such topic, or Kafka cannot be reached.
        """
        self.topics.require(topic)
        return KafkaFollower(self._settings, topic, group)

    def arrivals(self, topic: str, group: str) -> KafkaArrivals:
        """A place at a topic, as a member of a group. See `StreamLog.arrivals`.

        Raises:
            UnavailableError: There is no such topic, or Kafka cannot be reached.
        """
        return KafkaArrivals(self._settings, self.topics, topic, group)

    def behind(self, topic: str, after: Mapping[int, int], most: int) -> int:
        """Offsets past `after`, at most `most`: records, and what lies between them."""
        end = self.end(topic)
        return min(most, sum(max(0, last - after.get(partition, -1)) for partition, last in end.items()))

    def _refuse_another(self, topic: str, state: TopicState) -> None:
        """Stop if what was read may be of another topic of the same name; brokers that are away are waited for."""
        incarnation, deadline = None, time.monotonic() + STALL_SECONDS
        while incarnation is None:
            try:
                incarnation = self.topics.incarnation(topic)
            except MissingTopicError as error:
                raise StreamResetError(f"the topic {topic} was deleted while it was read") from error
            except UnavailableError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.2)
        if incarnation != state.incarnation:
            raise StreamResetError(
                f"the topic {topic} was deleted and made again while it was read: its id was {state.incarnation} and "
                f"is {incarnation}. What was read last is not kept"
            )

    def _unparked(self, topic: str) -> KafkaReader:
        with self._lock:
            reader = self._parked.pop(topic, None)
        return reader or KafkaReader(self._settings, topic)

    def _park(self, topic: str, reader: KafkaReader) -> None:
        """Keep a reader for the next read, which mostly goes on where this one ended."""
        with self._lock:
            other = self._parked.pop(topic, None)
            self._parked[topic] = reader
        if other is not None:
            other.close()
