"""`mlinfra models promote` and `rollback`: another version into production, recorded and served in one step."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated
from uuid import uuid4

import typer

from mlinfra_assets.commands.context import HomeOption, JsonOption, existing
from mlinfra_assets.commands.models_show import ModelArgument, declared_model
from mlinfra_assets.errors import InvalidInputError, MlinfraError
from mlinfra_assets.settings import Settings

if TYPE_CHECKING:
    from mlinfra_assets.learning.store import ModelStore

SHORTEST = 4
WhyOption = Annotated[str, typer.Option(help="The reason; it is kept with the promotion.")]
ByOption = Annotated[str | None, typer.Option(help="Who decides. Default: the user's name.", show_default=False)]


def promote(
    model: ModelArgument,
    version: Annotated[str, typer.Argument(help="The version, or its first digits.", metavar="VERSION")],
    why: WhyOption,
    by: ByOption = None,
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """Put a version into production: recorded with who and why, and answered with from then on."""
    from mlinfra_assets.learning.promotions import PROMOTED
    from mlinfra_assets.learning.store import ModelStore

    settings, spec = existing(home), declared_model(model)
    store = ModelStore(_lake(settings), spec.name)
    _switch(settings, store, _named(store, version), PROMOTED, why, by, json=json)


def rollback(
    model: ModelArgument, why: WhyOption, by: ByOption = None, home: HomeOption = None, json: JsonOption = False
) -> None:
    """Put the version back that was in production before the present one.

    The rule does not promote the version that was taken out again; `mlinfra models promote` does.
    """
    from mlinfra_assets.learning.promotions import ROLLED_BACK
    from mlinfra_assets.learning.store import ModelStore

    settings, spec = existing(home), declared_model(model)
    store = ModelStore(_lake(settings), spec.name)
    before = store.promotions.before()
    if before is None:
        raise InvalidInputError(f"model {model}: no other version was in production before, so none can be put back")
    _switch(settings, store, before.version, ROLLED_BACK, why, by, json=json)


def _lake(settings: Settings):  # noqa: ANN202 - a Lake, whose module is heavy
    from mlinfra_assets.lake.lake import Lake

    return Lake(settings.lake)


def _named(store: ModelStore, version: str) -> str:
    """A version by its first digits.

    Raises:
        InvalidInputError: None or several begin so.
    """
    known = store.versions()
    found = [v for v in known if v == version or (len(version) >= SHORTEST and v.startswith(version))]
    if len(found) != 1:
        problem = "has no version" if not found else "has several versions that begin with"
        raise InvalidInputError(f"model {store.name} {problem} {version!r}; there are: {', '.join(known) or 'none'}")
    return found[0]


def _switch(
    settings: Settings, store: ModelStore, version: str, kind: str, why: str, by: str | None, *, json: bool
) -> None:
    from mlinfra_assets.clock import HomeClock
    from mlinfra_assets.code_version import code_version
    from mlinfra_assets.commands.output import print_json
    from mlinfra_assets.lake.provenance import Provenance
    from mlinfra_assets.learning.promotions import NewPromotion
    from mlinfra_assets.registry.author import author

    stored, present = store.load(version), store.production()
    run = Provenance(run_id=f"command-{uuid4().hex}", code_version=code_version())
    promotion = NewPromotion(version, HomeClock(settings.home).now(), why, stored.metrics, kind, by or author())
    changed = store.promote(promotion, run, instead_of=None if present is None else present.version)
    served = _push(settings, store.name)
    if json:
        print_json({"model": store.name, "version": version, "changed": changed, "served": served, "by": promotion.by})
    elif changed:
        before = "nothing" if present is None else present.version
        sys.stdout.write(f"{store.name}: {version} is in production instead of {before}, by {promotion.by}\n")
    else:
        sys.stdout.write(f"{store.name}: {version} is in production already\n")


def _push(settings: Settings, name: str) -> bool:
    """Let the API answer with it at once; where Redis cannot be reached, a sensor sees to it later."""
    from mlinfra_assets.feature_store.online.store import OnlineStore
    from mlinfra_assets.publishing.models import push_model
    from mlinfra_assets.redis_server import connect

    try:
        push_model(_lake(settings), OnlineStore(connect(settings)), declared_model(name))
    except MlinfraError as error:
        sys.stderr.write(f"recorded; it is served later, once the sensor `online_repair` has pushed it: {error}\n")
        return False
    return True
