"""`mlinfra replay`: one prediction, computed from raw again."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Annotated

import typer

from mlinfra_assets.commands.context import HomeOption, JsonOption, existing
from mlinfra_assets.errors import MlinfraError

if TYPE_CHECKING:
    from mlinfra_assets.audit.replay import Replay


class NotReproducedError(MlinfraError):
    """A prediction did not come out the same from raw."""


def replay(
    prediction_id: Annotated[str, typer.Argument(help="Id of the prediction, as the API answered it.")],
    rows: Annotated[int, typer.Option(help="How many of the source rows to show, the newest.", min=0)] = 5,
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """Compute a logged prediction from raw again, compare it bit for bit, and show the source rows that made it."""
    from mlinfra_assets.audit import replay as audit
    from mlinfra_assets.commands.output import print_json
    from mlinfra_assets.commands.sources import declared_sources
    from mlinfra_assets.lake.lake import Lake
    from mlinfra_assets.registry.registry import Registry

    settings = existing(home)
    lake = Lake(settings.lake)
    found = audit.replay(
        prediction_id, lake, Registry(lake), declared_sources(), max_payload_bytes=settings.max_payload_bytes
    )
    if json:
        print_json(found.to_dict())
    else:
        _show(found, rows)
    if not found.reproduced:
        raise NotReproducedError(f"prediction {prediction_id} does not come out the same from raw")


def _show(found: Replay, most: int) -> None:
    from mlinfra_assets.commands.output import console, plain_table, printable

    out = console()
    entity = ", ".join(f"{key} {value}" for key, value in found.entity.items())
    out.print(f"Prediction {found.prediction_id}\n{entity}, {found.predicted_at.isoformat()}")
    out.print(f"model {found.model}, version {found.model_version}")
    for name, used in found.views.items():
        marks = ", ".join(f"{source} {positions.to_json()}" for source, positions in used.watermark.items())
        out.print(f"{name}, version {used.version}; had seen {marks}")
    behind = Counter(feature for row in found.rows for feature in row.features)
    table = plain_table("value", "logged", "from raw", "", "rows", right=("logged", "from raw", "rows"))
    several = len(found.views) > 1
    for value in found.values:
        style = None if value.same else "bold red"
        table.add_row(
            value.name if several else value.name.rpartition(":")[2],
            repr(value.logged),
            repr(value.recomputed),
            "same" if value.same else "differs",
            f"{behind[value.name]:,}" if value.name in behind else "",
            style=style,
        )
    out.print(table)
    for said in found.read:
        out.print(said)
    shown = found.rows[len(found.rows) - most :] if most < len(found.rows) else found.rows
    for row in reversed(shown if most else ()):
        released = f", released as {row.release}" if row.release is not None else ""
        out.print(
            f"{row.source} partition {row.partition}, offset {row.offset}, row {row.row}{released}: "
            f"{row.event_time:%Y-%m-%d %H:%M:%S}, known {row.known_at:%Y-%m-%d %H:%M:%S}, "
            f"in {len(row.features)} features"
        )
        out.print(f"  {printable(row.payload)}", style="dim")
    if len(found.rows) > most:
        out.print(f"... and {len(found.rows) - most:,} older rows (--rows, or --json for all)")
    if found.reproduced:
        out.print("Every value is the same, bit for bit.", style="green")
    for message in found.report.messages():
        out.print(message, style="red")
