"""Kafka's topics: how they stand, and making those that are the platform's own."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from typing import Any, cast

from confluent_kafka import IsolationLevel, KafkaError, KafkaException, TopicCollection, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._listoffsets import EarliestSpec, LatestSpec, OffsetSpec
from confluent_kafka.admin._topic import TopicDescription
from confluent_kafka.cimpl import NewTopic

from mlinfra_assets.settings import Settings
from mlinfra_assets.streams.errors import MissingTopicError
from mlinfra_assets.streams.kafka_config import (
    LEADERLESS,
    LOGIN_ERRORS,
    UNKNOWN_TOPIC,
    client_config,
    explained,
    reachable,
)
from mlinfra_assets.streams.topic_state import TopicState

REQUEST_SECONDS = 15.0
OWN_TOPIC = {
    # The broker's clock says when a record was appended, which is when it was known.
    "message.timestamp.type": "LogAppendTime"
}


class KafkaTopics:
    """The topics of a Kafka.

    Args:
        settings: Which brokers, and how to log in.
        own: Topics that the platform itself writes: they are made when they are missing. Any other has to be there.
    """

    def __init__(self, settings: Settings, own: Iterable[str] = ()) -> None:
        self._servers = settings.kafka_servers
        self._own = set(own)
        with reachable(self._servers):
            # Kept for as long as answers are waited for: a client that is collected takes its futures with it.
            config: dict[str, Any] = {**client_config(settings), "error_cb": self._note}
            self._admin = AdminClient(config)
        self._refusal: KafkaError | None = None

    def state(self, topic: str) -> TopicState:
        """How a topic stands; what an open transaction holds back is not there yet.

        Raises:
            MissingTopicError: The topic does not exist.
            UnavailableError: Kafka cannot be reached.
        """
        deadline = time.monotonic() + REQUEST_SECONDS
        while True:
            found = self._describe(topic)
            partitions = [TopicPartition(topic, p.id) for p in found.partitions]
            try:
                oldest, following = (self._offsets(partitions, spec) for spec in (EarliestSpec(), LatestSpec()))
            except KafkaException as error:
                if error.args[0].code() not in LEADERLESS or time.monotonic() > deadline:
                    raise explained(error.args[0], self._servers) from error
                time.sleep(0.1)
                continue
            end = {p: offset - 1 for p, offset in following.items() if offset > 0}
            return TopicState(topic, str(found.topic_id), oldest, end)

    def incarnation(self, topic: str) -> str:
        """The id of a topic: another one of the same name has another.

        Raises:
            MissingTopicError: The topic does not exist.
            UnavailableError: Kafka cannot be reached.
        """
        return str(self._describe(topic).topic_id)

    def create(self, topic: str, partitions: int = -1, config: Mapping[str, str] | None = None) -> None:
        """Make a topic, and wait until the brokers know of it; one that is there already stays as it is.

        Args:
            topic: Its name.
            partitions: How many; -1: as many as the brokers give by default.
            config: Its configuration, as Kafka names it.
        """
        new = NewTopic(topic, num_partitions=partitions, replication_factor=-1, config=dict(config or {}))
        asked = self._admin.create_topics([new], request_timeout=REQUEST_SECONDS)
        with reachable(self._servers):
            try:
                asked[topic].result()
            except KafkaException as error:
                if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                    raise
        deadline = time.monotonic() + REQUEST_SECONDS
        with reachable(self._servers):
            while True:
                try:
                    self._described(topic)
                except KafkaException as error:
                    if error.args[0].code() not in UNKNOWN_TOPIC or time.monotonic() > deadline:
                        raise
                    time.sleep(0.02)
                else:
                    return

    def brokers(self) -> list[str]:
        """Addresses of the brokers that are up.

        Raises:
            UnavailableError: Kafka cannot be reached, or refuses the log-in.
        """
        with reachable(self._servers):
            try:
                found = self._admin.list_topics(timeout=REQUEST_SECONDS).brokers
            except KafkaException as error:
                raise self._why(error) from error
        return sorted(f"{broker.host}:{broker.port}" for broker in found.values())

    def delete(self, topic: str) -> None:
        """Delete a topic and all that it holds."""
        asked = self._admin.delete_topics([topic], request_timeout=REQUEST_SECONDS)
        with reachable(self._servers):
            asked[topic].result()

    def require(self, topic: str) -> None:
        """Stop if a topic does not exist and is not the platform's own to make.

        Raises:
            MissingTopicError: It does not exist.
            UnavailableError: Kafka cannot be reached.
        """
        self._describe(topic)

    def _note(self, error: KafkaError) -> None:
        """Keep why a log-in was refused: the request itself only says that it took too long."""
        if error.code() in LOGIN_ERRORS:
            self._refusal = error

    def _why(self, error: KafkaException) -> KafkaException:
        """Why a request failed: the refusal of the log-in, if there was one, or what the request says itself."""
        self._admin.poll(0)
        return KafkaException(self._refusal) if self._refusal else error

    def _describe(self, topic: str) -> TopicDescription:
        with reachable(self._servers):
            try:
                return self._described(topic)
            except KafkaException as error:
                if error.args[0].code() not in UNKNOWN_TOPIC:
                    raise self._why(error) from error
        if topic not in self._own:
            raise MissingTopicError(
                f"there is no topic {topic} at Kafka {self._servers}: create it (with message.timestamp.type="
                "LogAppendTime), or correct the topic of the source's declaration"
            )
        self.create(topic, config=OWN_TOPIC)
        with reachable(self._servers):
            return self._described(topic)

    def _described(self, topic: str) -> TopicDescription:
        asked = self._admin.describe_topics(TopicCollection([topic]), request_timeout=REQUEST_SECONDS)
        return cast("TopicDescription", asked[topic].result())

    def _offsets(self, partitions: list[TopicPartition], spec: OffsetSpec) -> dict[int, int]:
        asked = self._admin.list_offsets(
            dict.fromkeys(partitions, spec),
            isolation_level=IsolationLevel.READ_COMMITTED,
            request_timeout=REQUEST_SECONDS,
        )
        return {place.partition: future.result().offset for place, future in asked.items()}
