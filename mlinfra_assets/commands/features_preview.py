"""`mlinfra features preview`: what the declared version of a view would do, before it goes live."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mlinfra_assets.commands.context import HomeOption, JsonOption, existing
from mlinfra_assets.commands.features_show import ViewArgument
from mlinfra_assets.errors import InvalidInputError, MlinfraError

if TYPE_CHECKING:
    from mlinfra_assets.catalogue.views import Catalogue
    from mlinfra_assets.preview.preview import Preview
    from mlinfra_assets.settings import Settings

SAMPLE = 10_000


def preview(
    view: ViewArgument,
    day: Annotated[
        list[datetime] | None,
        typer.Option(
            formats=["%Y-%m-%d"],
            help="At the end of which UTC day; may be given several times. Default: the newest that is over.",
            show_default=False,
        ),
    ] = None,
    sample: Annotated[
        int, typer.Option(min=0, help="How many entities to look at, the same ones every time; 0: all.")
    ] = SAMPLE,
    against: Annotated[
        str | None,
        typer.Option(help="A registered version, or its first digits. Default: the newest.", show_default=False),
    ] = None,
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """What the declared version of a view would do: every value beside the registered version's, on the real rows.

    Both versions are evaluated at the end of a day, as known then. Nothing is written, and nothing is pushed.
    """
    from mlinfra_assets.catalogue.views import open_catalogue
    from mlinfra_assets.commands.output import print_json
    from mlinfra_assets.commands.preview_text import show

    settings = existing(home)
    catalogue = open_catalogue(settings)
    found = _preview(settings, catalogue, view, [d.date() for d in day or ()], sample or None, against)
    document = {**described(found), "users": hits(catalogue, found), "online": pushed(settings, catalogue, view)}
    print_json(document) if json else show(document)


def _preview(
    settings: Settings, catalogue: Catalogue, name: str, days: list[date], sample: int | None, against: str | None
) -> Preview:
    from mlinfra_assets.catalogue.views import DECLARED
    from mlinfra_assets.clock import HomeClock
    from mlinfra_assets.features import fs
    from mlinfra_assets.lake.lake import Lake
    from mlinfra_assets.preview.preview import Asked, preview

    after = catalogue.version(name, DECLARED).document
    before = catalogue.newest(name) if against is None else catalogue.version(name, against)
    last = HomeClock(settings.home).now().date() - timedelta(days=1)
    later = sorted(day for day in days if day > last)
    if later:
        raise InvalidInputError(f"{later[0]} is not over yet: the newest day that is over is {last}")
    first = min(settings.history_start, *days, last)
    backfill = [first + timedelta(days=n) for n in range((last - first).days + 1)]
    asked = Asked(sorted(set(days)) or [last], sample, backfill)
    return preview(Lake(settings.lake), fs.datasets, None if before is None else before.document, after, asked)


def described(found: Preview) -> dict[str, Any]:
    """A preview, JSON-ready."""
    cost = found.cost
    return {
        "view": found.view,
        "before": found.before,
        "after": found.after,
        "days": [day.isoformat() for day in found.days],
        "entities": found.entities,
        "compared": found.compared,
        "served": {"before": found.served_before, "after": found.served_after, "either": found.served},
        "features": [_feature(feature) for feature in found.features],
        "needs_a_request": list(found.unseen),
        "staged_by_each_version": list(found.restaged),
        "contract_differs": found.contract_differs,
        "backfill": {
            "estimate": True,
            **cost.__dict__,
            "rows_per_day": cost.rows_per_day,
            "before": None if found.cost_before is None else found.cost_before.__dict__,
        },
    }


def _feature(feature: Any) -> dict[str, Any]:  # noqa: ANN401 - a FeatureChange, imported when it is needed
    values = {**feature.__dict__, "share": feature.share}
    return {**values, "examples": [example.__dict__ for example in feature.examples]}


def hits(catalogue: Catalogue, found: Preview) -> list[dict[str, Any]]:
    """The models, services and views that use a feature whose values change or that is removed."""
    changed, removed = ({f.name for f in found.of(state)} for state in ("changed", "removed"))
    users = [(use.kind, use.name, use.features) for use in catalogue.users(found.view)]
    users += [
        ("view", view.name, tuple(node.feature for node in view.lookups if node.view == found.view))
        for view in catalogue.views.values()
    ]
    rows = [
        {
            "kind": kind,
            "name": name,
            "changed": [f for f in features if f in changed],
            "removed": [f for f in features if f in removed],
        }
        for kind, name, features in users
    ]
    return [row for row in rows if row["changed"] or row["removed"]]


def pushed(settings: Settings, catalogue: Catalogue, name: str) -> dict[str, Any]:
    """Whether the view is online, and the version that Redis serves; `problem` says why that is not known."""
    from mlinfra_assets.feature_store.online.store import OnlineStore
    from mlinfra_assets.redis_server import connect

    document = catalogue.version(name).document
    answer: dict[str, Any] = {"online": document.view.online, "served": None, "differs": None, "problem": None}
    if not document.view.online:
        return answer
    try:
        served = {record.name: record.version for record in OnlineStore(connect(settings)).views()}.get(name)
    except MlinfraError as error:
        return {**answer, "problem": str(error)}
    return {**answer, "served": served, "differs": served is not None and served != document.version}
