"""`mlinfra sql`: one query over the lake's tables."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from mlinfra_assets.commands.context import HomeOption, JsonOption, existing
from mlinfra_assets.errors import InvalidInputError


def sql(
    statement: Annotated[
        str,
        typer.Argument(
            help="One SELECT, WITH, DESCRIBE, SUMMARIZE or SHOW TABLES, in DuckDB's SQL.",
            metavar="QUERY",
            show_default=False,
        ),
    ],
    limit: Annotated[int, typer.Option(min=1, help="Most rows to show.")] = 100,
    seconds: Annotated[float, typer.Option("--timeout", min=0.1, help="Seconds that the query may take.")] = 60.0,
    memory: Annotated[int, typer.Option(min=64, help="Memory that the query may take, in MB.")] = 2_048,
    at: Annotated[
        list[str] | None,
        typer.Option("--at", help="TABLE=VERSION: read that version of a table. May be repeated.", show_default=False),
    ] = None,
    csv: Annotated[bool, typer.Option("--csv", help="The rows as CSV on stdout.")] = False,
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """Ask the lake's tables a question in SQL: features.VIEW, curated.TABLE, processed.SOURCE, registry.TABLE, ...

    It only reads: files of the tables that the query names, and nothing else. Each table is read at one version. Times
    are UTC.
    """
    from mlinfra_assets.commands import sql_output
    from mlinfra_assets.lake.lake import Lake
    from mlinfra_assets.retrieval.sql import query

    if csv and json:
        raise InvalidInputError("--csv and --json: choose one")
    answer = query(
        Lake(existing(home).lake),
        statement,
        rows=limit,
        versions=parse_versions(at or []),
        seconds=seconds,
        memory_mb=memory,
    )
    if json:
        sql_output.write_json(answer)
    elif csv:
        sql_output.write_csv(answer)
    else:
        sql_output.show(answer)
    if answer.more and not json:
        print(f"There are more rows: these are the first {limit:,}; --limit N shows more.", file=sys.stderr)  # noqa: T201


def parse_versions(texts: Sequence[str]) -> dict[str, int]:
    """`features.orders=3` texts as versions by table name in the lake.

    Raises:
        InvalidInputError: A text names no version.
    """
    versions: dict[str, int] = {}
    for text in texts:
        name, _, version = text.rpartition("=")
        if not name or not version.isdigit():
            raise InvalidInputError(f"--at {text!r} names no version: write TABLE=VERSION, such as features.orders=3")
        versions[name if "/" in name else name.replace(".", "/", 1)] = int(version)
    return versions
