"""`mlinfra breaker`: which circuit breakers are open, why, and the way back."""

from __future__ import annotations

import getpass
import json as jsonlib
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated
from uuid import uuid4

import typer

from mlinfra_assets.commands.context import HomeOption, JsonOption, existing
from mlinfra_assets.errors import MlinfraError
from mlinfra_assets.settings import Settings

if TYPE_CHECKING:
    from mlinfra_assets.breakers.breaker import Breaker
    from mlinfra_assets.breakers.decisions import Decision
    from mlinfra_assets.breakers.log import BreakerLog

    Decide = Callable[[BreakerLog, str, Decision], Breaker]

app = typer.Typer(
    help="Circuit breakers of sources and feature views: what is open, why, and the way back.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
SubjectArgument = Annotated[
    str, typer.Argument(metavar="SUBJECT", help="source/NAME or view/NAME; the name alone where only one has it.")
]
WhyOption = Annotated[str, typer.Option(help="The reason; it is kept with the decision.")]
ByOption = Annotated[str | None, typer.Option(help="Who decides. Default: the user's name.", show_default=False)]
STATES = {"closed": "green", "half_open": "yellow", "open": "bold red"}


class OpenBreakersError(MlinfraError):
    """There are open breakers, and the caller asked to be told by the exit status."""


@app.command("list")
def list_breakers(
    everything: Annotated[bool, typer.Option("--all", help="Also those that are closed again.")] = False,
    exit_code: Annotated[bool, typer.Option("--exit-code", help="End with status 1 if any is open.")] = False,
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """Every breaker that is not closed: since when, by whom, why, and what it holds."""
    from mlinfra_assets.commands.output import console, plain_table, print_json

    found = [b for b in _log(existing(home)).breakers().values() if everything or b.state != "closed"]
    if json:
        print_json([document(breaker) for breaker in found])
    elif not found:
        console().print("No breaker is open or half open.")
    else:
        table = plain_table("breaker", "state", "since", "by", "why", whole=("state",))
        for breaker in found:
            since = "" if breaker.since is None else f"{breaker.since:%Y-%m-%d %H:%M}"
            table.add_row(breaker.subject, breaker.state, since, breaker.by, breaker.why)
        console().print(table)
    opened = [breaker.subject for breaker in found if breaker.is_open]
    if exit_code and opened:
        raise OpenBreakersError(f"open: {', '.join(opened)}")


@app.command("show")
def show_breaker(subject: SubjectArgument, home: HomeOption = None, json: JsonOption = False) -> None:
    """One breaker: its state, what it holds, everything that happened to it, and what can be done."""
    from mlinfra_assets.commands.output import print_json, printable

    settings = existing(home)
    log, name = _log(settings), _subject(subject)
    breaker, events = log.breaker(name), log.events(name)
    if json:
        print_json({**document(breaker), "events": [event.to_dict() for event in events]})
        return
    lines = [f"{name}: {breaker.state}" + (f" since {breaker.since.isoformat()}" if breaker.since else "")]
    lines += [f"  held: {span}" for span in breaker.held]
    for event in events:
        lines.append(f"{event.at.isoformat()}  {event.kind} -> {event.state}, by {event.by} ({event.run_id})")
        lines.append(f"  {event.why}")
    if breaker.evidence != "null":
        evidence = jsonlib.dumps(jsonlib.loads(breaker.evidence), indent=2, ensure_ascii=False)
        lines += ["Newest evidence:", evidence]
    lines += advice(breaker)
    sys.stdout.write(printable("\n".join(lines)) + "\n")


@app.command("open")
def open_breaker(
    subject: SubjectArgument, why: WhyOption, by: ByOption = None, home: HomeOption = None, json: JsonOption = False
) -> None:
    """Freeze a source or a view and all that depends on it, until a person closes the breaker."""
    from mlinfra_assets.breakers.decisions import open_by_hand

    _decide(open_by_hand, subject, why, by, existing(home), json=json)


@app.command("close")
def close_breaker(
    subject: SubjectArgument, why: WhyOption, by: ByOption = None, home: HomeOption = None, json: JsonOption = False
) -> None:
    """Let everything go on. What is held has to be released or dropped first."""
    from mlinfra_assets.breakers.decisions import close_by_hand

    _decide(close_by_hand, subject, why, by, existing(home), json=json)


@app.command("release")
def release(
    subject: SubjectArgument, why: WhyOption, by: ByOption = None, home: HomeOption = None, json: JsonOption = False
) -> None:
    """Let in what is held, although it breaks the batch rules; its bad records go to quarantine one by one."""
    from mlinfra_assets.breakers.decisions import release_held

    _decide(release_held, subject, why, by, existing(home), json=json)


@app.command("drop")
def drop(
    subject: SubjectArgument, why: WhyOption, by: ByOption = None, home: HomeOption = None, json: JsonOption = False
) -> None:
    """Leave out what is held: raw keeps it, and quarantine has every record of it with this reason."""
    from mlinfra_assets.breakers.decisions import drop_held

    _decide(drop_held, subject, why, by, existing(home), json=json)


def document(breaker: Breaker) -> dict[str, object]:
    """A breaker for programs."""
    from mlinfra_assets.breakers.event import spans_to_list

    return {
        "subject": breaker.subject,
        "state": breaker.state,
        "since": breaker.since,
        "by": breaker.by,
        "why": breaker.why,
        "by_hand": breaker.by_hand,
        "held": spans_to_list(breaker.held),
        "evidence": jsonlib.loads(breaker.evidence),
    }


def advice(breaker: Breaker) -> list[str]:
    """What can be done about a breaker, a line each."""
    name = breaker.subject
    if breaker.by_hand:
        return [f"A person opened it: `mlinfra breaker close {name} --why ...` lets everything go on."]
    if breaker.held:
        return [
            "A good batch makes it half open (what is held then goes to quarantine).",
            "So does a contract that what is held keeps. Or decide:",
            f"  mlinfra breaker release {name} --why ...   lets it in as it is",
            f"  mlinfra breaker drop {name} --why ...      leaves it out",
        ]
    if breaker.is_open:
        return [
            "Snapshots that pass their check make it half open; materialize them again once the inputs are right.",
            f"`mlinfra breaker close {name} --why ...` closes it as it is.",
        ]
    return ["The next batch decides: a good one closes it, a bad one opens it."] if breaker.state != "closed" else []


def _decide(decide: Decide, text: str, why: str, by: str | None, settings: Settings, *, json: bool) -> None:
    from mlinfra_assets.breakers.decisions import Decision
    from mlinfra_assets.clock import HomeClock
    from mlinfra_assets.code_version import code_version
    from mlinfra_assets.commands.output import print_json
    from mlinfra_assets.lake.provenance import Provenance

    subject = _subject(text)
    run = Provenance(run_id=f"command-{uuid4().hex}", code_version=code_version())
    decision = Decision(by or getpass.getuser(), why, HomeClock(settings.home).now(), run)
    breaker = decide(_log(settings), subject, decision)
    _tell_redis(settings)
    if json:
        print_json(document(breaker))
    else:
        lines = [f"{subject}: {breaker.state}, by {decision.by}", *advice(breaker)]
        sys.stdout.write("\n".join(lines) + "\n")


def _tell_redis(settings: Settings) -> None:
    """Let the API say so at once; where Redis cannot be reached, a sensor tells it later."""
    from mlinfra_assets.feature_store.online.store import OnlineStore
    from mlinfra_assets.lake.lake import Lake
    from mlinfra_assets.publishing.mirror import mirror_breakers
    from mlinfra_assets.redis_server import connect

    try:
        mirror_breakers(Lake(settings.lake), OnlineStore(connect(settings)))
    except MlinfraError as error:
        sys.stderr.write(f"recorded; the API is told later, by the sensor `breakers`: {error}\n")


def _subject(text: str) -> str:
    from mlinfra_assets.breakers.subjects import named
    from mlinfra_assets.commands.sources import declared_sources
    from mlinfra_assets.features import fs

    return named(text, declared_sources(), fs.views)


def _log(settings: Settings) -> BreakerLog:
    from mlinfra_assets.breakers.log import BreakerLog
    from mlinfra_assets.lake.lake import Lake

    return BreakerLog(Lake(settings.lake))
