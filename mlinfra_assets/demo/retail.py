"""Reads UCI's Online Retail and Online Retail II in the forms that the world has them."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from mlinfra_assets.demo import order_lines
from mlinfra_assets.demo.tabular import read_tables
from mlinfra_assets.demo.wall_times import wall_times
from mlinfra_assets.errors import InvalidInputError

NAMES = {
    "InvoiceNo": ("InvoiceNo", "Invoice"),
    "StockCode": ("StockCode",),
    "Description": ("Description",),
    "Quantity": ("Quantity",),
    "InvoiceDate": ("InvoiceDate",),
    "UnitPrice": ("UnitPrice", "Price"),
    "CustomerID": ("CustomerID", "Customer ID"),
    "Country": ("Country",),
}
RESTART = pl.duration(days=1)
MOST_PARTS = 3


@dataclass(frozen=True)
class Retail:
    """Order lines, and what had to be done to get them.

    Attributes:
        lines: Columns of `order_lines.SCHEMA`, in time order.
        repeated: Lines left out because two parts of the file (Online Retail II's sheets) both carry their invoices.
    """

    lines: pl.DataFrame
    repeated: int


def read(path: Path) -> Retail:
    """Read the data set from a file.

    Raises:
        InvalidInputError: The file is missing, torn, or not this data set; the message names the file, and the line or
            the columns.
    """
    name = str(path)
    tables = [table for table in read_tables(path) if table.height]
    if not tables:
        raise InvalidInputError(f"{name} has a header but no lines: download it again")
    parts = [_canonical(table, name).with_columns(_part=n) for n, table in enumerate(tables)]
    lines = pl.concat(parts)
    kept = _without_repeated_invoices(lines)
    return Retail(order_lines.arrange(kept.drop("_part")), repeated=lines.height - kept.height)


def _canonical(table: pl.DataFrame, name: str) -> pl.DataFrame:
    columns = _match(table.columns, name)
    table = table.select(pl.col(found).alias(column) for column, found in columns.items())
    times = wall_times(table["InvoiceDate"], name)
    text = table.with_columns(pl.col(order_lines.TEXT).cast(pl.String).replace("", None))
    return text.with_columns(
        times.alias("InvoiceDate"),
        *(pl.col(column).str.replace(r"^(\d+)\.0+$", "$1") for column in ("InvoiceNo", "StockCode", "Description")),
        pl.col("Quantity").str.strip_chars().str.replace(r"^(-?\d+)\.0+$", "$1"),
        _plain_decimal(pl.col("UnitPrice").str.strip_chars().str.replace(r"^(-?\d+),(\d+)$", "$1.$2")),
        pl.col("CustomerID").str.strip_chars().str.replace(r"^(\d+)(\.0+)?$", "${1}.0"),
    )


def _plain_decimal(text: pl.Expr) -> pl.Expr:
    """A decimal without zeros at its end, so that every form of the file gives the same text."""
    return text.str.replace(r"^(-?\d+)\.0+$", "$1").str.replace(r"^(-?\d+\.\d*[1-9])0+$", "$1")


def _match(found: Sequence[str], file: str) -> dict[str, str]:
    """The file's name of each column."""
    matched: dict[str, str] = {}
    for column, spellings in NAMES.items():
        forms = {_form(spelling) for spelling in spellings}
        there = [name for name in found if _form(name) in forms]
        if len(there) > 1:
            raise InvalidInputError(f"{file} has both {there[0]!r} and {there[1]!r}: keep the one that is the {column}")
        if not there:
            near = difflib.get_close_matches(column, found, n=1)
            hint = f" (is it {near[0]!r}?)" if near else ""
            wanted = " or ".join(repr(s) for s in spellings)
            raise InvalidInputError(f"{file} has no column {wanted}{hint}; its columns are {list(found)[:12]}")
        matched[column] = there[0]
    return matched


def _form(column: str) -> str:
    return column.lower().replace(" ", "").replace("_", "").strip("\ufeff")


def _without_repeated_invoices(lines: pl.DataFrame) -> pl.DataFrame:
    """Leave out the invoices that an earlier part of the file has already told.

    Online Retail II is two sheets, a year each, and both hold the days from the 1st to the 9th of December 2010. In
    its csv forms the second year stands below the first, so time jumps back there once. Parts that follow each other
    in time repeat nothing; a file with many jumps is in another order altogether. Both are taken as they are.
    """
    if lines["_part"].n_unique() == 1:
        jumps = (pl.col("InvoiceDate").diff() < -RESTART).fill_null(value=False)
        lines = lines.with_columns(_part=jumps.cum_sum())
    ends = (
        lines.group_by("_part").agg(first=pl.col("InvoiceDate").min(), last=pl.col("InvoiceDate").max()).sort("_part")
    )
    follow_each_other = (ends["first"].slice(1) >= ends["last"].head(ends.height - 1)).all()
    if follow_each_other or ends.height > MOST_PARTS:
        return lines
    return lines.filter(pl.col("_part") == pl.col("_part").min().over("InvoiceNo"))
