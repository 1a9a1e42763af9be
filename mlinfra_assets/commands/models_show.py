"""`mlinfra models list` and `show`: models as they stand."""

from __future__ import annotations

import sys
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from mlinfra_assets.commands.context import HomeOption, JsonOption, existing
from mlinfra_assets.errors import InvalidInputError
from mlinfra_assets.settings import Settings

if TYPE_CHECKING:
    from mlinfra_assets.learning.model import ModelSpec
    from mlinfra_assets.learning.overview import ModelOverview

ModelArgument = Annotated[str, typer.Argument(help="Name of the model.", metavar="MODEL", show_default=False)]
IMPORTANT = 10
"""How many inputs are shown by their importance."""


def list_models(home: HomeOption = None, json: JsonOption = False) -> None:
    """Every model: the version in production and since when, its challenger, and what does not keep its limits."""
    from mlinfra_assets.commands.output import console, plain_table, print_json
    from mlinfra_assets.models import declared

    settings = existing(home)
    found = [_overview(model, settings) for model in declared().values()]
    if json:
        print_json([one.to_dict() for one in found])
        return
    table = plain_table(
        "model", "in production", "since", "by", "challenger", "warns", whole=("in production", "since")
    )
    for one in found:
        present = one.production
        table.add_row(
            one.model.name,
            "none" if present is None else present.version,
            "" if present is None else _minute(present.promoted_at),
            "" if present is None else present.by,
            one.challenger or "",
            ", ".join(finding.check for finding in one.findings if not finding.passed),
        )
    console().print(table)


def show_model(model: ModelArgument, home: HomeOption = None, json: JsonOption = False) -> None:
    """One model: its versions and promotions, what was measured, what its checks say, whether it is to be trained."""
    from mlinfra_assets.commands.output import print_json, printable

    settings = existing(home)
    found = _overview(declared_model(model), settings)
    if json:
        print_json(found.to_dict())
    else:
        sys.stdout.write(printable("\n".join(_lines(found))) + "\n")


def declared_model(name: str) -> ModelSpec:
    """A model by its name.

    Raises:
        InvalidInputError: None is declared by it; the message names the nearest.
    """
    from mlinfra_assets.feature_store.dataset import nearest
    from mlinfra_assets.models import declared

    known = declared()
    if name not in known:
        raise InvalidInputError(f"there is no model {name!r}{nearest(name, list(known))}")
    return known[name]


def _overview(model: ModelSpec, settings: Settings) -> ModelOverview:
    from mlinfra_assets.clock import HomeClock
    from mlinfra_assets.lake.lake import Lake
    from mlinfra_assets.learning.overview import overview

    return overview(model, Lake(settings.lake), HomeClock(settings.home).now())


def _lines(found: ModelOverview) -> list[str]:
    present = found.production
    head = "nothing is in production" if present is None else f"{present.version} is in production"
    lines = [f"{found.model.name}: {head}"]
    if found.challenger is not None:
        lines.append(f"{found.challenger} is in shadow")
    lines.append("\nVersions")
    for training in reversed(found.trainings):
        lines.append(f"  {training.version}  {_minute(training.at)}  {training.reasons or 'by hand'}")
        lines.append(f"    {training.why}")
    lines.append("\nIn production")
    for promoted in reversed(found.promotions):
        lines.append(f"  {promoted.version}  {_minute(promoted.promoted_at)}  {promoted.kind}, by {promoted.by}")
        lines.append(f"    {promoted.why}")
    lines += _measured(found)
    lines.append("\nChecks")
    lines += [f"  {'passed' if f.passed else 'FAILED'}  {f.check}: {f.why}" for f in found.findings] or ["  none yet"]
    lines.append("\nRetraining")
    lines += [f"  {reason}" for reason in found.asked.reasons] or [f"  not now: {found.asked.rests}"]
    return lines


def _measured(found: ModelOverview) -> list[str]:
    if not found.measures:
        return []
    holdout = found.measures["holdout"]
    values = (f"{name} {_short(holdout[key])}" for name, key in (("AUC", "auc"), ("Brier", "brier")))
    lines = [f"\nOn {holdout['n']} later cases: {', '.join(values)}"]
    worth = found.measures.get("importance", [])
    if worth:
        lines.append(f"What {found.model.promotion.metric} loses when an input is shuffled")
        lines += [f"  {each['loss']:+.4f}  {each['input']}" for each in worth[:IMPORTANT]]
    return lines


def _minute(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M}"


def _short(value: float | None) -> str:
    return "undefined" if value is None else f"{value:.4f}"
