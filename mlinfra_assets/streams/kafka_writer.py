"""Records into Kafka: acknowledged by every replica that is in sync, or an error."""

from __future__ import annotations

import time
from collections.abc import Sequence

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from mlinfra_assets.errors import InvalidInputError, UnavailableError
from mlinfra_assets.settings import Settings
from mlinfra_assets.streams.kafka_config import client_config, explained, reachable
from mlinfra_assets.streams.record import NewRecord

DELIVERY_SECONDS = 30


class KafkaWriter:
    """An idempotent producer: what the client itself sends again after a lost answer is there once.

    May be used by several threads.

    Args:
        settings: Which brokers, and how to log in.
    """

    def __init__(self, settings: Settings) -> None:
        self._servers = settings.kafka_servers
        config = {
            **client_config(settings),
            "acks": "all",
            "enable.idempotence": True,
            "linger.ms": 1,
            "message.timeout.ms": DELIVERY_SECONDS * 1000,
        }
        with reachable(self._servers):
            self._producer = Producer(config)

    def append(self, topic: str, records: Sequence[NewRecord]) -> list[tuple[int, int]]:
        """Append records; returns the (partition, offset) of each.

        Raises:
            UnavailableError: Not all were acknowledged; some may be there.
            InvalidInputError: A record is larger than the brokers take; those before it may be there.
        """
        report = _Report(len(records))
        for number, record in enumerate(records):
            self._send(topic, number, record, report)
        deadline = time.monotonic() + DELIVERY_SECONDS + 5
        while report.open and time.monotonic() < deadline:
            self._producer.poll(0.1)
        report.refuse_failures(topic, self._servers)
        return [place for place in report.places if place is not None]

    def _send(self, topic: str, number: int, record: NewRecord, report: _Report) -> None:
        def delivered(error: KafkaError | None, message: Message) -> None:
            report.take(number, error, message)

        while True:
            try:
                self._producer.produce(
                    topic, record.value, record.key, headers=list(record.headers), on_delivery=delivered
                )
            except BufferError:
                self._producer.poll(0.1)  # the queue is full: room comes with deliveries
            except KafkaException as error:
                if error.args[0].code() == KafkaError.MSG_SIZE_TOO_LARGE:
                    raise _too_large(topic, record) from error
                raise explained(error.args[0], self._servers) from error
            else:
                self._producer.poll(0)
                return


class _Report:
    """What became of the records of one append."""

    def __init__(self, count: int) -> None:
        self.places: list[tuple[int, int] | None] = [None] * count
        self.error: KafkaError | None = None
        self._told: list[int] = []

    @property
    def open(self) -> bool:
        """Whether a record is left of which nothing was heard."""
        return len(self._told) < len(self.places)

    def take(self, number: int, error: KafkaError | None, message: Message) -> None:
        if error is None:
            self.places[number] = (int(message.partition() or 0), int(message.offset() or 0))
        else:
            self.error = error
        self._told.append(number)  # in one step: reports come in whichever thread polls

    def refuse_failures(self, topic: str, servers: str) -> None:
        missing = sum(place is None for place in self.places)
        if not missing:
            return
        if self.error is not None and self.error.code() == KafkaError.MSG_SIZE_TOO_LARGE:
            raise InvalidInputError(f"a record for {topic} is larger than the topic takes: see its max.message.bytes")
        why = explained(self.error or KafkaError(KafkaError._TIMED_OUT), servers)  # noqa: SLF001 - its name
        raise UnavailableError(
            f"{missing} of {len(self.places)} records for {topic} were not acknowledged, and may or may not be there: "
            f"{why}"
        )


def _too_large(topic: str, record: NewRecord) -> InvalidInputError:
    return InvalidInputError(
        f"a record for {topic} has {len(record.value or b''):,} bytes, more than Kafka's client sends: keep it below "
        "1 MB"
    )
