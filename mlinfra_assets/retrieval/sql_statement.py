"""One SQL statement, as DuckDB's own parser reads it: only one that reads, and the tables that it names."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import duckdb

from mlinfra_assets.errors import InvalidInputError

READING = frozenset({"SELECT_NODE", "SET_OPERATION_NODE", "RECURSIVE_CTE_NODE", "CTE_NODE"})
"""The kinds of query that only read. A WITH may also hold an INSERT or a COPY: those are of other kinds."""

FUNCTIONS = frozenset(
    {"range", "generate_series", "unnest", "repeat", "json_each", "json_tree", "duckdb_functions", "duckdb_types"}
)
"""The table functions that open no file."""

ALLOWED = "one SELECT, WITH, DESCRIBE, SUMMARIZE or SHOW"
SERIALIZE = "select json_serialize_sql($sql, skip_null := true, skip_empty := true, skip_default := true)"
TABLES = frozenset({'"tables"', "__show_tables_expanded"})


class QueryError(InvalidInputError):
    """A query that cannot be answered: not one that reads, or one that DuckDB refuses."""


@dataclass(frozen=True)
class Statement:
    """A statement that reads.

    Attributes:
        sql: Its text.
        tables: The names after FROM and the like, part by part, in order of appearance; names of a WITH are among them.
        ctes: The names that a WITH gives, in lower case.
        lists_tables: Whether it is SHOW TABLES.
    """

    sql: str
    tables: tuple[tuple[str, ...], ...]
    ctes: frozenset[str]
    lists_tables: bool


def parse(sql: str) -> Statement:
    """Read a statement.

    Raises:
        QueryError: Not SQL, more than one statement, or one that does more than read.
    """
    trees = _trees(sql)
    if len(trees) != 1:
        raise QueryError(f"a query is {ALLOWED}, not {len(trees)} statements")
    parts = list(_parts(trees[0]))
    for part in parts:
        _check(part)
    tables = [path for part in parts if (path := _table(part))]
    ctes = {entry["key"].lower() for part in parts for entry in (part.get("cte_map") or {}).get("map", [])}
    shown = any(p.get("show_type") == "SHOW_SPECIAL" and p.get("table_name") in TABLES for p in parts)
    return Statement(sql, tuple(dict.fromkeys(tables)), frozenset(ctes), shown)


def _trees(sql: str) -> list[dict[str, Any]]:
    with duckdb.connect(":memory:") as connection:
        row = connection.execute(SERIALIZE, {"sql": sql}).fetchone()
    found = json.loads(row[0]) if row else {}
    if not found.get("error"):
        return found.get("statements", [])
    message = found.get("error_message", "")
    if found.get("error_type") == "not implemented":
        raise QueryError(f"a query is {ALLOWED}: tables are read here, and nothing else is done")
    raise QueryError(f"this is not SQL that DuckDB reads: {message}{_place(sql, found.get('position'))}")


def _place(sql: str, position: str | None) -> str:
    """The rest of the line from where the parser stopped."""
    if position is None or not position.isdigit():
        return ""
    rest = sql.encode()[int(position) :].decode(errors="replace").strip().splitlines()
    return f", in front of {rest[0][:40]!r}" if rest else ", at the end"


def _parts(tree: object) -> Iterator[dict[str, Any]]:
    pending = [tree]
    while pending:
        part = pending.pop()
        if isinstance(part, dict):
            yield part
            pending += reversed(part.values())
        elif isinstance(part, list):
            pending += reversed(part)


def _check(part: dict[str, Any]) -> None:
    kind = part.get("type")
    if isinstance(kind, str) and kind.endswith("_NODE") and kind not in READING:
        raise QueryError(f"a query is {ALLOWED}; this one also holds {_name(kind)}, which does more than read")
    if kind == "TABLE_FUNCTION":
        name = str(part.get("function", {}).get("function_name", "")).lower()
        if name not in FUNCTIONS:
            raise QueryError(
                f"{name}(...) cannot be read from here: name a table of the lake, such as registry.features"
            )
    if part.get("class") == "PARAMETER":
        raise QueryError("a query has no parameters: write the value itself")


def _name(kind: str) -> str:
    return kind.removesuffix("_NODE").removesuffix("_QUERY")


def _table(part: dict[str, Any]) -> tuple[str, ...] | None:
    named = part.get("type") == "BASE_TABLE" or part.get("show_type") == "SHOW"
    if named and part.get("at_clause"):
        raise QueryError("AT is not read: give the version beside the query")
    return tuple(part["qualified_name"]["path"]) if named else None
