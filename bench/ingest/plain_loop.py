"""What one writes first: a consumer, `orjson`, Arrow, `write_deltalake`. Nothing is promised.

A crash between the write and the commit of the offsets repeats a batch, one before it loses nothing but nothing notices
either; a message that is no JSON ends the loop; raw bytes, positions and types are not kept.
"""

from __future__ import annotations

import atexit
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

import orjson
import polars as pl
import pyarrow as pa
from confluent_kafka import Consumer
from deltalake import DeltaTable, write_deltalake

from bench.ingest.source import drop, empty, send, settings

BATCH = 100_000


def ready(data: Path, variant: str) -> Callable[[], str]:
    """Fill the topic; the work writes it to a table."""
    folder = Path(tempfile.mkdtemp(prefix="plain-"))
    given = settings(folder)
    log, topic = empty(given, variant)
    events = pl.read_parquet(data / "events.parquet")
    send(given, log, topic, events)
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    atexit.register(drop, log, topic)
    options = {"group.id": topic, "auto.offset.reset": "earliest", "enable.auto.commit": False}
    consumer = Consumer({"bootstrap.servers": given.kafka_servers, **options})
    consumer.subscribe([topic])

    def work() -> str:
        table, left = str(folder / "table"), events.height
        while left:
            batch: list[dict] = []
            while len(batch) < min(BATCH, left):
                batch += [orjson.loads(m.value() or b"") for m in consumer.consume(10_000, 0.05) if m.error() is None]
            write_deltalake(table, pa.Table.from_pylist(batch), mode="append")
            consumer.commit(asynchronous=False)
            left -= len(batch)
        consumer.close()
        return table

    return work


def save(table: str, path: Path) -> None:
    """Write every event with how often it is there."""
    rows = pl.DataFrame(DeltaTable(table).to_pyarrow_table(columns=["id", "amount"]))
    rows.group_by("id").agg(pl.col("amount").first(), copies=pl.len()).write_parquet(path)
