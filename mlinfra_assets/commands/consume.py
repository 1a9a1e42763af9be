"""`mlinfra consume`: sources followed by a process that stays, a small batch at a time."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from uuid import uuid4

import typer

from mlinfra_assets.commands.context import HomeOption, begin
from mlinfra_assets.errors import InvalidInputError, MlinfraError
from mlinfra_assets.interrupts import interrupted
from mlinfra_assets.settings import Settings

if TYPE_CHECKING:
    from mlinfra_assets.assets.runless import RunlessReports
    from mlinfra_assets.contracts.source import Source
    from mlinfra_assets.ingest.consumer import Pace, SourceConsumer
    from mlinfra_assets.ingest.consumers import Consumers, Ended, Told

TICK = 0.5
GROUP = "mlinfra"


class SourceStoppedError(MlinfraError):
    """A source is followed no more, and not because somebody asked."""


def consume(
    sources: Annotated[
        list[str] | None,
        typer.Argument(metavar="[SOURCE]...", help="Stream sources. Default: all.", show_default=False),
    ] = None,
    linger_ms: Annotated[
        int | None,
        typer.Option(min=0, help="Milliseconds that records gather for a batch. Default: MLINFRA_CONSUME_LINGER_MS."),
    ] = None,
    max_batch: Annotated[
        int | None, typer.Option(min=1, help="Most records of a batch. Default: MLINFRA_CONSUME_MAX_BATCH.")
    ] = None,
    report_seconds: Annotated[
        float, typer.Option(min=0.0, help="At least so many seconds between two reports of a source to Dagster.")
    ] = 10.0,
    until_caught_up: Annotated[
        bool, typer.Option("--until-caught-up", help="End when nothing is left to read.")
    ] = False,
    home: HomeOption = None,
    json: Annotated[bool, typer.Option("--json", help="One JSON document a line on stdout, for each batch.")] = False,
) -> None:
    """Follow streams into raw and processed, within a second. Ctrl-C finishes the batch in hand and stops."""
    from mlinfra_assets.assets.runless import RunlessReports
    from mlinfra_assets.dagster_home import prepare, recording
    from mlinfra_assets.following import following
    from mlinfra_assets.ingest.consumer import Pace
    from mlinfra_assets.ingest.consumers import Consumers
    from mlinfra_assets.lake.lake import Lake

    settings, _ = begin(home)
    chosen = chosen_sources(sources or [])
    pace = Pace(
        linger=(settings.consume_linger_ms if linger_ms is None else linger_ms) / 1000,
        max_batch=settings.consume_max_batch if max_batch is None else max_batch,
        keep=timedelta(hours=settings.stream_retention_hours),
    )
    consumer = f"consume-{uuid4().hex}"
    openers = {source.name: _opener(settings, source, pace, consumer) for source in chosen}
    consumers = Consumers(openers, GROUP, until_caught_up=until_caught_up, mark=partial(following, settings.home))
    prepare(settings.dagster_home)
    with recording(settings.dagster_home) as instance, interrupted(consumers.stop):
        reports = RunlessReports(instance, Lake(settings.lake), report_seconds, consumer)
        stopped = _follow(consumers, reports, _json_line if json else _text_line)
    if stopped:
        raise SourceStoppedError("; ".join(f"source {name} has stopped: {why}" for name, why in stopped.items()))


def chosen_sources(names: Sequence[str]) -> list[Source]:
    """The stream sources of these names; all there are if none is named.

    Raises:
        InvalidInputError: There is no such source, or it is not a stream.
    """
    from mlinfra_assets.commands.sources import declared_sources
    from mlinfra_assets.contracts.source import StreamIngest

    streams = {name: s for name, s in declared_sources().items() if isinstance(s.ingest, StreamIngest)}
    unknown = [name for name in names if name not in streams]
    if unknown:
        raise InvalidInputError(
            f"there is no stream source {', '.join(unknown)}: the stream sources are {', '.join(sorted(streams))}"
        )
    return [streams[name] for name in dict.fromkeys(names)] or list(streams.values())


def _opener(settings: Settings, source: Source, pace: Pace, consumer: str) -> Callable[[], SourceConsumer]:
    from mlinfra_assets.clock import HomeClock
    from mlinfra_assets.code_version import code_version
    from mlinfra_assets.connectors.schema_registry import SchemaRegistry
    from mlinfra_assets.contracts.declaration import load_source
    from mlinfra_assets.contracts.source import StreamIngest
    from mlinfra_assets.ingest.consumer import SourceConsumer
    from mlinfra_assets.lake.lake import Lake
    from mlinfra_assets.lake.provenance import Provenance
    from mlinfra_assets.streams.opening import open_log

    assert isinstance(source.ingest, StreamIngest)  # noqa: S101 - they were chosen by this very type
    system = source.ingest.system

    def opened() -> SourceConsumer:
        return SourceConsumer(
            Lake(settings.lake),
            open_log(settings, system),
            source,
            Provenance(run_id=consumer, code_version=code_version()),
            HomeClock(settings.home),
            pace,
            settings.max_payload_bytes,
            SchemaRegistry.of(settings),
            declared=lambda: load_source(Path(source.file)),
        )

    return opened


def _follow(consumers: Consumers, reports: RunlessReports, say: Callable[[dict[str, object]], None]) -> dict[str, str]:
    """Tell people, programs and Dagster what happens until the end; why sources stopped by themselves, by name."""
    from mlinfra_assets.ingest.consumer import Consumed
    from mlinfra_assets.ingest.consumers import Ended

    stopped: dict[str, str] = {}
    try:
        for told in consumers.run(TICK):
            if isinstance(told, Consumed):
                reports.add(told)
            why = _why(told) if isinstance(told, Ended) else None
            if isinstance(told, Ended) and why is not None:
                stopped[told.source] = why
            if told is not None:
                say(_described(told, why))
            untold = reports.tell_due()
            if untold is not None:
                say({"event": "untold", "source": "", "why": untold})
    finally:
        reports.tell_all()
    return stopped


def _why(ended: Ended) -> str | None:
    """Why a source is followed no more, for people; None if that was asked for."""
    from mlinfra_assets.commands.failure import keep_traceback

    return ended.why if ended.error is None else keep_traceback(ended.error, sys.argv[1:])


def _described(told: Told, why: str | None) -> dict[str, object]:
    from mlinfra_assets.ingest.consumer import Consumed
    from mlinfra_assets.ingest.consumers import Ended, Interrupted

    if isinstance(told, Consumed):
        if told.validated is None:
            return {
                "event": "landed",
                "source": told.source.name,
                "landed": told.landed.records,
                "lag": told.behind,
                "positions": told.landed.positions.to_dict(),
            }
        return {
            "event": "batch",
            "source": told.source.name,
            "landed": told.landed.records,
            "valid": told.validated.valid,
            "quarantined": told.validated.quarantined,
            "lag": told.behind,
            "breaker": told.validated.breaker.state,
            "positions": told.landed.positions.to_dict(),
        }
    if isinstance(told, Interrupted):
        return {"event": "waiting", "source": told.source, "why": told.why}
    if isinstance(told, Ended):
        return {"event": "stopped", "source": told.source, "why": why}
    return {"event": "resumed", "source": told.source}


def _json_line(said: dict[str, object]) -> None:
    import orjson

    sys.stdout.write(orjson.dumps(said).decode() + "\n")
    sys.stdout.flush()


def _text_line(said: dict[str, object]) -> None:
    text = {
        "batch": "{source}: {landed} records in, {valid} valid, {quarantined} quarantined, {lag} to come, "
        "breaker {breaker}",
        "landed": "{source}: {landed} records in raw, {lag} to come",
        "waiting": "{source} waits: {why}",
        "resumed": "{source} goes on",
        "untold": "what happens is told later: {why}",
        "stopped": "{source} has stopped: {why}" if said.get("why") else "{source} has stopped",
    }[str(said["event"])]
    sys.stderr.write(text.format(**said) + "\n")
