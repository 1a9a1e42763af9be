"""The source that the events are of, and the streams that hold them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal, cast
from uuid import uuid4

import polars as pl
from confluent_kafka import Producer

from mlinfra_assets.contracts.contract import Contract, Field
from mlinfra_assets.contracts.source import Needs, Source, StreamIngest
from mlinfra_assets.settings import Settings
from mlinfra_assets.streams.kafka_log import KafkaLog
from mlinfra_assets.streams.log import StreamLog
from mlinfra_assets.streams.opening import open_log
from mlinfra_assets.streams.record import NewRecord

NAME = "events"
SLICE = 20_000
SERVERS = "MLINFRA_KAFKA_SERVERS"
FIELDS = (
    Field("id", "id", "integer", required=True, minimum="0"),
    Field("at", "at", "timestamp", required=True),
    Field("customer", "customer", "string", required=True, pattern="customer-[0-9]{5}"),
    Field("amount", "amount", "decimal", scale=2, minimum="0"),
    Field("quantity", "quantity", "integer", minimum="1", maximum="1000"),
    Field("country", "country", "string", enum=("United Kingdom", "Germany", "France", "Norway")),
    Field("note", "note", "string", max_length=500),
)
CONTRACT = Contract(
    name=NAME, version="1.0.0", description="", owner="bench", fields=FIELDS, event_time="at", primary_key=()
)


def source(system: str, topic: str) -> Source:
    """The events of a stream."""
    ingest = StreamIngest(topic, system=cast("Literal['redis', 'kafka']", system))
    return Source(NAME, "bench/ingest/source.py", CONTRACT, ingest, Needs(("team:bench",)))


def settings(home: Path) -> Settings:
    """The embedded Redis in a folder of its own, unless the environment names a server; Kafka by the environment."""
    environment = Settings.load()
    if not environment.kafka_servers:
        raise SystemExit(f"bench.ingest needs a Kafka: deploy/services start kafka, and set {SERVERS}=127.0.0.1:19092")
    return Settings(
        home=home,
        lake=str(home / "lake"),
        kafka_servers=environment.kafka_servers,
        redis_url=environment.redis_url,
        redis_maxmemory="4gb",
    )


def empty(given: Settings, system: str) -> tuple[StreamLog, str]:
    """A log, and a new topic in it, of one partition."""
    log, topic = open_log(given, system), f"bench-{os.getpid()}-{uuid4().hex[:8]}"
    if isinstance(log, KafkaLog):
        log.topics.create(topic, 1, {"message.timestamp.type": "LogAppendTime"})
    return log, topic


def send(given: Settings, log: StreamLog, topic: str, events: pl.DataFrame) -> None:
    """Append events, as a producer of others would."""
    if isinstance(log, KafkaLog):
        producer = Producer({"bootstrap.servers": given.kafka_servers, "linger.ms": 20, "acks": "all"})
        for key, payload in events.iter_rows():
            while True:
                try:
                    producer.produce(topic, payload, key)
                except BufferError:
                    producer.poll(0.1)
                else:
                    break
        assert producer.flush(120) == 0
    else:
        for part in events.iter_slices(SLICE):
            log.append(topic, [NewRecord(payload, key) for key, payload in part.iter_rows()])


def drop(log: StreamLog, topic: str) -> None:
    """Delete a topic."""
    if isinstance(log, KafkaLog):
        log.topics.delete(topic)
        log.close()
