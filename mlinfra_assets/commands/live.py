"""`mlinfra live`: views that follow their streams, within milliseconds, and how far behind they are."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated
from uuid import uuid4

import typer

from mlinfra_assets.commands.consume import GROUP
from mlinfra_assets.commands.context import HomeOption, begin
from mlinfra_assets.errors import InvalidInputError, MlinfraError
from mlinfra_assets.interrupts import interrupted
from mlinfra_assets.settings import Settings

if TYPE_CHECKING:
    from mlinfra_assets.contracts.source import Source
    from mlinfra_assets.feature_store.view import FeatureView
    from mlinfra_assets.live.feed import FindSchemas, SourceFeed
    from mlinfra_assets.live.feeds import Feeds, Told

STATUS = "status"
Say = Callable[[dict[str, object]], None]


class NotFollowedError(MlinfraError):
    """A view does not follow its stream, and not because somebody asked."""


def live(
    views: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[VIEW]...",
            help="Feature views. Default: all that are online and can be. `status`: say how far behind they are.",
            show_default=False,
        ),
    ] = None,
    report_seconds: Annotated[
        float, typer.Option(min=0.1, help="Seconds between two reports of how far views have come.")
    ] = 1.0,
    until_caught_up: Annotated[
        bool, typer.Option("--until-caught-up", help="End when nothing is left to read.")
    ] = False,
    home: HomeOption = None,
    json: Annotated[bool, typer.Option("--json", help="One JSON document a line on stdout.")] = False,
) -> None:
    """Feed streams into the online values of feature views, within milliseconds. Ctrl-C stops it."""
    settings, _ = begin(home)
    if views == [STATUS]:
        from mlinfra_assets.commands.live_status import show_status

        show_status(settings, as_json=json)
        return
    from mlinfra_assets.live.feeds import Feeds

    say = _json_line if json else _text_line
    chosen, refused = chosen_views(views or [])
    for name, why in refused.items():
        say({"event": "batch_only", "source": "", "view": name, "why": why})
    if not chosen:
        raise InvalidInputError("no feature view that is online can be live; each says why above")
    updater = uuid4().hex[:12]
    openers = {
        name: _opener(settings, source, names, report_seconds, updater) for name, (source, names) in chosen.items()
    }
    feeds = Feeds(openers, GROUP, until_caught_up=until_caught_up)
    with interrupted(feeds.stop):
        problems = _follow(feeds, say)
    if problems:
        raise NotFollowedError("; ".join(problems))


def chosen_views(names: Sequence[str]) -> tuple[dict[str, tuple[Source, list[str]]], dict[str, str]]:
    """The views to feed, by their source; and those online views that cannot be live, with why.

    Args:
        names: Views that are asked for; empty: every online view that can be.

    Raises:
        InvalidInputError: There is no such view, it is not online, or it cannot be live.
    """
    from mlinfra_assets.commands.sources import declared_sources
    from mlinfra_assets.live.eligible import refusal

    declared, sources = _online_views(), declared_sources()
    unknown = [name for name in names if name not in declared]
    if unknown:
        raise InvalidInputError(
            f"there is no feature view {', '.join(unknown)} that is online: there are {', '.join(sorted(declared))}"
        )
    chosen: dict[str, tuple[Source, list[str]]] = {}
    refused: dict[str, str] = {}
    for name in dict.fromkeys(names or declared):
        source = sources.get(declared[name].dataset.source)
        why = refusal(declared[name], source)
        if why is None and source is not None:
            chosen.setdefault(source.name, (source, []))[1].append(name)
        elif names:
            raise InvalidInputError(f"view {name} cannot be live: {why}; it is fed in batches")
        else:
            refused[name] = str(why)
    return chosen, refused


def _online_views() -> dict[str, FeatureView]:
    from mlinfra_assets.features import fs

    return {view.name: view for view in fs.views.values() if view.online}


def _opener(
    settings: Settings, source: Source, views: Sequence[str], report_seconds: float, updater: str
) -> Callable[[], SourceFeed]:
    from mlinfra_assets.clock import HomeClock
    from mlinfra_assets.contracts.source import StreamIngest
    from mlinfra_assets.feature_store.online.lag import LiveLag
    from mlinfra_assets.feature_store.online.store import OnlineStore
    from mlinfra_assets.live.feed import FeedSettings, SourceFeed
    from mlinfra_assets.redis_server import connect
    from mlinfra_assets.streams.opening import open_log

    assert isinstance(source.ingest, StreamIngest)  # noqa: S101 - they were chosen by this very type
    system = source.ingest.system

    def opened() -> SourceFeed:
        client = connect(settings)
        return SourceFeed(
            OnlineStore(client),
            LiveLag(client),
            open_log(settings, system),
            source,
            views,
            HomeClock(settings.home),
            FeedSettings(settings.max_payload_bytes, report_seconds, updater),
            _schemas(settings, updater),
        )

    return opened


def _schemas(settings: Settings, updater: str) -> FindSchemas:
    """The schemas of messages: kept in the lake before they are used, as by whoever lands the messages."""
    from mlinfra_assets.code_version import code_version
    from mlinfra_assets.connectors.schema_registry import SchemaRegistry
    from mlinfra_assets.lake.lake import Lake
    from mlinfra_assets.lake.provenance import Provenance
    from mlinfra_assets.registry.kept_schemas import KeptSchemas

    kept = KeptSchemas(Lake(settings.lake), SchemaRegistry.of(settings))
    provenance = Provenance(run_id=f"live-{updater}", code_version=code_version())
    return lambda source, payloads: kept.needed(source, payloads, provenance)


def _follow(feeds: Feeds, say: Say) -> list[str]:
    """Tell what happens until the end; what did not go on by itself, for people."""
    from mlinfra_assets.commands.failure import keep_traceback
    from mlinfra_assets.live.feeds import Ended

    problems: list[str] = []
    for told in feeds.run():
        why = None
        if isinstance(told, Ended):
            why = told.why if told.error is None else keep_traceback(told.error, sys.argv[1:])
            problems += [f"source {told.source} has stopped: {why}"] if why else []
            problems += list(told.waiting.values())
        say(_described(told, why))
    return problems


def _described(told: Told, why: str | None) -> dict[str, object]:
    from mlinfra_assets.live.feed import Fed, Turned
    from mlinfra_assets.live.feeds import Interrupted

    if isinstance(told, Fed):
        return {
            "event": "fed",
            "source": told.source,
            "records": told.records,
            "valid": told.valid,
            "quarantined": told.quarantined,
            "applied": dict(told.applied),
            "lag": [
                {
                    "view": lag.view,
                    "partition": lag.partition,
                    "offset": lag.offset,
                    "records": lag.records,
                    "seconds": lag.seconds,
                }
                for lag in told.lag
            ],
        }
    if isinstance(told, Turned):
        event = "live" if told.why is None else "waiting"
        return {"event": event, "source": told.source, "view": told.view, "version": told.version, "why": told.why}
    if isinstance(told, Interrupted):
        return {"event": "unavailable", "source": told.source, "why": told.why}
    return {"event": "stopped", "source": told.source, "why": why}


def _json_line(said: Mapping[str, object]) -> None:
    import orjson

    sys.stdout.write(orjson.dumps(said).decode() + "\n")
    sys.stdout.flush()


def _text_line(said: Mapping[str, object]) -> None:
    text = {
        "batch_only": "{view} is fed in batches only: {why}",
        "live": "{view}: version {version} follows {source}",
        "waiting": "{view} waits: {why}",
        "unavailable": "{source} waits: {why}",
        "fed": "{source}: {records} events, {valid} valid, {quarantined} quarantined; applied: {told}",
        "stopped": "{source} has stopped: {why}" if said.get("why") else "{source} has stopped",
    }[str(said["event"])]
    applied = said.get("applied")
    told = ", ".join(f"{view} {n}" for view, n in applied.items()) if isinstance(applied, dict) else ""
    sys.stderr.write(text.format(**said, told=told) + "\n")
