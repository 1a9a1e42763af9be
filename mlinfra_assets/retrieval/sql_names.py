"""Tables of the lake by their names in SQL: `features/orders` is `features.orders`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from difflib import get_close_matches

from mlinfra_assets.retrieval.sql_statement import QueryError, Statement

SYSTEM = frozenset({"information_schema", "pg_catalog"})


def in_sql(table: str) -> tuple[str, str]:
    """Schema and name in SQL of a table of the lake; one without a folder is in `main`."""
    schema, slash, name = table.partition("/")
    return (schema, name) if slash else ("main", table)


def dotted(table: str) -> str:
    """How a table is written in a query."""
    return ".".join(part if part.isidentifier() else f'"{part}"' for part in in_sql(table))


def wanted(statement: Statement, tables: Iterable[str]) -> list[str]:
    """The lake's tables that a statement names, in order of appearance.

    A table may be named without its schema if there is only one of that name.

    Raises:
        QueryError: A name is no table, or several; the message names the nearest, or all of them.
    """
    known = sorted(tables)
    return list(dict.fromkeys(table for path in statement.tables for table in _find(path, statement, known)))


def reads_the_catalogue(statement: Statement) -> bool:
    """Whether it asks DuckDB itself which tables and columns there are."""
    return any(len(path) > 1 and path[-2].lower() in SYSTEM for path in statement.tables)


def _find(path: tuple[str, ...], statement: Statement, known: list[str]) -> Iterator[str]:
    asked = tuple(part.lower() for part in path[-2:])
    if len(asked) > 1 and asked[0] in SYSTEM:
        return
    found = [table for table in known if tuple(part.lower() for part in in_sql(table))[-len(asked) :] == asked]
    if len(found) == 1:
        yield found[0]
    elif not statement.ctes.issuperset(asked):
        raise QueryError(_several(path, found) if found else _none(".".join(path), known))


def _several(path: tuple[str, ...], found: list[str]) -> str:
    return f"there are several tables {path[-1]}: write {' or '.join(map(dotted, found))}"


def _none(asked: str, known: list[str]) -> str:
    if not known:
        return f"there is no table {asked}: the lake has no tables yet; mlinfra demo fills one"
    names = {dotted(table): dotted(table) for table in known} | {in_sql(t)[1]: dotted(t) for t in known}
    close = [names[name] for name in get_close_matches(asked, list(names), n=1, cutoff=0.6)]
    if close:
        return f"there is no table {asked}; did you mean {close[0]}? SHOW TABLES lists all"
    return f"there is no table {asked}; there are {', '.join(map(dotted, known))}"
