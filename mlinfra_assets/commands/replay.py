"""`mlinfra replay`: one prediction, computed from raw again."""

from __future__ import annotations

import sys
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
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """Compute a logged prediction from raw again, and compare it bit for bit."""
    from mlinfra_assets.audit import replay as audit
    from mlinfra_assets.commands.sources import declared_sources
    from mlinfra_assets.lake.lake import Lake
    from mlinfra_assets.registry.registry import Registry

    settings = existing(home)
    lake = Lake(settings.lake)
    found = audit.replay(
        prediction_id, lake, Registry(lake), declared_sources(), max_payload_bytes=settings.max_payload_bytes
    )
    if json:
        import orjson

        sys.stdout.write(orjson.dumps(found.to_dict(), option=orjson.OPT_INDENT_2, default=str).decode() + "\n")
    else:
        _show(found)
    if not found.reproduced:
        raise NotReproducedError(f"prediction {prediction_id} does not come out the same from raw")


def _show(found: Replay) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table

    console = Console(file=sys.stdout, width=None if sys.stdout.isatty() else 80, highlight=False, markup=False)
    entity = ", ".join(f"{key} {value}" for key, value in found.entity.items())
    console.print(f"Prediction {found.prediction_id}\n{entity}, {found.predicted_at.isoformat()}")
    console.print(f"model {found.model}, version {found.model_version}")
    for name, used in found.views.items():
        marks = ", ".join(f"{source} {positions.to_json()}" for source, positions in used.watermark.items())
        console.print(f"{name}, version {used.version}; had seen {marks}")
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("value", overflow="fold")
    table.add_column("logged", justify="right", overflow="fold")
    table.add_column("from raw", justify="right", overflow="fold")
    table.add_column("")
    several = len(found.views) > 1
    for value in found.values:
        style = None if value.same else "bold red"
        table.add_row(
            value.name if several else value.name.rpartition(":")[2],
            repr(value.logged),
            repr(value.recomputed),
            "same" if value.same else "differs",
            style=style,
        )
    console.print(table)
    if found.reproduced:
        console.print("Every value is the same, bit for bit.", style="green")
    for message in found.report.messages():
        console.print(message, style="red")
