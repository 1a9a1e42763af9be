"""How commands write: tables for people, JSON for programs."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

WIDTH = 80
"""Columns where nobody says how wide the screen is."""


def console() -> Console:
    """A console on stdout: as wide as the terminal or `COLUMNS`, else 80 columns."""
    from rich.console import Console

    known = sys.stdout.isatty() or os.environ.get("COLUMNS", "").isdigit()
    return Console(file=sys.stdout, width=None if known else WIDTH, highlight=False, markup=False, emoji=False)


def plain_table(*headings: str, right: tuple[str, ...] = (), whole: tuple[str, ...] = ()) -> Table:
    """A table without frames: a line below its headings; long cells are folded.

    Args:
        headings: One a column.
        right: The columns that are aligned to the right.
        whole: The columns that are never folded.
    """
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for heading in headings:
        table.add_column(
            heading,
            overflow="fold",
            justify="right" if heading in right else "left",
            no_wrap=heading in whole,
        )
    return table


def print_json(value: object) -> None:
    """One JSON document on stdout; times as ISO, sets and the like as text."""
    import orjson

    sys.stdout.write(orjson.dumps(value, option=orjson.OPT_INDENT_2, default=str).decode() + "\n")


def printable(text: str) -> str:
    """Text without what a terminal would act on: control characters as escapes, line ends kept."""
    return "".join(c if c.isprintable() or c == "\n" else c.encode("unicode_escape").decode() for c in text)
