"""Polars: rolling aggregates over daily totals, or `join_asof` of entities and days; a part of the work at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl

from bench.backfill.digest import Digest
from bench.backfill.layout import DAY, DAYS, NEWEST, ORDERS, PROFILES, WINDOWS, features
from bench.harness.layout import KEY, parts
from mlinfra_assets.names import EVENT_TIME

_PARTS = 30
_NUMBER, _PLACE, _END, _FIRST = "_number", "_place", "_end", "_first"


def ready(data: Path, variant: str) -> Callable[[], Digest]:
    """Nothing to get ready."""

    def work() -> Digest:
        digest = Digest(features(variant))
        for frame in _newest(data) if variant == NEWEST else _windowed(data):
            digest.add(frame.to_arrow())
        return digest

    return work


def save(answer: Digest, path: Path) -> None:
    """Write what was kept."""
    answer.save(path)


def _newest(data: Path) -> Iterator[pl.DataFrame]:
    """Some days at a time, of all entities."""
    rows = pl.scan_parquet(list(parts(data / PROFILES))).select(KEY, EVENT_TIME, *features(NEWEST))
    rows = rows.collect(engine="streaming").set_sorted(EVENT_TIME)
    keys = rows.select(pl.col(KEY).unique())
    for days in np.array_split(np.arange(len(DAYS)), _PARTS):
        ends = [datetime(*DAYS[i].timetuple()[:3], tzinfo=UTC) + timedelta(days=1, microseconds=-1) for i in days]
        spine = pl.DataFrame({DAY: [DAYS[i] for i in days], _END: ends}).join(keys, how="cross").sort(_END)
        joined = spine.with_columns(pl.col(_END).cast(rows.schema[EVENT_TIME])).join_asof(
            rows, left_on=_END, right_on=EVENT_TIME, by=KEY, strategy="backward", coalesce=False, check_sortedness=False
        )
        yield joined.drop_nulls(EVENT_TIME)


def _windowed(data: Path) -> Iterator[pl.DataFrame]:
    """Some entities at a time, all their days."""
    number = (pl.col(EVENT_TIME).dt.date() - pl.lit(DAYS[0])).dt.total_days().alias(_NUMBER)
    amount = pl.col("amount")
    daily = (
        pl.scan_parquet(list(parts(data / ORDERS)))
        .group_by(KEY, number)
        .agg(
            pl.len().cast(pl.Int64).alias("c"),
            amount.sum().alias("s"),
            amount.min().alias("low"),
            amount.max().alias("high"),
        )
        .collect(engine="streaming")
    )
    days = pl.DataFrame({DAY: DAYS, _NUMBER: np.arange(len(DAYS), dtype=np.int64)})
    firsts = daily.group_by(KEY).agg(pl.col(_NUMBER).min().alias(_FIRST)).sort(KEY)
    stretch = len(DAYS) + max(WINDOWS)
    for chosen in np.array_split(np.arange(firsts.height), _PARTS):
        grid = firsts[chosen].join(days, how="cross").filter(pl.col(_NUMBER) >= pl.col(_FIRST))
        filled = grid.join(daily, on=[KEY, _NUMBER], how="left").with_columns(
            (pl.col(KEY) * stretch + pl.col(_NUMBER)).alias(_PLACE), pl.col("c", "s").fill_null(0)
        )
        yield filled.sort(_PLACE).select(DAY, KEY, *[e for window in WINDOWS for e in _rolled(window)])


def _rolled(days: int) -> list[pl.Expr]:
    def rolling(column: str, function: str) -> pl.Expr:
        return getattr(pl.col(column), f"rolling_{function}_by")(_PLACE, f"{days}i")

    count, total = rolling("c", "sum"), rolling("s", "sum")
    some = pl.when(count > 0)
    return [
        count.alias(f"count_{days}d"),
        some.then(total).alias(f"sum_{days}d"),
        some.then(total / count).alias(f"mean_{days}d"),
        rolling("low", "min").alias(f"min_{days}d"),
        rolling("high", "max").alias(f"max_{days}d"),
    ]
