"""Changes of a table's rows: each once, whole, and in order.

Debezium says a change again after a crash, leaves out values that did not change and are stored out of line, and of a
deleted row says the key only. Here the repeats go, and what was left out is taken from the row as it was before: the
outcome depends on the changes alone, not on how they are split into batches.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import numpy as np
import polars as pl

from mlinfra_assets import names
from mlinfra_assets.contracts.added_fields import ADDED, AT, BEFORE, DELETE, DELETED, LSN, OP, READ, TRUNCATE, TX
from mlinfra_assets.contracts.contract import TIMESTAMP, Contract
from mlinfra_assets.contracts.coordinates import ARRIVAL
from mlinfra_assets.contracts.unsent_values import EARLIER, NUMBER, PLACE, Unsent, filled
from mlinfra_assets.contracts.verdicts import Broken

Earlier = Callable[[pl.DataFrame], pl.DataFrame]
"""Asked with new rows' primary key (and, of changes, `change_lsn` and `change_op`), gives earlier ones that may concern
them."""


@dataclass(frozen=True)
class ResolvedChanges:
    """Changes after what came before is taken into account.

    Attributes:
        contract: Names the fields and the primary key.
        values: The typed records, in the order given, with what was left out filled in.
        repeated: For each record, whether it says nothing new.
        truncates: For each record, whether it empties the table; it is no row itself.
        earlier: Rows of the change history that may concern them.
    """

    contract: Contract
    values: pl.DataFrame
    repeated: np.ndarray
    truncates: np.ndarray
    earlier: pl.DataFrame

    def forgive(self, broken: Broken) -> None:
        """Take back what does not count: verdicts on repeats, on truncates, and on what a deleted row held."""
        for number in np.flatnonzero(self.repeated | self.truncates).tolist():
            broken.pop(number, None)
        judged = {*self.contract.primary_key, *ADDED}
        deleted = self.values[DELETED].fill_null(value=False).to_numpy()
        for number in [number for number in broken if deleted[number]]:
            left = [v for v in broken.pop(number) if v.field in judged]
            broken.update({number: left} if left else {})

    def rows(self, typed: pl.DataFrame, broken: Broken) -> pl.DataFrame:
        """The new rows of the change history.

        Args:
            typed: The records with their coordinates, `Contract.polars_schema()`.
            broken: What is wrong with them.
        """
        kept = ~self.repeated
        kept[list(broken)] = False
        new, truncates = typed.filter(pl.Series(kept & ~self.truncates)), typed.filter(pl.Series(kept & self.truncates))
        return pl.concat([new, deleted_by_truncates(self.contract, new, truncates, self.earlier)])


def touched(contract: Contract, values: pl.DataFrame, moved: pl.DataFrame) -> pl.DataFrame:
    """What says which earlier changes concern these: the primary key, `change_lsn` and `change_op`."""
    columns = [*contract.primary_key, LSN]
    old = moved.select(*columns, pl.lit(DELETE).alias(OP))
    return pl.concat([values.select(*columns, OP), old])


def resolve(
    contract: Contract,
    values: pl.DataFrame,
    origin: pl.DataFrame,
    unsent: Unsent,
    earlier: pl.DataFrame,
    broken: Broken,
) -> ResolvedChanges:
    """Drop what repeats, and fill in what was left out; what is not known either is added to `broken`.

    Args:
        contract: Names the fields and the primary key.
        values: Typed changes, `Contract.value_schema()`.
        origin: For each: `known_at`, `partition`, `offset`, `row`, `release`.
        unsent: What was left out.
        earlier: Rows of the change history that may concern these changes.
        broken: What is wrong with the values so far.
    """
    key = list(contract.primary_key)
    truncates = (values[OP] == TRUNCATE).fill_null(value=False).to_numpy()
    batch = _placed(values, origin).filter(~pl.Series(truncates)).drop_nulls([*key, LSN, OP])
    before = _earlier(contract, earlier)
    repeated = np.zeros(values.height, np.bool_)
    _mark(repeated, _told_before(batch, before, key))
    _mark(repeated, _overtaken(batch, before, key))
    kept = batch.filter(~pl.Series(repeated).gather(batch[NUMBER]))
    every = pl.concat([before, kept.select(before.columns)]).sort(*key, *PLACE, NUMBER)
    every, missing = filled(every, key, unsent, broken)
    _mark(repeated, _unchanged(contract, every, key))
    for number, violations in missing.items():
        broken.setdefault(number, []).extend(violations)
    return ResolvedChanges(contract, _back(values, every), repeated, truncates, earlier)


def deleted_by_truncates(
    contract: Contract, new: pl.DataFrame, truncates: pl.DataFrame, earlier: pl.DataFrame
) -> pl.DataFrame:
    """A delete of each row that a truncate removed: of those known, and of those that come after it but are older.

    A row of another partition may come after the truncate although it was written before: what decides is the
    database's log. The deletes stand where the truncate does, or right behind a row that came after it, and are never
    known before the row that they take away.

    Args:
        contract: Names the fields and the primary key.
        new: Valid changes, `Contract.polars_schema()`.
        truncates: The truncates among the records, `Contract.polars_schema()`.
        earlier: Rows of the change history that may concern them.
    """
    before = pl.concat([new.clear(), earlier.select(c for c in new.columns if c in earlier.columns)], how="diagonal")
    past = before.filter(pl.col(OP) == TRUNCATE).unique(LSN).sort(LSN)
    rows: list[pl.DataFrame] = []
    for truncate in past.iter_rows(named=True):
        rows.append(_removed(contract, pl.concat([before, new, *rows]), truncate, _behind_the_row()))
    for truncate in truncates.sort(LSN).iter_rows(named=True):
        rows.append(_removed(contract, pl.concat([before, new, *rows]), truncate, _at_the_truncate(truncate)))
    return pl.concat([new.clear(), *rows])


def _removed(
    contract: Contract, known: pl.DataFrame, truncate: Mapping[str, Any], place: Sequence[pl.Expr]
) -> pl.DataFrame:
    """The deletes of what was there when the table was emptied."""
    by_it = (pl.col(LSN) == truncate[LSN]) & (pl.col(OP) == TRUNCATE)
    older = known.filter((pl.col(LSN) < truncate[LSN]) | by_it).sort(ARRIVAL)
    there = older.unique(list(contract.primary_key), keep="last", maintain_order=True).filter(~pl.col(DELETED))
    said = {name: pl.lit(truncate[name], dtype=known.schema[name]) for name in (AT, LSN, TX)}
    if contract.event_time == AT:
        said[names.EVENT_TIME] = said[AT]
    return there.with_columns(
        pl.lit(TRUNCATE).alias(OP),
        pl.lit(value=True).alias(DELETED),
        pl.lit(None, dtype=pl.String).alias(BEFORE),
        pl.lit(None, dtype=pl.Int64).alias(names.RELEASE),
        *(value.alias(name) for name, value in said.items()),
        *place,
    )


def _behind_the_row() -> list[pl.Expr]:
    return [(pl.col(names.ROW) + 1).alias(names.ROW)]


def _at_the_truncate(truncate: Mapping[str, Any]) -> list[pl.Expr]:
    known_at = pl.lit(truncate[names.KNOWN_AT], dtype=TIMESTAMP)
    row_known_at = pl.col(names.KNOWN_AT)
    return [
        pl.when(row_known_at < known_at)
        .then(known_at)
        .otherwise(row_known_at + timedelta(microseconds=1))
        .alias(names.KNOWN_AT),
        pl.lit(truncate[names.PARTITION], dtype=pl.Int32).alias(names.PARTITION),
        pl.lit(truncate[names.OFFSET], dtype=pl.Int64).alias(names.OFFSET),
        pl.int_range(pl.len(), dtype=pl.Int64).alias(names.ROW),
    ]


def _placed(values: pl.DataFrame, origin: pl.DataFrame) -> pl.DataFrame:
    return values.with_columns(
        origin["known_at"].alias("_k"),
        origin["partition"].cast(pl.Int32).alias("_p"),
        origin["offset"].alias("_o"),
        origin["row"].cast(pl.Int64).alias("_r"),
        origin["release"].is_not_null().alias("_released"),
        pl.int_range(values.height, dtype=pl.Int64, eager=True).alias(NUMBER),
    )


def _earlier(contract: Contract, rows: pl.DataFrame) -> pl.DataFrame:
    """Earlier changes in the form of `_placed`."""
    missing = [f for f in contract.fields if f.name not in rows.columns]
    return rows.select(
        *(pl.col(f.name).cast(f.polars_type()) for f in contract.fields if f.name in rows.columns),
        *(pl.lit(None, dtype=f.polars_type()).alias(f.name) for f in missing),
        *(pl.col(name).alias(short) for name, short in zip(ARRIVAL, PLACE, strict=True)),
        pl.lit(EARLIER, dtype=pl.Int64).alias(NUMBER),
    ).select(*(f.name for f in contract.fields), *PLACE, NUMBER)


def _mark(repeated: np.ndarray, numbers: pl.Series) -> None:
    repeated[numbers.to_numpy()] = True


def _told_before(batch: pl.DataFrame, before: pl.DataFrame, key: list[str]) -> pl.Series:
    """Changes that the same place of the database's log told before."""
    same = [*key, LSN, OP]
    streamed = batch.filter(pl.col(OP) != READ).sort(PLACE)
    again = streamed.filter(~pl.struct(same).is_first_distinct())
    known = streamed.join(before.select(same).unique(), on=same, how="semi")
    return pl.concat([again[NUMBER], known[NUMBER]])


