"""Whether change data and a snapshot of the same table say the same: row by row, as the snapshot's transaction saw it.

A snapshot knows which transactions it sees; a change knows which transaction made it. So the table can be made from the
change history exactly as the snapshot saw it, whatever was written at the same time and has come in since.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

import polars as pl

from mlinfra_assets import names
from mlinfra_assets.contracts.added_fields import ADDED, DAY, DELETED, LSN, OP, READ, TX
from mlinfra_assets.contracts.row_changes import ARRIVAL
from mlinfra_assets.contracts.source import Source
from mlinfra_assets.errors import InvalidInputError
from mlinfra_assets.lake.lake import Lake

MOST_SHOWN = 10
XIDS = 2**32
"""A change names its transaction by the 32 bits that Postgres keeps in a row; a snapshot by all 64."""


@dataclass(frozen=True)
class Reconciliation:
    """What comparing a snapshot with change data found.

    Attributes:
        day: The snapshot's day.
        rows: Rows of the snapshot.
        compared: Columns that both contracts have.
        missing: Rows of the snapshot that change data does not have.
        surplus: Rows that change data has and the snapshot does not.
        differing: By column, rows whose value differs.
        examples: The first keys that differ, each with what is wrong.
        wrong: Rows that are missing, too many, or differ in any column.
        behind: Those of them whose partition of the change data has not come past the snapshot: what is wrong with them
            may be a matter of time.
    """

    day: date
    rows: int
    compared: tuple[str, ...]
    missing: int
    surplus: int
    differing: Mapping[str, int] = field(default_factory=dict)
    examples: tuple[str, ...] = ()
    wrong: int = 0
    behind: int = 0

    @property
    def differences(self) -> int:
        """Rows that are missing or too many, and values that differ."""
        return self.missing + self.surplus + sum(self.differing.values())


@dataclass(frozen=True)
class _Moment:
    day: date
    lsn: int
    transactions: str


def reconcile(lake: Lake, snapshot: Source, changes: Source, day: date | None = None) -> Reconciliation:
    """Compare the rows of a snapshot with what the change history says of the table at that moment.

    Args:
        lake: Where the tables are.
        snapshot: The source of the snapshots.
        changes: The source of the change data of the same table.
        day: Which snapshot; None: the newest.

    Raises:
        InvalidInputError: There is no such snapshot, the contracts have no column in common but the key or another
            key, or change data begins after the snapshot.
    """
    key = list(snapshot.contract.primary_key)
    if list(changes.contract.primary_key) != key:
        raise InvalidInputError(
            f"{snapshot.name} has the primary key {', '.join(key)}, {changes.name} has "
            f"{', '.join(changes.contract.primary_key)}: declare the same one"
        )
    compared = _compared(snapshot, changes)
    moment = _moment(lake, snapshot, day)
    taken = lake.table(names.table(*names.processed(snapshot.name))).read(
        columns=[*compared], where=[(DAY, "==", moment.day)]
    )
    history = lake.table(names.table(*names.processed(changes.name))).read()
    if (
        history.filter(pl.col(OP) == READ, pl.col(LSN) > moment.lsn).height
        and not history.filter(pl.col(LSN) <= moment.lsn).height
    ):
        raise InvalidInputError(
            f"the change data of {changes.name} begins after the snapshot of {moment.day}: compare a later one"
        )
    seen = history.filter((pl.col(OP) == READ) | _visible(moment.transactions)).sort(ARRIVAL)
    state = seen.unique(key, keep="last").filter(~pl.col(DELETED)).select(compared)
    return _compare(moment.day, key, compared, taken, state, _Behind.of(history, key, moment.lsn))


@dataclass(frozen=True)
class _Behind:
    """The keys whose changes may still be on their way: a key's changes all come by one partition.

    Attributes:
        keys: Those of the partitions that have not come past the snapshot.
        known: The keys of all partitions.
        some: Whether there is such a partition, or none at all.
    """

    keys: pl.DataFrame
    known: pl.DataFrame
    some: bool

    @classmethod
    def of(cls, history: pl.DataFrame, key: list[str], lsn: int) -> _Behind:
        reached = history.group_by(names.PARTITION).agg(pl.col(LSN).max())
        behind = reached.filter(pl.col(LSN) < lsn)
        known = history.select(*key, names.PARTITION).unique()
        keys = known.join(behind, on=names.PARTITION, how="semi").select(key).unique()
        return cls(keys, known.select(key).unique(), some=behind.height > 0 or reached.is_empty())

    def count(self, rows: pl.DataFrame, key: list[str]) -> int:
        """How many of these keys' changes may be on their way; of one that no partition knows it cannot be told."""
        unknown = rows.join(self.known, on=key, how="anti").height if self.some else 0
        return rows.join(self.keys, on=key, how="semi").height + unknown


