"""`mlinfra late`: which snapshots and predictions would have been different had late rows been known."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from mlinfra_assets.commands.context import HomeOption, JsonOption, existing

if TYPE_CHECKING:
    from mlinfra_assets.audit.late_report import LateReport

DAYS = 30


def late(
    source: Annotated[
        str | None, typer.Option(help="Late rows of this source alone. Default: all.", show_default=False)
    ] = None,
    since: Annotated[
        datetime | None,
        typer.Option(
            help=f"Rows that became known from then on (UTC). Default: {DAYS} days ago.",
            formats=["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"],
            show_default=False,
        ),
    ] = None,
    decisions: Annotated[
        bool, typer.Option("--decisions", help="Show by model how far scores would have moved, and what would flip.")
    ] = False,
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """Compare snapshots and served predictions with what they would have been had late rows been known in time."""
    from mlinfra_assets.audit.late_report import late_report
    from mlinfra_assets.audit.late_rows import LateWindow
    from mlinfra_assets.clock import HomeClock
    from mlinfra_assets.commands.output import print_json
    from mlinfra_assets.commands.sources import declared_sources
    from mlinfra_assets.features import fs
    from mlinfra_assets.lake.lake import Lake
    from mlinfra_assets.models import declared as models

    settings = existing(home)
    now = HomeClock(settings.home).now()
    window = LateWindow(now - timedelta(days=DAYS) if since is None else since.replace(tzinfo=UTC), now)
    found = late_report(
        Lake(settings.lake),
        list(fs.views.values()),
        fs.datasets,
        declared_sources(),
        window,
        only=source,
        thresholds={name: spec.threshold for name, spec in models().items() if spec.threshold is not None},
        max_payload_bytes=settings.max_payload_bytes,
    )
    if json:
        print_json(found.to_dict())
    else:
        _show(found)
        if decisions:
            _show_decisions(found)


def _show(found: LateReport) -> None:
    from mlinfra_assets.audit.bits import shown
    from mlinfra_assets.commands.output import console, plain_table

    out = console()
    since, until = found.window.since, found.window.until
    out.print(f"Rows that became known late, from {since:%Y-%m-%d %H:%M} to {until:%Y-%m-%d %H:%M} UTC")
    counts = ("late rows", "days", "compared", "different", "values")
    table = plain_table("view", *counts, right=counts, whole=("view",))
    for one in found.snapshots:
        numbers = (one.late_rows, len(one.days), one.compared, one.different, one.values)
        table.add_row(one.view, *(f"{number:,}" for number in numbers))
    out.print(table)
    for one in found.snapshots:
        for e in one.examples[:5]:
            entity = ", ".join(f"{key} {value}" for key, value in e.entity.items())
            out.print(f"{e.day} {entity} {e.view}:{e.feature} was {shown(e.known)}, would be {shown(e.hindsight)}")
    served = found.predictions
    out.print(
        f"{served.made:,} predictions: late rows touch {served.touched:,}, {served.different:,} would be different"
    )
    for example in served.examples[:5]:
        out.print(
            f"prediction {example.prediction_id}: {example.feature} was {shown(example.logged)}, would be "
            f"{shown(example.recomputed)}"
        )
    for missing in served.missing[:5]:
        out.print(str(missing))


def _show_decisions(found: LateReport) -> None:
    from mlinfra_assets.audit.regret import by_model
    from mlinfra_assets.commands.output import console, plain_table

    out = console()
    counts = ("different", "mean change", "largest", "flipped")
    table = plain_table("model", *counts, right=counts, whole=("model",))
    for one in by_model(found.predictions.regrets):
        flipped = "no threshold" if one.flipped is None else f"{one.flipped:,}"
        table.add_row(one.model, f"{one.different:,}", f"{one.mean_change:.4f}", f"{one.most_change:.4f}", flipped)
    out.print(table)
    turned = [regret for regret in found.predictions.regrets if regret.flipped]
    for regret in sorted(turned, key=lambda one: -abs(one.change or 0.0))[:5]:
        out.print(
            f"prediction {regret.prediction_id} of {regret.model}: score {regret.score:.4f}, would be "
            f"{regret.hindsight:.4f}: the other side of {regret.threshold}"
        )
