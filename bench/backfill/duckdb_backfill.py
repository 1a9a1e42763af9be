"""DuckDB: windows over daily totals of every entity and day, or an `ASOF JOIN` of every entity and day."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

import duckdb
import pyarrow as pa

from bench.backfill.digest import Digest
from bench.backfill.layout import DAY, DAYS, NEWEST, ORDERS, PROFILES, WINDOWS, features
from bench.harness.layout import KEY
from mlinfra_assets.names import EVENT_TIME

_BATCH_ROWS = 1_000_000
_MEMORY = "8GB"


def ready(data: Path, variant: str) -> Callable[[], Digest]:
    """Write the statement; what does not fit in memory goes to a temporary folder."""
    statement = _newest(data) if variant == NEWEST else _windowed(data)
    scratch = tempfile.TemporaryDirectory(prefix="mlinfra-bench-duckdb-")
    connection = duckdb.connect(config={"memory_limit": _MEMORY, "temp_directory": scratch.name})
    # The days are those of UTC, whatever the machine's zone.
    connection.execute("SET TimeZone = 'UTC'")

    def work() -> Digest:
        digest = Digest(features(variant))
        for batch in connection.sql(statement).to_arrow_reader(_BATCH_ROWS):
            digest.add(pa.Table.from_batches([batch]))
        scratch.cleanup()
        return digest

    return work


def save(answer: Digest, path: Path) -> None:
    """Write what was kept."""
    answer.save(path)


def _grid(rows: str) -> str:
    """Every entity on every day from its first row on."""
    return f"""
        firsts AS (SELECT {KEY}, min({EVENT_TIME})::DATE AS first FROM {rows} GROUP BY {KEY}),
        grid AS (
            SELECT {KEY}, d::DATE AS {DAY}
            FROM firsts, generate_series(DATE '{DAYS[0]}', DATE '{DAYS[-1]}', INTERVAL 1 DAY) AS days(d)
            WHERE d >= first
        )"""


def _newest(data: Path) -> str:
    rows = f"read_parquet('{data}/{PROFILES}/*.parquet')"
    wanted = ", ".join(f"p.{name}" for name in features(NEWEST))
    return f"""
        WITH {_grid(rows)}
        SELECT g.{DAY}, g.{KEY}, {wanted} FROM grid AS g
        ASOF JOIN {rows} AS p ON g.{KEY} = p.{KEY} AND (g.{DAY} + INTERVAL 1 DAY)::TIMESTAMPTZ > p.{EVENT_TIME}"""


def _windowed(data: Path) -> str:
    rows = f"read_parquet('{data}/{ORDERS}/*.parquet')"
    wanted, windows = [], []
    for days in WINDOWS:
        over = f"OVER w{days}"
        wanted += [
            f"coalesce(sum(c) {over}, 0)::BIGINT AS count_{days}d",
            f"(sum(s) {over})::BIGINT AS sum_{days}d",
            f"(sum(s) {over})::DOUBLE / (sum(c) {over})::DOUBLE AS mean_{days}d",
            f"min(low) {over} AS min_{days}d",
            f"max(high) {over} AS max_{days}d",
        ]
        windows.append(
            f"w{days} AS (PARTITION BY {KEY} ORDER BY {DAY} ROWS BETWEEN {days - 1} PRECEDING AND CURRENT ROW)"
        )
    return f"""
        WITH daily AS (
            SELECT {KEY}, {EVENT_TIME}::DATE AS {DAY},
                count(*) AS c, sum(amount)::BIGINT AS s, min(amount) AS low, max(amount) AS high
            FROM {rows} GROUP BY ALL
        ), {_grid(rows)},
        filled AS (SELECT g.{KEY}, g.{DAY}, c, s, low, high FROM grid AS g LEFT JOIN daily USING ({KEY}, {DAY}))
        SELECT {DAY}, {KEY}, {", ".join(wanted)} FROM filled WINDOW {", ".join(windows)}"""
