"""Changes of a feature view as paragraphs: + what came, - what went, ~ what is different."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.text import Text

from mlinfra_assets.commands.output import printable
from mlinfra_assets.registry.change import Change

STYLES = {"+": "green", "-": "red", "~": "yellow"}
INDENT = (0, 0, 0, 4)


def change_lines(changes: Sequence[Change]) -> RenderableType:
    """One change a paragraph, its words indented; `nothing` if there is none."""
    return Group(*(line for change in changes for line in _lines(change))) if changes else Text("nothing")


def _lines(change: Change) -> Iterator[RenderableType]:
    sign = "+" if change.before is None else "-" if change.after is None else "~"
    text = Text(f"{sign} {change.what}", style=STYLES[sign])
    if not change.values:
        text.append(" (no value changes)", style="dim")
    yield text
    for side, words in (("- ", change.before), ("+ ", change.after)):
        if words is not None:
            mark = side if sign == "~" else ""
            lines = printable(words).replace("\n", "\n" + " " * len(mark))
            yield Padding(Text(mark + lines), INDENT, expand=False)
