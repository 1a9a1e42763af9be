"""A relation's content as one number: equal rows in any order give equal text."""

from __future__ import annotations

from hashlib import sha256

import duckdb


def checksum(connection: duckdb.DuckDBPyConnection, relation: str) -> str:
    """32 hexadecimal digits over a relation's column names and types, and its rows as a multiset.

    Each row is its JSON's MD5, and the rows are added up, so that neither their order nor the number of threads counts,
    and a repeated row does. Times are text in UTC, decimals and floats their shortest exact text.

    Args:
        connection: Where the relation is, with the time zone UTC.
        relation: Its quoted name.
    """
    columns = connection.execute(f"describe {relation}").fetchall()
    described = ",".join(f"{name} {kind}" for name, kind, *_ in columns)
    lines = f"select to_json(t)::varchar as line from {relation} as t"  # noqa: S608 - a relation of our own manifest
    totals = f"select count(*), sum(md5_number_lower(line)), sum(md5_number_upper(line)) from ({lines})"  # noqa: S608
    row = connection.execute(totals).fetchall()[0]
    return sha256(f"{described}|{row}".encode()).hexdigest()[:32]
