"""How far each source's raw table is behind what has arrived."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from mlinfra_assets.contracts.source import DatabaseIngest, FilesIngest, Source, StreamIngest
from mlinfra_assets.errors import MlinfraError
from mlinfra_assets.settings import Settings


@dataclass(frozen=True)
class PartitionStatus:
    """How far raw is behind in a partition.

    Attributes:
        partition: Its number.
        held: Last offset that raw holds; None if it holds nothing.
        end: Last offset of the stream.
    """

    partition: int
    held: int | None
    end: int

    @property
    def lag(self) -> int:
        """Offsets that raw does not hold; Redis's are times, and a number of them counts no records."""
        return self.end - (-1 if self.held is None else self.held)


@dataclass(frozen=True)
class SourceStatus:
    """How a source stands.

    Attributes:
        source: Its name.
        system: `redis`, `kafka`, `files` or `postgres`.
        place: The topic, the landing folder, or the table.
        partitions: Partitions of a stream that ever held a record.
        waiting: Files that raw does not hold.
        problem: Why it cannot be said, or why it does not go on; empty if nothing is wrong.
    """

    source: str
    system: str
    place: str
    partitions: tuple[PartitionStatus, ...] = ()
    waiting: int = 0
    problem: str = field(default="")

    @property
    def behind(self) -> list[PartitionStatus]:
        """The partitions in which raw is behind."""
        return [p for p in self.partitions if p.lag > 0]


def source_statuses(settings: Settings, sources: Mapping[str, Source]) -> Iterator[SourceStatus]:
    """How each source stands. What cannot be reached is said with the source, once for each."""
    logs: dict[str, object] = {}
    for source in sources.values():
        if isinstance(source.ingest, DatabaseIngest):
            yield _table(source)
        else:
            stream = isinstance(source.ingest, StreamIngest)
            yield _stream(settings, source, logs) if stream else _files(settings, source)


def _stream(settings: Settings, source: Source, logs: dict) -> SourceStatus:
    from mlinfra_assets.ingest.raw import raw_table
    from mlinfra_assets.ingest.streams import standing
    from mlinfra_assets.lake.lake import Lake
    from mlinfra_assets.streams.opening import open_log, system_of

    assert isinstance(source.ingest, StreamIngest)  # noqa: S101 - the caller chose by this very type
    system, topic = system_of(settings, source.ingest.system), source.ingest.topic
    try:
        if system not in logs:
            logs[system] = open_log(settings, system)
        found = standing(raw_table(Lake(settings.lake), source), logs[system], source)
    except MlinfraError as error:
        return SourceStatus(source.name, system, topic, problem=str(error))
    partitions = (PartitionStatus(p, found.held.get(p), end) for p, end in sorted(found.state.end.items()))
    return SourceStatus(source.name, system, topic, tuple(partitions))


def _files(settings: Settings, source: Source) -> SourceStatus:
    from mlinfra_assets.connectors.files import new_files
    from mlinfra_assets.ingest.files import held_files
    from mlinfra_assets.ingest.raw import raw_table
    from mlinfra_assets.lake.lake import Lake

    assert isinstance(source.ingest, FilesIngest)  # noqa: S101 - the caller chose by this very type
    folder = settings.landing / source.name
    try:
        held = held_files(raw_table(Lake(settings.lake), source))
        waiting = new_files(str(folder), source.ingest, held) if folder.is_dir() else []
    except MlinfraError as error:
        return SourceStatus(source.name, "files", str(folder), problem=str(error))
    return SourceStatus(source.name, "files", str(folder), waiting=len(waiting))


def _table(source: Source) -> SourceStatus:
    from mlinfra_assets.connectors.postgres import taken

    assert isinstance(source.ingest, DatabaseIngest)  # noqa: S101 - the caller chose by this very type
    key = tuple(source.contract.field(name).physical_name for name in source.contract.primary_key)
    try:
        with taken(source.ingest, key):
            pass  # that the table can be looked at is what is asked
    except MlinfraError as error:
        return SourceStatus(source.name, "postgres", source.ingest.table, problem=str(error))
    return SourceStatus(source.name, "postgres", source.ingest.table)
