"""The lake's tables, and how far raw is behind what has arrived."""

from __future__ import annotations

from collections.abc import Iterator

from mlinfra_assets.commands.diagnosis.finding import Finding, State, broken
from mlinfra_assets.commands.source_status import PartitionStatus, SourceStatus
from mlinfra_assets.errors import MlinfraError
from mlinfra_assets.lake.lake import Lake
from mlinfra_assets.settings import Settings


def lake(settings: Settings) -> Iterator[Finding]:
    """Every table with its version and rows."""
    area = "Lake"
    try:
        lake = Lake(settings.lake)
        tables = lake.tables()
    except (MlinfraError, OSError) as error:
        yield broken(area, settings.lake, error)
        return
    if not tables:
        yield Finding(area, settings.lake, "no tables yet", State.NOTE, "mlinfra demo fills it")
    for name in tables:
        try:
            table = lake.table(name)
            yield Finding(area, name, f"version {table.version()}, {table.count():,} rows")
        except MlinfraError as error:
            yield broken(area, name, error)


def arrivals(settings: Settings) -> Iterator[Finding]:
    """How far raw is behind what has arrived, source by source."""
    from mlinfra_assets.commands.source_status import source_statuses
    from mlinfra_assets.commands.sources import declared_sources

    area = "Sources"
    try:
        sources = declared_sources()
    except MlinfraError as error:
        yield broken(area, "declarations", error)
        return
    for status in source_statuses(settings, sources):
        yield _finding(area, status)


def _finding(area: str, status: SourceStatus) -> Finding:
    remedy = f"materialize raw/{status.source}; with mlinfra up its sensor does"
    if status.problem:
        return Finding(area, status.source, status.problem, State.BROKEN)
    if status.system == "files":
        value = (
            f"{status.waiting} files wait in {status.place}" if status.waiting else f"no file waits in {status.place}"
        )
        return (
            Finding(area, status.source, value, State.NOTE, remedy)
            if status.waiting
            else Finding(area, status.source, value)
        )
    place = f"{status.system} {status.place}"
    if status.system == "postgres":
        return Finding(area, status.source, f"{place}: the table can be read")
    if not status.partitions:
        return Finding(area, status.source, f"{place}: the stream is empty")
    if not status.behind:
        return Finding(area, status.source, f"{place}: raw holds the whole stream, {len(status.partitions)} partitions")
    behind = "; ".join(f"partition {p.partition}: {_lag(status.system, p)}" for p in status.behind)
    return Finding(area, status.source, f"{place}: raw is behind: {behind}", State.NOTE, remedy)


def _lag(system: str, status: PartitionStatus) -> str:
    held = "nothing" if status.held is None else str(status.held)
    lag = f", {status.lag:,} offsets behind" if system == "kafka" else ""
    return f"raw at {held}, stream at {status.end}{lag}"
