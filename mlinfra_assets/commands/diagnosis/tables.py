"""The lake's tables, and how far raw is behind what has arrived."""

from __future__ import annotations

from collections.abc import Iterator

from mlinfra_assets.commands.diagnosis.finding import Finding, State, broken
from mlinfra_assets.contracts.source import FilesIngest, Source, StreamIngest
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
    """For each source, what has arrived against what raw holds."""
    from mlinfra_assets.commands.sources import declared_sources

    area = "Sources"
    try:
        sources = declared_sources()
    except MlinfraError as error:
        yield broken(area, "declarations", error)
        return
    for source in sources.values():
        try:
            yield (
                _stream(area, source, settings)
                if isinstance(source.ingest, StreamIngest)
                else _files(area, source, settings)
            )
        except MlinfraError as error:
            yield broken(area, source.name, error)


def _stream(area: str, source: Source, settings: Settings) -> Finding:
    from mlinfra_assets import names
    from mlinfra_assets.ingest.raw import offsets
    from mlinfra_assets.redis_server import connect
    from mlinfra_assets.streams.redis_log import RedisLog

    assert isinstance(source.ingest, StreamIngest)  # noqa: S101 - the caller chose by this very type
    end = RedisLog(connect(settings)).end(source.ingest.topic)
    held = offsets(Lake(settings.lake).table(names.table(*names.raw(source.name))), source.name, sorted(end))
    behind = [f"partition {p}: raw at {held.get(p, 'nothing')}, stream at {last}" for p, last in end.items()
              if held.get(p, -1) < last]  # fmt: skip
    if behind:
        remedy = f"materialize raw/{source.name}; with mlinfra up its sensor does"
        return Finding(area, source.name, "raw is behind: " + "; ".join(behind), State.NOTE, remedy)
    return Finding(area, source.name, "raw holds the whole stream" if end else "the stream is empty")


def _files(area: str, source: Source, settings: Settings) -> Finding:
    from mlinfra_assets import names
    from mlinfra_assets.connectors.files import new_files
    from mlinfra_assets.ingest.raw import held_files

    assert isinstance(source.ingest, FilesIngest)  # noqa: S101 - the caller chose by this very type
    held = held_files(Lake(settings.lake).table(names.table(*names.raw(source.name))))
    folder = settings.landing / source.name
    waiting = new_files(str(folder), source.ingest, held) if folder.is_dir() else []
    if waiting:
        remedy = f"materialize raw/{source.name}; with mlinfra up its sensor does"
        return Finding(area, source.name, f"{len(waiting)} files wait in {folder}", State.NOTE, remedy)
    return Finding(area, source.name, f"raw holds {len(held)} files, none waits")
