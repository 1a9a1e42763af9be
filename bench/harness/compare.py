"""Whether a method's answer is the project's."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import polars as pl

_SHOWN = 3


class WrongResultsError(Exception):
    """A method answered otherwise than the project; the message says which, in how many rows, and gives an example."""


@dataclass(frozen=True)
class Agreement:
    """Two answers that agree.

    Attributes:
        rows: Rows compared.
        lost: Rows that the method left out, for which the project has a null.
    """

    rows: int
    lost: int = 0


def compare(
    name: str, expected: Path, found: Path, key: list[str], *, may_lose_rows: bool = False, part: bool = False
) -> Agreement:
    """Compare two answers bit by bit: nulls with nulls, doubles with doubles.

    Args:
        name: The method.
        expected: The project's answer, a Parquet file.
        found: The method's answer; its columns may stand in another order, its rows too.
        key: The columns that name a row, together different in each.
        may_lose_rows: Rows may be missing where a value of the project's is null.

        part: The method answers a part of the question: all rows that have certain values in the first of `key`.

    Raises:
        WrongResultsError: They differ.
    """
    ours = pl.read_parquet(expected).sort(key)
    theirs = pl.read_parquet(found)
    missing = sorted(set(ours.columns) - set(theirs.columns))
    if missing:
        raise WrongResultsError(f"{name}: the answer has no column {', '.join(missing)}")
    theirs = theirs.select(ours.columns).cast(ours.schema).sort(key)
    if part:
        ours = ours.filter(pl.col(key[0]).is_in(theirs.get_column(key[0]).unique().implode()))
    lost = 0
    if may_lose_rows:
        values = [c for c in ours.columns if c not in key]
        absent = ours.join(theirs, on=key, how="anti")
        gaps = absent.filter(pl.any_horizontal(pl.col(values).is_null()))
        lost = gaps.height
        ours = ours.join(gaps, on=key, how="anti", maintain_order="left")
    if ours.height != theirs.height:
        raise WrongResultsError(f"{name}: {theirs.height:,} rows instead of {ours.height:,}")
    _check_values(name, ours, theirs, key)
    return Agreement(ours.height, lost)


def _check_values(name: str, ours: pl.DataFrame, theirs: pl.DataFrame, key: list[str]) -> None:
    different = pl.select(
        pl.any_horizontal(ours.get_column(c).ne_missing(theirs.get_column(c)) for c in ours.columns)
    ).to_series()
    count = int(different.sum())
    if count:
        columns = [c for c in ours.columns if ours.get_column(c).ne_missing(theirs.get_column(c)).any()]
        shown = [*key, *[c for c in columns if c not in key]][: len(key) + _SHOWN]
        example = (ours.filter(different).row(0, named=True), theirs.filter(different).row(0, named=True))
        told = ["; ".join(f"{c}={row[c]!r}" for c in shown) for row in example]
        raise WrongResultsError(
            f"{name}: {count:,} of {ours.height:,} rows differ, in {', '.join(columns)}; "
            f"the project has {told[0]}, {name} has {told[1]}"
        )
