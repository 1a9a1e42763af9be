"""`mlinfra features get`: a training set, from a table of entities and times."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mlinfra_assets.commands.context import HomeOption, JsonOption, existing
from mlinfra_assets.errors import InvalidInputError

if TYPE_CHECKING:
    from mlinfra_assets.feature_store.offline.progress import Progress


def get_features(
    entities: Annotated[
        Path,
        typer.Option(help="Whom and when to ask about: a Parquet file, a folder of them, or a Delta table."),
    ],
    into: Annotated[Path, typer.Option(help="Parquet file to write the result to.")],
    features: Annotated[
        list[str] | None,
        typer.Option(help="VIEW:FEATURE, VIEW for all of it, or VIEW@VERSION. May be repeated.", show_default=False),
    ] = None,
    service: Annotated[
        str | None, typer.Option(help="Features of a feature service instead.", show_default=False)
    ] = None,
    known: Annotated[
        str, typer.Option(help="as_of: what was known at the row's time; hindsight: all; or a column of times.")
    ] = "as_of",
    time: Annotated[str, typer.Option("--time", help="The column of times, in UTC.")] = "event_timestamp",
    full_names: Annotated[
        bool, typer.Option("--full-names", help="Call a feature VIEW__FEATURE in the result.")
    ] = False,
    at: Annotated[
        list[str] | None,
        typer.Option("--at", help="TABLE=VERSION: read that version of a table. May be repeated.", show_default=False),
    ] = None,
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """The rows of a table of entities and times, each with the features that it had at its time.

    A row is counted only if it was known by then. Tables of any size are answered in bounded memory
    (MLINFRA_RETRIEVAL_MEMORY_BYTES).
    """
    from mlinfra_assets.commands.sql import parse_versions
    from mlinfra_assets.retrieval.store import open_store

    if bool(features) == bool(service):
        raise InvalidInputError("name features with --features VIEW:FEATURE, or a service with --service NAME")
    store = open_store(existing(home))
    with _bar(shown=not json and sys.stderr.isatty()) as progress:
        written = store.get_historical_features(
            entities,
            service or features or [],
            into=into,
            known=known,
            event_timestamp=time,
            full_feature_names=full_names,
            versions=parse_versions(at or []),
            progress=progress,
        )
    frozen = [breaker.reason for breaker in store.open_breakers(service or features or [])]
    _say(written, known, frozen, json=json)


def _say(written: Path, known: str, frozen: list[str], *, json: bool) -> None:
    import pyarrow.parquet as pq

    from mlinfra_assets.commands.output import console, print_json

    found = pq.read_metadata(written)
    if json:
        print_json(
            {
                "into": written,
                "rows": found.num_rows,
                "columns": found.schema.to_arrow_schema().names,
                "known": known,
                "frozen": frozen,
            }
        )
    else:
        console().print(f"{found.num_rows:,} rows, {found.num_columns} columns: {written}")
    for reason in frozen:
        sys.stderr.write(f"note: {reason}; the values are those of the last good data\n")


@contextmanager
def _bar(*, shown: bool) -> Iterator[Progress]:
    """Progress as a bar for each thing that is done, on stderr."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bars

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Bars(*columns, console=Console(stderr=True), transient=True, disable=not shown) as bars:
        tasks = {}

        def progress(done: int, total: int, what: str) -> None:
            if what not in tasks:
                tasks[what] = bars.add_task(what, total=total)
            bars.update(tasks[what], completed=done, total=total)

        yield progress
