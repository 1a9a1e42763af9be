"""The events: JSON objects of 284 bytes."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl

from bench.harness.cache import made_once

BYTES = 284
FIRST_EARLIER = 1_000_000_000
START = datetime(2026, 1, 1, tzinfo=UTC)
COUNTRIES = ("United Kingdom", "Germany", "France", "Norway")


def make(cache: Path, rows: int) -> Path:
    """The folder with `events.parquet`: `payload` (binary) and `key` (binary), one row an event."""
    return made_once(cache / f"ingest-{rows}", lambda folder: _write(folder, rows))


def earlier(rows: int) -> pl.DataFrame:
    """Events that came before those of the benchmark; their ids begin with `FIRST_EARLIER`."""
    return _events(range(FIRST_EARLIER, FIRST_EARLIER + rows))


def _write(folder: Path, rows: int) -> None:
    _events(range(rows)).write_parquet(folder / "events.parquet")


def _events(ids: range) -> pl.DataFrame:
    return pl.DataFrame({"key": [b"%d" % (n % 5_000) for n in ids], "payload": [_event(n) for n in ids]})


def _event(number: int) -> bytes:
    event = {
        "id": number,
        "at": (START + timedelta(milliseconds=number)).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        "customer": f"customer-{number % 5_000:05d}",
        "amount": number % 10_000 / 100,
        "quantity": number % 12 + 1,
        "country": COUNTRIES[number % len(COUNTRIES)],
        "note": "",
    }
    short = len(json.dumps(event, separators=(",", ":")))
    event["note"] = "x" * (BYTES - short)
    return json.dumps(event, separators=(",", ":")).encode()
