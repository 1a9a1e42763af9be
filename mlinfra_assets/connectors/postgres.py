"""A table of a Postgres at one moment: read in one transaction, a bounded number of rows at a time, as text."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

import orjson
import psycopg
from psycopg import sql

from mlinfra_assets.contracts.source import DatabaseIngest
from mlinfra_assets.errors import InvalidInputError, UnavailableError

CONNECT_SECONDS = 10
CHUNK_BYTES = 16 * 1024 * 1024
SESSION = {
    "datestyle": "ISO, YMD",
    "timezone": "UTC",
    "intervalstyle": "iso_8601",
    "bytea_output": "hex",
    "extra_float_digits": "1",
    "client_encoding": "UTF8",
}
"""What decides how Postgres writes values: shortest exact floats, times in UTC, bytes in hexadecimal."""
COLUMNS = """
    SELECT a.attname, format_type(coalesce(nullif(t.typbasetype, 0), t.oid), NULL), t.typcategory = 'A'
    FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
    WHERE a.attrelid = to_regclass(%s) AND a.attnum > 0 AND NOT a.attisdropped
    ORDER BY a.attnum
"""
MOMENT = """
    SELECT (CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END - '0/0')::bigint,
           now(), pg_current_snapshot()::text
"""


@dataclass(frozen=True)
class Column:
    """A column of a table.

    Attributes:
        name: Its name.
        type: Postgres's name of its type; of a domain that of the type below it. An array's ends in `[]`.
    """

    name: str
    type: str


@dataclass(frozen=True)
class TableAtMoment:
    """A table as one transaction sees it.

    Attributes:
        table: Its name, as `schema.table`.
        columns: Its columns, in order.
        lsn: Where the database's log stood when the transaction began to look.
        taken_at: When that was, by the database's clock (UTC).
        transactions: Which transactions it sees, as Postgres writes a `pg_snapshot`: `xmin:xmax:running,...`.
        chunks: Rows in order of the key, as `COPY` writes them in its text format: one line a row. Each chunk has at
            most the declared number of rows, and ends with the row that takes it to 16 MiB. Read once, within `taken`.
    """

    table: str
    columns: tuple[Column, ...]
    lsn: int
    taken_at: datetime
    transactions: str
    chunks: Iterator[bytes]

    def headers(self) -> dict[str, bytes]:
        """What every chunk carries, so that it can be read by itself."""
        columns = [{"name": c.name, "type": c.type} for c in self.columns]
        return {
            "snapshot.table": self.table.encode(),
            "snapshot.at": self.taken_at.isoformat().encode(),
            "snapshot.lsn": str(self.lsn).encode(),
            "snapshot.transactions": self.transactions.encode(),
            "snapshot.columns": orjson.dumps(columns),
        }


@contextmanager
def taken(
    ingest: DatabaseIngest, key: tuple[str, ...], environment: Mapping[str, str] = os.environ
) -> Iterator[TableAtMoment]:
    """A table at this moment: one transaction, REPEATABLE READ and READ ONLY, which ends with the context.

    Args:
        ingest: Where the table is.
        key: Columns whose values name a row; rows come in their order.
        environment: Holds the database's address under the declared name.

    Raises:
        InvalidInputError: The variable is not set, there is no such table, or it has no such column.
        UnavailableError: The database cannot be reached, or it ended the transaction.
    """
    address = environment.get(ingest.connection)
    if not address:
        raise InvalidInputError(
            f"{ingest.connection} is not set: it holds the address of the database of {ingest.table}, such as "
            "postgresql://reader@host/database"
        )
    try:
        with psycopg.connect(address, connect_timeout=CONNECT_SECONDS, application_name="mlinfra snapshot") as opened:
            opened.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
            opened.read_only = True
            with opened.cursor() as cursor:
                yield _looked(cursor, ingest, key)
    except psycopg.Error as error:
        # Only the first line: what follows may repeat the statement's values.
        said = (str(error).splitlines() or [type(error).__name__])[0]
        raise UnavailableError(
            f"the table {ingest.table} cannot be read from the database that {ingest.connection} names ({said}): "
            "nothing of this snapshot was kept; run again"
        ) from error


def _looked(cursor: psycopg.Cursor, ingest: DatabaseIngest, key: tuple[str, ...]) -> TableAtMoment:
    for name, value in SESSION.items():
        cursor.execute("SELECT set_config(%s, %s, true)", (name, value))
    row = cursor.execute(MOMENT).fetchone()
    assert row is not None  # noqa: S101 - a SELECT without FROM has a row
    lsn, at, transactions = row
    schema, table = ingest.table.split(".")
    found = sql.Identifier(schema, table).as_string(cursor)
    columns = cursor.execute(COLUMNS, (found,)).fetchall()
    if not columns:
        raise InvalidInputError(f"there is no table {ingest.table} in the database that {ingest.connection} names")
    missing = sorted(set(key) - {name for name, _, _ in columns})
    if missing:
        raise InvalidInputError(
            f"{ingest.table} has no column {', '.join(missing)}, which the contract's key names: it has "
            f"{', '.join(name for name, _, _ in columns)}"
        )
    statement = sql.SQL("COPY (SELECT {} FROM {} ORDER BY {}) TO STDOUT").format(
        sql.SQL(", ").join(_written(name, kind, array) for name, kind, array in columns),
        sql.Identifier(schema, table),
        sql.SQL(", ").join(map(sql.Identifier, key)),
    )
    return TableAtMoment(
        table=ingest.table,
        columns=tuple(Column(name, kind) for name, kind, _ in columns),
        lsn=int(lsn),
        taken_at=at,
        transactions=transactions,
        chunks=_chunks(cursor, statement, ingest.chunk_rows),
    )


def _written(name: str, kind: str, array: bool) -> sql.Composable:
    """A column as an expression whose text holds all of its value."""
    column = sql.Identifier(name)
    if array:
        return sql.SQL("to_jsonb({})").format(column)
    if kind == "money":  # its text depends on the locale
        return sql.SQL("{}::numeric").format(column)
    return sql.SQL("{} AT TIME ZONE 'UTC'").format(column) if kind == "time with time zone" else column


def _chunks(cursor: psycopg.Cursor, statement: sql.Composed, rows: int) -> Iterator[bytes]:
    chunk: list[bytes] = []
    held = 0
    with cursor.copy(statement) as copy:
        for line in copy:
            chunk.append(bytes(line))
            held += len(line)
            if len(chunk) >= rows or held >= CHUNK_BYTES:
                yield b"".join(chunk)
                chunk, held = [], 0
    if chunk:
        yield b"".join(chunk)