def _overtaken(batch: pl.DataFrame, before: pl.DataFrame, key: list[str]) -> pl.Series:
    """Reads of a snapshot that is older than a change of the row, and releases that a later change has overtaken."""
    known = before.with_columns(pl.lit(value=False).alias("_released"))
    every = pl.concat([known, batch.select(known.columns)])
    streamed = pl.when(pl.col(OP) != READ).then(pl.col(LSN))
    newest = streamed.cum_max().forward_fill().shift(1).over(key)
    marked = every.sort(*key, *PLACE, NUMBER).with_columns(newest.alias("_newest"))
    return marked.filter(
        pl.col(NUMBER) >= 0,
        ((pl.col(OP) == READ) & (pl.col("_newest") >= pl.col(LSN)))
        | (pl.col("_released") & (pl.col("_newest") > pl.col(LSN))),
    )[NUMBER]


def _unchanged(contract: Contract, every: pl.DataFrame, key: list[str]) -> pl.Series:
    """Reads of a snapshot that show a row as it is known to be."""
    columns = [f.name for f in contract.fields if f.name not in ADDED]
    same = pl.all_horizontal(pl.col(name).eq_missing(pl.col(name).shift(1).over(key)) for name in columns)
    there = pl.col(DELETED).shift(1).over(key) == False  # noqa: E712 - null: there is none
    marked = every.with_columns((same & there & (pl.col(OP) == READ)).fill_null(value=False).alias("_same"))
    return marked.filter(pl.col("_same"), pl.col(NUMBER) >= 0)[NUMBER]


def _back(values: pl.DataFrame, every: pl.DataFrame) -> pl.DataFrame:
    """The records in their first order, those that took part with their values filled in."""
    filled = every.filter(pl.col(NUMBER) >= 0)
    if filled.height == values.height:
        return filled.sort(NUMBER).select(values.columns)
    rest = values.with_row_index(NUMBER).with_columns(pl.col(NUMBER).cast(pl.Int64))
    rest = rest.join(filled.select(NUMBER), on=NUMBER, how="anti")
    return pl.concat([filled.select(rest.columns), rest]).sort(NUMBER).select(values.columns)
