"""A database of a test's own in the real Postgres, dropped afterwards with its replication slots."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import psycopg

PATIENCE = 30.0


@dataclass(frozen=True)
class OwnDatabase:
    """A database.

    Attributes:
        name: Its name, which no other test uses.
        url: Its libpq address.
        connection: A connection to it that commits each statement by itself.
    """

    name: str
    url: str = field(repr=False)
    connection: psycopg.Connection = field(repr=False)

    def run(self, *statements: str) -> None:
        """Run SQL statements."""
        for statement in statements:
            self.connection.execute(statement.encode())


@contextmanager
def own_database(server: str) -> Iterator[OwnDatabase]:
    """A new database on a server (its libpq address as a superuser)."""
    name = f"mlinfra_{uuid4().hex[:12]}"
    url = urlunsplit(urlsplit(server)._replace(path=f"/{name}"))
    with psycopg.connect(server, autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {name}".encode())
        try:
            with psycopg.connect(url, autocommit=True) as connection:
                yield OwnDatabase(name, url, connection)
        finally:
            _drop_slots(admin, name)
            admin.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


def _drop_slots(admin: psycopg.Connection, database: str) -> None:
    """Drop the slots of a database: each holds back the server's log for ever."""
    deadline = time.monotonic() + PATIENCE
    held = "SELECT slot_name, active_pid FROM pg_replication_slots WHERE database = %s"
    while slots := admin.execute(held, (database,)).fetchall():
        for slot, process in slots:
            if process is not None:
                admin.execute("SELECT pg_terminate_backend(%s)", (process,))
                continue
            with suppress(psycopg.errors.ObjectInUse):  # its reader came back: it is ended again
                admin.execute("SELECT pg_drop_replication_slot(%s)", (slot,))
        assert time.monotonic() < deadline, f"slots of {database} are still in use: {slots}"
        time.sleep(0.05)
