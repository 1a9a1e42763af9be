"""DuckDB: three `ASOF LEFT JOIN`s; a row that is too old gives nulls."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from bench.harness.layout import KEY, LABEL_ID, LABEL_TIME
from bench.point_in_time.layout import DATASETS, TTL_DAYS, features
from mlinfra_assets import names


def ready(data: Path, variant: str) -> Callable[[], pa.Table]:
    """Write the statement."""
    del variant
    statement = _statement(data)
    connection = duckdb.connect()

    def work() -> pa.Table:
        return connection.execute(statement).to_arrow_table()

    return work


def save(answer: pa.Table, path: Path) -> None:
    """Write the answer."""
    pq.write_table(answer, path)


def _statement(data: Path) -> str:
    wanted = [
        f"CASE WHEN l.{LABEL_TIME} - {d}.{names.EVENT_TIME} <= INTERVAL {TTL_DAYS} DAY THEN {d}.{f} END AS {f}"
        for d in DATASETS
        for f in features(d)
    ]
    joins = [
        f"ASOF LEFT JOIN read_parquet('{data}/{d}/*.parquet') AS {d} "
        f"ON l.{KEY} = {d}.{KEY} AND l.{LABEL_TIME} >= {d}.{names.EVENT_TIME}"
        for d in DATASETS
    ]
    return f"SELECT l.{LABEL_ID}, {', '.join(wanted)} FROM read_parquet('{data}/labels.parquet') AS l {' '.join(joins)}"
