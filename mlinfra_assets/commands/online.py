"""`mlinfra online`: which version of a view is served, and the way back to the one before."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal
from uuid import uuid4

import typer

from mlinfra_assets.commands.context import HomeOption, JsonOption, begin
from mlinfra_assets.settings import Settings

if TYPE_CHECKING:
    from mlinfra_assets.feature_store.online.store import OnlineStore

app = typer.Typer(
    help="The online values of feature views: which version is served, and the way back to the one before.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
ViewArgument = Annotated[str, typer.Argument(metavar="VIEW", help="A feature view that is online.")]
WhyOption = Annotated[str, typer.Option(help="The reason; it is kept with the change.")]
ByOption = Annotated[str | None, typer.Option(help="Who decides. Default: the user's name.", show_default=False)]


@app.command("rollback", short_help="Serve the version before, in one step.")
def roll_back(
    view: ViewArgument, why: WhyOption, by: ByOption = None, home: HomeOption = None, json: JsonOption = False
) -> None:
    """Serve the last push of the version before, and keep to it: pushes of other versions wait until `resume`."""
    from mlinfra_assets.clock import HomeClock, to_micros
    from mlinfra_assets.registry.author import author

    settings, _ = begin(home)
    who, at = by or author(), HomeClock(settings.home).now()
    pin = _store(settings).pinning(view).roll_back(who, why, to_micros(at))
    _record(settings, view, "rolled_back", pin.version, who, why, json=json)


@app.command("resume", short_help="Serve the version that was rolled back from.")
def resume(
    view: ViewArgument, why: WhyOption, by: ByOption = None, home: HomeOption = None, json: JsonOption = False
) -> None:
    """Serve what was rolled back from, and take pushes of any version again."""
    from mlinfra_assets.registry.author import author

    settings, _ = begin(home)
    version = _store(settings).pinning(view).resume()
    _record(settings, view, "resumed", version, by or author(), why, json=json)


def _store(settings: Settings) -> OnlineStore:
    from mlinfra_assets.feature_store.online.store import OnlineStore
    from mlinfra_assets.redis_server import connect

    return OnlineStore(connect(settings))


def _record(
    settings: Settings,
    view: str,
    what: Literal["rolled_back", "resumed"],
    version: str,
    by: str,
    why: str,
    *,
    json: bool,
) -> None:
    from mlinfra_assets.clock import HomeClock
    from mlinfra_assets.code_version import code_version
    from mlinfra_assets.commands.output import console, print_json
    from mlinfra_assets.lake.lake import Lake
    from mlinfra_assets.lake.provenance import Provenance
    from mlinfra_assets.registry.online_versions import VersionChange, record_change

    change = VersionChange(view, HomeClock(settings.home).now(), what, version, by, why)
    record_change(Lake(settings.lake), change, Provenance(f"online-{uuid4().hex[:12]}", code_version()))
    if json:
        print_json({"view": view, "what": what, "version": version, "by": by, "why": why, "at": change.at})
    else:
        console().print(f"{view}: {what.replace('_', ' ')}; version {version} is served")
