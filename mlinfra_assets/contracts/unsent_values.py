"""Values that a database left out of a change, taken from the row as it was before.

A change is a row of a frame with the contract's columns, `_n` (the number of the record, or below 0 of an earlier one)
and its place in the order of arrival.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from mlinfra_assets.contracts.added_fields import DELETE, LSN, OP
from mlinfra_assets.contracts.verdicts import Broken
from mlinfra_assets.contracts.violation import Violation

PLACE = ["_k", "_p", "_o", "_r"]
NUMBER = "_n"
EARLIER, MOVED = -1, -2
RULE = "unsent"
UNKNOWN = pl.Series([None], dtype=pl.Int64)


@dataclass(frozen=True)
class Unsent:
    """What the database left out.

    Attributes:
        fields: By number of the record, the fields whose values were left out.
        moved: Records whose row had another key before: `_n` (the number of the record), that key, `change_lsn`.
    """

    fields: Mapping[int, Sequence[str]]
    moved: pl.DataFrame


def filled(every: pl.DataFrame, key: list[str], unsent: Unsent, broken: Broken) -> tuple[pl.DataFrame, Broken]:
    """The changes with what was left out, and what is not known either.

    Args:
        every: Earlier and new changes, in order of key and arrival.
        key: The primary key.
        unsent: What was left out.
        broken: What is wrong with the values that were sent.
    """
    moved = unsent.moved.filter(pl.col(NUMBER).is_in(every[NUMBER].implode()))
    found, missing = _filled(every, key, unsent.fields, broken)
    while moved.height and any(number in missing for number in moved[NUMBER]):
        # A row that moved goes on as what it was under its old key, which may itself have been filled in just now.
        with_old = pl.concat([every, _as_before(found, key, moved)]).sort(*key, *PLACE, NUMBER)
        found, left = _filled(with_old, key, unsent.fields, broken)
        found = found.filter(pl.col(NUMBER) != MOVED)
        if len(left) == len(missing):
            break
        missing = left
    return found, missing


def _as_before(found: pl.DataFrame, key: list[str], moved: pl.DataFrame) -> pl.DataFrame:
    """What each moved row was under its old key, as a change of its new key right before it moved."""
    old = [f"_old_{name}" for name in key]
    asked = moved.rename({**dict(zip(key, old, strict=True)), LSN: "_lsn", NUMBER: "_number"})
    sent = found.filter(pl.col(NUMBER).is_in(moved[NUMBER].implode())).select(NUMBER, *key, *PLACE)
    rows = asked.join(found, left_on=old, right_on=key).filter(pl.col(LSN) <= pl.col("_lsn"))
    last = rows.sort(*PLACE, NUMBER).unique("_number", keep="last").drop(*PLACE, NUMBER)
    joined = last.join(sent, left_on="_number", right_on=NUMBER)
    return joined.with_columns(pl.lit(MOVED, dtype=pl.Int64).alias(NUMBER), pl.col("_r") - 1).select(found.columns)


def _filled(
    every: pl.DataFrame, key: list[str], unsent: Mapping[int, Sequence[str]], broken: Broken
) -> tuple[pl.DataFrame, Broken]:
    """What was left out, taken from the row's change before; what is not known there is missing."""
    found: Broken = {}
    by_field: dict[str, list[int]] = {}
    for number, fields in unsent.items():
        for name in fields:
            by_field.setdefault(name, []).append(number)
    for name, left_out in by_field.items():
        sent = ~pl.col(NUMBER).is_in(pl.Series(left_out, dtype=pl.Int64).implode())
        marked = every.select(*key, NUMBER, OP, pl.when(sent).then(pl.int_range(pl.len())).alias("_from"))
        marked = marked.with_columns(pl.col("_from").forward_fill().over(key))
        every = every.with_columns(every[name].gather(marked["_from"]).alias(name))
        # A change without an op is one that is in quarantine: what it says is not known.
        of = marked[NUMBER].gather(marked["_from"]).zip_with(marked[OP].gather(marked["_from"]).is_not_null(), UNKNOWN)
        taken = marked.select(NUMBER, OP, of.alias("_of"))
        for number, of in taken.filter(~sent, pl.col(OP) != DELETE).select(NUMBER, "_of").iter_rows():
            if of is None or any(v.field == name for v in broken.get(of, ())):
                found.setdefault(number, []).append(_unknown(name))
    return every, found


def _unknown(name: str) -> Violation:
    message = (
        "the database did not send the value (it is stored out of line and did not change), and no valid earlier "
        "change of the row says it: set REPLICA IDENTITY FULL for the table"
    )
    return Violation(name, RULE, None, message)
