"""SQL over the lake's tables: one query that reads, on pinned versions, without a way to anything else."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from mlinfra_assets.errors import InvalidInputError
from mlinfra_assets.lake.errors import MissingTableError
from mlinfra_assets.lake.lake import Lake
from mlinfra_assets.retrieval import sql_process
from mlinfra_assets.retrieval.sql_names import in_sql, reads_the_catalogue, wanted
from mlinfra_assets.retrieval.sql_statement import QueryError, parse
from mlinfra_assets.retrieval.sql_views import View, quoted, stub_of, text, view_of

ROWS = 10_000
SECONDS = 60.0
MEMORY_MB = 2_048
ANSWER_MB = 256
THREADS = 4
"""Threads of a query at most: each reserves address space, which the limit of memory bounds."""

FEW_RESERVATIONS = {"MALLOC_ARENA_MAX": "4", "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}


@dataclass(frozen=True)
class Answer:
    """What a query came to.

    Attributes:
        frame: The rows, in the query's order; a name that occurs twice is numbered.
        types: DuckDB's type of each column.
        more: Whether there are more rows than were asked for.
        tables: The versions of the tables that were read, by their names in the lake.
    """

    frame: pl.DataFrame
    types: tuple[str, ...]
    more: bool
    tables: Mapping[str, int]


def query(
    lake: Lake,
    sql: str,
    *,
    rows: int = ROWS,
    versions: Mapping[str, int] | None = None,
    seconds: float = SECONDS,
    memory_mb: int = MEMORY_MB,
) -> Answer:
    """Answer one SELECT (or WITH, DESCRIBE, SUMMARIZE, SHOW) in DuckDB's SQL, with times in UTC.

    A table `features/orders` of the lake is `features.orders`, or `orders` where there is one of that name alone. Each
    is read at one version, whatever is written meanwhile. The query runs in a process of its own that can read the
    files of these versions, write none, and is ended when it takes too long.

    Args:
        lake: Where the tables are.
        sql: The query.
        rows: Most rows to answer.
        versions: Versions to read instead of the newest, by table name in the lake.
        seconds: How long it may take.
        memory_mb: How much memory it may take, in MB.

    Raises:
        QueryError: It does more than read, names a table that is not there, or DuckDB refuses it; or it takes too long
            or too much memory.
        UnavailableError: A table is damaged or cannot be reached.
    """
    if rows < 1:
        raise InvalidInputError(f"{rows} rows: ask for at least one")
    statement = parse(sql)
    known = lake.tables()
    pinned = _pinned(lake, wanted(statement, known), versions or {})
    with tempfile.TemporaryDirectory(prefix="mlinfra-sql-") as folder:
        views = [view_of(lake.table(name), version, Path(folder)) for name, version in pinned.items()]
        if reads_the_catalogue(statement):
            views += [stub_of(lake.table(name)) for name in known if name not in pinned]
        job = _job(_listing(known) if statement.lists_tables else sql, views, rows, memory_mb)
        return _answered(_run(job, seconds), rows, pinned)


def _listing(tables: Iterable[str]) -> str:
    """A query whose answer are the names of tables."""
    pairs = ", ".join(f"({text(schema)}, {text(name)})" for schema, name in map(in_sql, tables))
    return (
        f'from (values {pairs}) listed("schema", "table")'
        if pairs
        else 'select null::varchar as "schema", null::varchar as "table" where false'
    )


def _pinned(lake: Lake, tables: Iterable[str], versions: Mapping[str, int]) -> dict[str, int]:
    newest = {name: lake.table(name).version() for name in tables}
    strange = sorted(set(versions) - set(newest))
    if strange:
        raise QueryError(f"a version of {strange[0]} is asked for, which the query does not read")
    for name, version in versions.items():
        if not 0 <= version <= newest[name]:
            raise MissingTableError(f"table {name} has no version {version}: it has the versions 0 to {newest[name]}")
    return {**newest, **versions}


def _job(sql: str, views: Sequence[View], rows: int, memory_mb: int) -> dict[str, Any]:
    files = ", ".join(text(file) for view in views for file in view.files)
    schemas = ",".join(dict.fromkeys(quoted(schema) for schema in ("main", *(view.schema for view in views))))
    return {
        "config": {
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
            "python_enable_replacements": "false",
            "memory_limit": f"{memory_mb}MB",
            "temp_directory": "",
            "threads": str(min(THREADS, os.cpu_count() or 1)),
        },
        "statements": [
            "set TimeZone = 'UTC'",
            *dict.fromkeys(statement for view in views for statement in view.statements),
            f"set search_path = {text(schemas)}",
            f"set allowed_paths = [{files}]",
            "set enable_external_access = false",
            "set lock_configuration = true",
        ],
        "sql": sql,
        "rows": rows + 1,
        "memory_mb": memory_mb,
        "answer_mb": ANSWER_MB,
    }


def _run(job: Mapping[str, Any], seconds: float) -> bytes:
    """The child's answer, an Arrow stream."""
    command = [sys.executable, "-P", str(Path(sql_process.__file__))]
    try:
        ended = subprocess.run(
            command,
            input=json.dumps(job).encode(),
            capture_output=True,
            timeout=seconds,
            check=False,
            env={**os.environ, **FEW_RESERVATIONS},
        )
    except subprocess.TimeoutExpired:
        raise QueryError(
            f"the query took longer than {seconds:g} s and was ended: ask for fewer rows, days or columns"
        ) from None
    if ended.returncode == 0:
        return ended.stdout
    raise QueryError(_reason(ended.returncode, ended.stderr, job["memory_mb"]))


def _reason(status: int, said: bytes, memory_mb: int) -> str:
    too_much = f"the query needs more than {memory_mb} MB: ask for fewer rows, days or columns"
    if status != sql_process.FAILED:
        return too_much if status < 0 or b"alloc" in said else f"DuckDB ended without an answer: {said[-300:].decode()}"
    failure = json.loads(said)
    if failure["kind"] in {"OutOfMemoryException", "MemoryError"}:
        return too_much
    return f"DuckDB refuses the query: {failure['message'].strip()}"


def _answered(stream: bytes, rows: int, pinned: Mapping[str, int]) -> Answer:
    import pyarrow as pa

    table = pa.ipc.open_stream(stream).read_all()
    types = tuple(json.loads((table.schema.metadata or {}).get(b"types", b"[]")))
    frame = pl.from_arrow(table.replace_schema_metadata(None))
    assert isinstance(frame, pl.DataFrame)  # noqa: S101 - a table becomes a frame; this tells the type checker
    return Answer(_narrowed(frame.head(rows), types), types, frame.height > rows, dict(pinned))


def _narrowed(frame: pl.DataFrame, types: Sequence[str]) -> pl.DataFrame:
    """Sums of integers, which DuckDB makes 128 bits wide, as 64-bit integers where they all fit."""
    for name, kind in zip(frame.columns, types, strict=True):
        if kind == "HUGEINT":
            narrow = frame[name].cast(pl.Int64, strict=False)
            if narrow.null_count() == frame[name].null_count():
                frame = frame.with_columns(narrow)
    return frame


__all__ = ["Answer", "QueryError", "query"]
