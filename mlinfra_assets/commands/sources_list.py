"""`mlinfra sources`: what comes in, from where, and how far raw is behind."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from mlinfra_assets.commands.context import HomeOption, JsonOption, begin
from mlinfra_assets.commands.output import console, plain_table, print_json
from mlinfra_assets.errors import MlinfraError

if TYPE_CHECKING:
    from mlinfra_assets.commands.source_status import SourceStatus


class SourceProblemError(MlinfraError):
    """A source does not go on."""


def sources(home: HomeOption = None, json: JsonOption = False) -> None:
    """List the declared sources: the system and the topic or folder they come in by, and how far raw is behind.

    Ends non-zero if a source cannot be asked, or was stopped: its stream was made again, or lost what raw lacks.
    """
    from mlinfra_assets.commands.source_status import source_statuses
    from mlinfra_assets.commands.sources import declared_sources

    settings, _ = begin(home)
    found = list(source_statuses(settings, declared_sources()))
    if json:
        print_json({"sources": [_document(status) for status in found]})
    else:
        _show(found)
    stopped = [status.source for status in found if status.problem]
    if stopped:
        raise SourceProblemError(f"{len(stopped)} of {len(found)} sources cannot go on: {', '.join(stopped)}")


def _document(status: SourceStatus) -> dict[str, object]:
    partitions = [{**asdict(p), "lag": p.lag} for p in status.partitions]
    return {**asdict(status), "partitions": partitions, "behind": bool(status.behind or status.waiting)}


def _show(found: list[SourceStatus]) -> None:
    table = plain_table("source", "system", "topic or folder", "partitions", "lag", right=("partitions", "lag"))
    for status in found:
        table.add_row(status.source, status.system, status.place, *_figures(status))
    screen = console()
    screen.print(table)
    for status in found:
        if status.problem:
            screen.print(f"{status.source}: {status.problem}", soft_wrap=False)


def _figures(status: SourceStatus) -> tuple[str, str]:
    if status.problem:
        return "", "stopped"
    if status.system == "files":
        return "", f"{status.waiting} files" if status.waiting else "0"
    if status.system == "redis":
        return str(len(status.partitions)), "behind" if status.behind else "0"
    return str(len(status.partitions)), f"{sum(p.lag for p in status.behind):,}"
