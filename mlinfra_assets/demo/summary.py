"""The demo's result as a person wants to read it: short tables, correct on 80 columns."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import TextIO

from rich import box
from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from mlinfra_assets.demo.result import DemoResult

DATED = re.compile(r"^\d{4}-\d{2}-\d{2}: ")
"""Steps that are taken on several days of the story begin with the day; their time is shown together."""
REASONS_SHOWN = 6
FEATURES_SHOWN = 12
DRIFT_SHOWN = 2


def show(result: DemoResult, stream: TextIO, width: int | None = None) -> None:
    """Print the summary.

    Args:
        result: What the demo came to.
        stream: Where to.
        width: Columns; None for the terminal's own, 80 if there is none.
    """
    console = Console(file=stream, width=width or (None if stream.isatty() else 80), highlight=False, markup=False)
    console.print(Group(*_sections(result)))


def _sections(result: DemoResult) -> Iterable[RenderableType]:
    yield _title(result)
    yield _rows(result)
    if any(result.quarantine.values()):
        yield _quarantine(result)
    yield _online(result)
    yield _model(result)
    yield _times(result)
    yield _verdict(result)
    yield _next(result)


def _title(result: DemoResult) -> Text:
    data = result.data
    text = Text.assemble(("\nThe shop's year, end to end", "bold"), "\n")
    text.append(f"{data.origin}: {data.lines:,} order lines, {data.first:%Y-%m-%d} to {data.last:%Y-%m-%d}; ")
    text.append(f"exchange rates: {data.rates_origin}\n")
    return text


def _table(*columns: str, numbers: tuple[int, ...] = ()) -> Table:
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    for place, column in enumerate(columns):
        right = place in numbers
        table.add_column(column, justify="right" if right else "left", no_wrap=right, overflow="fold")
    return table


def _section(title: str, table: Table) -> Group:
    return Group(Text(title, style="bold"), Padding(table, (0, 0, 1, 2), expand=False))


def _rows(result: DemoResult) -> Group:
    table = _table("zone", "table", "rows", numbers=(2,))
    rows = result.rows
    zones = {
        "raw": rows.raw,
        "processed": rows.processed,
        "quarantined": rows.quarantined,
        "curated": rows.curated,
        "features": rows.features,
    }
    for zone, tables in zones.items():
        for place, (name, count) in enumerate(tables.items()):
            table.add_row(zone if place == 0 else "", name, f"{count:,}")
    return _section("Rows by zone", table)


def _quarantine(result: DemoResult) -> Group:
    table = _table("source", "reason", "records", numbers=(2,))
    for source, reasons in result.quarantine.items():
        ranked = sorted(reasons.items(), key=lambda item: (-item[1], item[0]))
        for place, (reason, count) in enumerate(ranked[:REASONS_SHOWN]):
            table.add_row(source if place == 0 else "", reason, f"{count:,}")
        rest = ranked[REASONS_SHOWN:]
        if rest:
            table.add_row("", f"{len(rest)} more reasons", f"{sum(count for _, count in rest):,}")
    return _section("Why records are in quarantine", table)


def _online(result: DemoResult) -> Group:
    features = result.features
    views = ", ".join(f"{count:,} of {view}" for view, count in features.pushed_by_view.items())
    who = ", ".join(f"{key} {value}" for key, value in features.entity.items())
    table = _table(f"{who} now", "value", numbers=(1,))
    shown = list(features.sample.items())[:FEATURES_SHOWN]
    for name, value in shown:
        table.add_row(name, _value(value))
    if len(features.sample) > len(shown):
        table.add_row(f"{len(features.sample) - len(shown)} more", "")
    return _section(f"Online: {features.pushed:,} entities ({views})", table)


def _model(result: DemoResult) -> Group:
    model, training = result.model, result.training
    table = _table("what", "value", numbers=(1,))
    share = training.positives / training.rows if training.rows else 0.0
    table.add_row(
        f"training rows, {training.first:%Y-%m-%d} to {training.last:%Y-%m-%d}, {training.features} features",
        f"{training.rows:,}",
    )
    table.add_row("of these with a true label", f"{share:.1%}")
    for name, value in model.metrics.items():
        table.add_row(f"{name}, on later data", _value(value))
    for name, value in model.live.items():
        table.add_row(f"{name}, on {result.predictions.outcomes:,} predictions with an outcome", _value(value))
    for name, value in list(model.psi.items())[:DRIFT_SHOWN]:
        table.add_row(f"PSI of {name.partition(':')[2] or name}, served against trained", _value(value))
    return _section(f"Model {model.name}, version {model.version}", table)


def _times(result: DemoResult) -> Group:
    table = _table("step", "seconds", numbers=(1,))
    together: dict[str, float] = {}
    for step, seconds in result.seconds_by_step.items():
        what = DATED.sub("", step)
        together[what] = together.get(what, 0.0) + seconds
    for what, seconds in together.items():
        table.add_row(what, f"{seconds:.1f}")
    table.add_row(Text("all", style="bold"), Text(f"{result.seconds:.1f}", style="bold"))
    return _section("Time", table)


def _verdict(result: DemoResult) -> Text:
    made, same = result.predictions.made, result.predictions.reproduced
    if result.exact:
        words = f"All {made:,} predictions were computed from raw again and are the same, bit for bit.\n"
        return Text(words, style="bold green")
    if not made:
        return Text("No prediction was made, so none could be reproduced.\n", style="bold red")
    return Text(f"Only {same:,} of {made:,} predictions came out the same from raw.\n", style="bold red")


def _next(result: DemoResult) -> Group:
    lines = [Text("What next", style="bold")]
    for step in result.next_steps:
        lines.append(Text.assemble("  ", (step.command, "cyan")))
        lines.append(Text(f"      {step.shows}", style="dim"))
    return Group(*lines)


def _value(value: object) -> str:
    if value is None:
        return "null"
    if isinstance(value, float):
        return f"{value:,.4f}".rstrip("0").rstrip(".") if abs(value) < 1e15 else repr(value)
    if isinstance(value, Mapping):
        return ", ".join(f"{key}={_value(inner)}" for key, inner in value.items())
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)
