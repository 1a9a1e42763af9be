"""DuckDB: an `ASOF LEFT JOIN`; a row that is too old gives nulls."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from bench.growth.data import DATASET, TTL_DAYS
from bench.growth.project import FEATURES
from bench.harness.layout import KEY, LABEL_ID, LABEL_TIME
from mlinfra_assets.names import EVENT_TIME


def ready(data: Path, variant: str) -> Callable[[], pa.Table]:
    """Write the statement."""
    del variant
    fresh = f"l.{LABEL_TIME} - v.{EVENT_TIME} <= INTERVAL {TTL_DAYS} DAY"
    statement = f"""
        SELECT l.{LABEL_ID}, {", ".join(f"CASE WHEN {fresh} THEN v.{name} END AS {name}" for name in FEATURES)}
        FROM read_parquet('{data}/labels.parquet') AS l
        ASOF LEFT JOIN read_parquet('{data}/{DATASET}/*.parquet') AS v
        ON l.{KEY} = v.{KEY} AND l.{LABEL_TIME} >= v.{EVENT_TIME}"""
    connection = duckdb.connect()

    def work() -> pa.Table:
        return connection.sql(statement).to_arrow_table()

    return work


def save(answer: pa.Table, path: Path) -> None:
    """Write the answer."""
    pq.write_table(answer, path)
