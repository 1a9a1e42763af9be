"""The columns that every processed row carries beside its contract's: when, known when, and from where."""

from __future__ import annotations

from datetime import timedelta

import polars as pl

from mlinfra_assets import names
from mlinfra_assets.contracts.contract import COORDINATE_TYPES, TIMESTAMP, Contract
from mlinfra_assets.contracts.parse import start_of_day

FIRST_BATCH = 1
ARRIVAL = (names.KNOWN_AT, names.PARTITION, names.OFFSET, names.ROW)
"""What rows arrived in the order of."""


def with_coordinates(contract: Contract, values: pl.DataFrame, origin: pl.DataFrame, *, batches: bool) -> pl.DataFrame:
    """Typed records with their coordinates, `Contract.polars_schema()`.

    Args:
        contract: Names the event time and the lag of history.
        values: Typed records, `Contract.value_schema()`.
        origin: For each record: `known_at`, `partition`, `offset`, `row`, and `release` (null: never held).
        batches: Whether offsets number batches. Then, in the first one, a record whose event time and lag lie before
            its landing counts as known from then on, and is marked.
    """
    event_time = _event_time(contract, values[contract.event_time])
    known_at, assumed = origin["known_at"], pl.Series([False] * len(origin), dtype=pl.Boolean)
    if batches and contract.history_lag_us is not None:
        then = event_time + timedelta(microseconds=contract.history_lag_us)
        history = (origin["offset"] == FIRST_BATCH) & origin["release"].is_null() & (then < known_at)
        assumed = history.fill_null(value=False)
        known_at = origin.select(pl.when(assumed).then(then).otherwise(known_at)).to_series()
    coordinates = {
        names.EVENT_TIME: event_time,
        names.KNOWN_AT: known_at,
        names.ASSUMED: assumed,
        names.PARTITION: origin["partition"],
        names.OFFSET: origin["offset"],
        names.ROW: origin["row"],
        names.RELEASE: origin["release"],
        names.CONTRACT: pl.repeat(contract.fingerprint, len(origin), dtype=pl.String, eager=True),
    }
    return values.with_columns(
        series.cast(COORDINATE_TYPES[name]).alias(name) for name, series in coordinates.items()
    ).select(contract.polars_schema().names())


def compared(contract: Contract) -> list[str]:
    """The columns that say whether a row says something new of its primary key."""
    return [*(f.name for f in contract.fields), *ARRIVAL]


def without_unchanged(contract: Contract, rows: pl.DataFrame, latest: pl.DataFrame) -> pl.DataFrame:
    """The rows that say something new of their primary key; the order stays.

    A row is left out if the one that arrived before it with the same key, among `latest` and `rows`, has the same
    values. So the outcome does not depend on how rows are split into batches.

    Args:
        contract: Names the primary key.
        rows: New rows, `Contract.polars_schema()`.
        latest: Rows that are known already.
    """
    keys, columns = list(contract.primary_key), compared(contract)
    number = "_number"  # not a contract's column: those start with a letter
    new = rows.select(columns).with_row_index(number).with_columns(pl.col(number).cast(pl.Int64))
    known = latest.select(columns).with_columns(pl.lit(-1, dtype=pl.Int64).alias(number))
    ordered = pl.concat([known.select(new.columns), new], how="vertical_relaxed").sort(
        *keys, *ARRIVAL, maintain_order=True
    )
    same = pl.all_horizontal(pl.col(f.name).eq_missing(pl.col(f.name).shift(1)) for f in contract.fields)
    kept = ordered.filter(~same, pl.col(number) >= 0)[number].sort()
    first = ordered.head(1).filter(pl.col(number) >= 0)[number]
    return rows[pl.concat([kept, first]).unique().sort()]


def _event_time(contract: Contract, column: pl.Series) -> pl.Series:
    if column.dtype != pl.Date():
        return column
    days = column.drop_nulls().unique().to_list()
    starts = pl.Series([start_of_day(day, contract) for day in days], dtype=pl.Int64).cast(TIMESTAMP)
    return column.replace_strict(pl.Series(days, dtype=pl.Date), starts, return_dtype=TIMESTAMP)
