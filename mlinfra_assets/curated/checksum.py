"""A relation's content as one number: equal rows in any order give equal text."""

from __future__ import annotations

from hashlib import sha256

import duckdb

ENGINE = duckdb.__version__


def checksum(connection: duckdb.DuckDBPyConnection, relation: str) -> str:
    """32 hexadecimal digits over a relation's column names and types, and its rows as a multiset.

    The rows' hashes are added up, so that neither their order nor the number of threads counts, and a repeated row
    does. The hash is DuckDB's own: checksums of two versions of DuckDB (`ENGINE`) cannot be compared, and differ.

    Args:
        connection: Where the relation is.
        relation: Its quoted name.
    """
    columns = connection.execute(f"describe {relation}").fetchall()
    described = ",".join(f"{name} {kind}" for name, kind, *_ in columns)
    totals = f"select count(*), sum(hash(t)), sum(hash(t, 1)) from {relation} as t"  # noqa: S608 - our own manifest's
    row = connection.execute(totals).fetchall()[0]
    return sha256(f"{ENGINE}|{described}|{row}".encode()).hexdigest()[:32]
