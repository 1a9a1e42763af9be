"""Changes of a feature view as lines of text: + what came, - what went, ~ what is different."""

from __future__ import annotations

from collections.abc import Sequence

from rich.text import Text

from mlinfra_assets.registry.change import Change

STYLES = {"+": "green", "-": "red", "~": "yellow"}


def change_lines(changes: Sequence[Change]) -> Text:
    """One change a paragraph; `nothing` if there is none."""
    return Text("\n").join(map(_lines, changes)) if changes else Text("nothing")


def _lines(change: Change) -> Text:
    sign = "+" if change.before is None else "-" if change.after is None else "~"
    text = Text(f"{sign} {change.what}", style=STYLES[sign])
    if not change.values:
        text.append(" (no value changes)", style="dim")
    for side, words in (("-", change.before), ("+", change.after)):
        if words is not None:
            text.append(f"\n    {side if sign == '~' else ''} {words}".replace("     ", "    "), style="default")
    return text
