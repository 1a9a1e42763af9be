"""DuckDB: an `ASOF LEFT JOIN`, from file to file; a row that is too old gives nulls."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

import duckdb

from bench.growth.data import DATASET, TTL_DAYS
from bench.growth.project import FEATURES
from bench.harness.layout import KEY, LABEL_ID, LABEL_TIME
from mlinfra_assets.names import EVENT_TIME


def ready(data: Path, variant: str) -> Callable[[], Path]:
    """Write the statement."""
    del variant
    fresh = f"l.{LABEL_TIME} - v.{EVENT_TIME} <= INTERVAL {TTL_DAYS} DAY"
    statement = f"""
        SELECT l.{LABEL_ID}, {", ".join(f"CASE WHEN {fresh} THEN v.{name} END AS {name}" for name in FEATURES)}
        FROM read_parquet('{data}/labels.parquet') AS l
        ASOF LEFT JOIN read_parquet('{data}/{DATASET}/*.parquet') AS v
        ON l.{KEY} = v.{KEY} AND l.{LABEL_TIME} >= v.{EVENT_TIME}"""
    folder = tempfile.TemporaryDirectory(prefix="mlinfra-bench-")
    connection = duckdb.connect(config={"temp_directory": folder.name})

    def work() -> Path:
        into = Path(folder.name, "answer.parquet")
        connection.execute(f"COPY ({statement}) TO '{into}' (FORMAT parquet)")
        return into

    return work


def save(answer: Path, path: Path) -> None:
    """Keep the answer."""
    shutil.copyfile(answer, path)