def _compared(snapshot: Source, changes: Source) -> tuple[str, ...]:
    theirs = {f.name: f.polars_type() for f in changes.contract.fields}
    found = [f.name for f in snapshot.contract.fields if f.name not in ADDED and f.name in theirs]
    wrong = [n for n in found if snapshot.contract.field(n).polars_type() != theirs[n]]
    if wrong:
        raise InvalidInputError(f"{snapshot.name} and {changes.name} declare {', '.join(wrong)} with different types")
    return tuple(found)


def _moment(lake: Lake, snapshot: Source, day: date | None) -> _Moment:
    """What the snapshot says of itself in raw."""
    raw = lake.table(names.table(*names.raw(snapshot.name)))
    days = raw.partitions()["day"].to_list() if raw.exists() else []
    if not days or (day is not None and day not in days):
        raise InvalidInputError(f"raw/{snapshot.name} has no snapshot{'' if day is None else f' of {day}'}: take one")
    chosen = max(days) if day is None else day
    first = raw.read(columns=["offset", "headers"], where=[("day", "==", chosen)]).sort("offset").row(0, named=True)
    said = {header["name"]: header["value"] for header in first["headers"]}
    return _Moment(chosen, int(said["snapshot.lsn"]), said["snapshot.transactions"].decode())


def _visible(transactions: str) -> pl.Expr:
    """Whether a change's transaction had committed for a `pg_snapshot` `xmin:xmax:running,...`."""
    xmin, xmax, running = transactions.split(":")
    low, high = int(xmin), int(xmax)
    behind = (high % XIDS - pl.col(TX)) % XIDS  # how far before xmax, whatever the epoch
    number = high - pl.when(behind >= XIDS // 2).then(behind - XIDS).otherwise(behind)
    open_ones = pl.Series([int(one) for one in running.split(",") if one], dtype=pl.Int64)
    return (number < low) | ((number < high) & ~number.is_in(open_ones.implode()))


def _compare(
    day: date, key: list[str], compared: tuple[str, ...], taken: pl.DataFrame, state: pl.DataFrame, behind: _Behind
) -> Reconciliation:
    missing = taken.join(state, on=key, how="anti").select(key).sort(key)
    surplus = state.join(taken, on=key, how="anti").select(key).sort(key)
    both = taken.join(state, on=key, suffix="_changes").sort(key)
    differing: dict[str, int] = {}
    wrong = [missing, surplus]
    examples = [f"{_named(row)}: not in change data" for row in missing.head(MOST_SHOWN).iter_rows(named=True)]
    examples += [f"{_named(row)}: not in the snapshot" for row in surplus.head(MOST_SHOWN).iter_rows(named=True)]
    for name in (n for n in compared if n not in key):
        other = both.filter(~pl.col(name).eq_missing(pl.col(f"{name}_changes"))).select(key)
        if other.height:
            differing[name] = other.height
            wrong.append(other)
            examples += [f"{_named(row)}: {name} differs" for row in other.head(MOST_SHOWN).iter_rows(named=True)]
    rows = pl.concat(wrong).unique()
    return Reconciliation(
        day=day,
        rows=taken.height,
        compared=compared,
        missing=missing.height,
        surplus=surplus.height,
        differing=differing,
        examples=tuple(examples[:MOST_SHOWN]),
        wrong=rows.height,
        behind=behind.count(rows, key),
    )


def _named(row: Mapping[str, object]) -> str:
    return ", ".join(f"{name} {value}" for name, value in row.items())
