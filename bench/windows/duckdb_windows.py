"""DuckDB: a RANGE window over events and moments together, or a join of moments to the events in reach."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from bench.harness.layout import KEY, LABEL_ID, LABEL_TIME
from bench.windows.data import DATASET
from bench.windows.layout import DAYS, DISTINCT, LARGEST, TOTALS, VALUE
from mlinfra_assets import names


def ready(data: Path, variant: str) -> Callable[[], pa.Table]:
    """Write the statement.

    Args:
        data: Folder of the data.
        variant: What is asked and the way, as `"max range"` or `"max join"`.
    """
    asked, way = variant.split()
    statement = (_range_window if way == "range" else _range_join)(data, asked)
    connection = duckdb.connect()

    def work() -> pa.Table:
        return connection.execute(statement).to_arrow_table()

    return work


def save(answer: pa.Table, path: Path) -> None:
    """Write the answer."""
    pq.write_table(answer, path)


def _range_window(data: Path, asked: str) -> str:
    value = VALUE[asked]
    wanted = [f"{call} OVER w{days} AS {name}" for days in DAYS for name, call in _calls(asked, value, days).items()]
    windows = [
        f"w{days} AS (PARTITION BY {KEY} ORDER BY moment RANGE BETWEEN INTERVAL {days} DAY PRECEDING AND CURRENT ROW)"
        for days in DAYS
    ]
    return f"""
        WITH rows AS (
            SELECT {KEY}, {names.EVENT_TIME} AS moment, {value}, NULL::BIGINT AS {LABEL_ID}
            FROM read_parquet('{data}/{DATASET}/*.parquet')
            UNION ALL SELECT {KEY}, {LABEL_TIME}, NULL, {LABEL_ID} FROM read_parquet('{data}/labels.parquet')
        ), answered AS (SELECT {LABEL_ID}, {", ".join(wanted)} FROM rows WINDOW {", ".join(windows)})
        SELECT * FROM answered WHERE {LABEL_ID} IS NOT NULL"""


def _range_join(data: Path, asked: str) -> str:
    value = VALUE[asked]
    wanted = [
        f"{call} FILTER (e.{names.EVENT_TIME} > l.{LABEL_TIME} - INTERVAL {days} DAY) AS {name}"
        for days in DAYS
        for name, call in _calls(asked, value, days).items()
    ]
    return f"""
        SELECT l.{LABEL_ID}, {", ".join(wanted)}
        FROM read_parquet('{data}/labels.parquet') AS l
        LEFT JOIN read_parquet('{data}/{DATASET}/*.parquet') AS e
        ON l.{KEY} = e.{KEY} AND e.{names.EVENT_TIME} <= l.{LABEL_TIME}
            AND e.{names.EVENT_TIME} > l.{LABEL_TIME} - INTERVAL {max(DAYS)} DAY
        GROUP BY l.{LABEL_ID}"""


def _calls(asked: str, value: str, days: int) -> dict[str, str]:
    # No value is null, so that counting values counts events and no moment.
    return {
        TOTALS: {
            f"count_{days}d": f"count({value})",
            f"sum_{days}d": f"sum({value})",
            f"mean_{days}d": f"avg({value})",
        },
        DISTINCT: {f"distinct_{days}d": f"count(DISTINCT {value})"},
        LARGEST: {f"max_{days}d": f"max({value})"},
    }[asked]
