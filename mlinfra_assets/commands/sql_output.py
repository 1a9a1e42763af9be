"""The answer of a query on a screen, as JSON and as CSV."""

from __future__ import annotations

import csv
import sys
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

import orjson

from mlinfra_assets.commands.output import console, plain_table, printable
from mlinfra_assets.retrieval.sql import Answer

WIDEST = 40
"""Characters of a cell that a table shows at least, where the screen is too narrow for all of it."""

LONGEST = 400
"""Characters of a cell that are shown where rows stand one below the other."""

NULL = "null"
LARGEST = 2**63
NUMBERS = ("INT", "DOUBLE", "FLOAT", "DECIMAL")


def show(answer: Answer) -> None:
    """A table, or one row below the other where a table would be too wide for the screen."""
    out = console()
    rows = [[printable(cell(value)) for value in row] for row in answer.frame.iter_rows()]
    names = [printable(name) for name in answer.frame.columns]
    if not rows:
        out.print(f"No rows. Columns: {', '.join(names)}")
    elif (widest := _widest(names, rows, out.width)) is not None:
        out.print(_table(names, answer.types, rows, widest))
    else:
        _show_below(out, names, rows)


def write_json(answer: Answer) -> None:
    """One document: the tables with their versions, the columns with their types, the rows, whether there are more."""
    columns = [{"name": n, "type": t} for n, t in zip(answer.frame.columns, answer.types, strict=True)]
    rows = [{name: plain(value) for name, value in row.items()} for row in answer.frame.iter_rows(named=True)]
    document = {"tables": dict(answer.tables), "columns": columns, "rows": rows, "more": answer.more}
    sys.stdout.write(orjson.dumps(document, option=orjson.OPT_INDENT_2 | orjson.OPT_UTC_Z).decode() + "\n")


def write_csv(answer: Answer) -> None:
    """A line of names, then the rows; null is empty, lists and records are JSON."""
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(answer.frame.columns)
    writer.writerows([("" if value is None else cell(value)) for value in row] for row in answer.frame.iter_rows())


def cell(value: object) -> str:
    """A value as text: times as ISO in UTC, lists and records as JSON, bytes as text if they are UTF-8."""
    if value is None:
        return NULL
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return value.replace(tzinfo=None).isoformat(sep=" ") + ("Z" if value.tzinfo else "")
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, bytes):
        return _bytes(value)
    if isinstance(value, (list, dict)):
        return orjson.dumps(plain(value), option=orjson.OPT_UTC_Z).decode()
    return str(value)


def plain(value: Any) -> Any:  # noqa: ANN401 - whatever a cell may hold, and what JSON has for it
    """A value as JSON has it: exact numbers digit by digit, bytes as text; what is not finite is null."""
    if isinstance(value, dict):
        return {str(key): plain(part) for key, part in value.items()}
    if isinstance(value, list):
        return [plain(part) for part in value]
    if isinstance(value, bytes):
        return _bytes(value)
    if isinstance(value, Decimal) or (isinstance(value, int) and not -LARGEST <= value < LARGEST):
        return orjson.Fragment(cell(value))
    return value


def _bytes(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return "0x" + value.hex()


def _widest(names: Sequence[str], rows: Sequence[Sequence[str]], width: int) -> int | None:
    """How wide a column may be in a table that fits on the screen; None if no table does."""
    if any("\n" in text for row in rows for text in row):
        return None
    widths = [max(len(text) for text in column) for column in zip(names, *rows, strict=True)]
    longest, between = max(widths), 3 * len(widths)
    fitting = (cap for cap in range(longest, WIDEST - 1, -1) if sum(min(w, cap) for w in widths) + between <= width)
    cap = longest if longest <= WIDEST and sum(widths) + between <= width else next(fitting, None)
    return None if cap is None or longest > 2 * cap else cap


def _table(names: Sequence[str], types: Sequence[str], rows: Sequence[Sequence[str]], widest: int) -> Any:  # noqa: ANN401 - rich's
    table = plain_table(*([""] * len(names)))
    for column, name, kind in zip(table.columns, names, types, strict=True):
        column.header = name
        column.no_wrap = True
        column.max_width = widest
        column.overflow = "ellipsis"
        column.justify = "right" if any(number in kind for number in NUMBERS) and "[" not in kind else "left"
    for row in rows:
        table.add_row(*row)
    return table


def _show_below(out: Any, names: Sequence[str], rows: Sequence[Sequence[str]]) -> None:  # noqa: ANN401 - rich's
    from rich.table import Table
    from rich.text import Text

    for number, row in enumerate(rows, 1):
        out.print(Text(f"row {number}", style="dim"))
        grid = Table.grid(padding=(0, 2))
        grid.add_column(no_wrap=True)
        grid.add_column(overflow="fold")
        for name, text in zip(names, row, strict=True):
            grid.add_row(f"  {name}", _shortened(text))
        out.print(grid)


def _shortened(text: str) -> str:
    if len(text) <= LONGEST:
        return text
    return f"{text[:LONGEST]}… and {len(text) - LONGEST:,} characters more (--json and --csv show all)"
