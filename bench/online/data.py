"""The data: for each entity twenty values, and fifty events that twenty features over windows are made of."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl

from bench.harness.cache import made_once
from bench.online.layout import EVENTS, FEATURES, KEY, PLAIN, VIEWS, WINDOWED
from mlinfra_assets import names
from mlinfra_assets.clock import to_micros
from mlinfra_assets.feature_store import ColumnType, DatasetSchema, Entity, FeatureStore, FeatureView
from mlinfra_assets.feature_store.engine.evaluate import evaluate
from mlinfra_assets.feature_store.engine.prepare import prepare

NOW = datetime(2024, 6, 1, tzinfo=UTC)
DAYS = 90
WINDOWS = ("1d", "7d", "30d", "90d")
_INTEGERS = 10
"""How many of the twenty values are integers; the others are doubles."""


def make(cache: Path, entities: int) -> Path:
    """The folder with `plain.parquet` and `windowed.parquet`, the datasets, and `feast-*.parquet`, the values."""
    return made_once(cache / f"online-{entities}", lambda folder: _fill(folder, entities))


def views() -> dict[str, FeatureView]:
    """The views by name."""
    customer = Entity("customer", {KEY: "int64"})
    plain = DatasetSchema("latest", {KEY: ColumnType("int64"), **_plain_types()}, "latest", "processed/latest")
    kinds = {KEY: ColumnType("int64"), "amount": ColumnType("decimal", 2), "quantity": ColumnType("int64")}
    events = DatasetSchema("events", kinds, "events", "processed/events")
    store = FeatureStore({"latest": plain, "events": events})

    @store.create_feature_view(PLAIN, [customer], online=True)
    def _plain(latest):  # noqa: ANN001, ANN202 - a declaration
        return {name: latest[name].latest() for name in FEATURES}

    @store.create_feature_view(WINDOWED, [customer], online=True)
    def _windowed(events):  # noqa: ANN001, ANN202 - a declaration
        amount, quantity = events["amount"], events["quantity"]
        made = [(events.count(w), amount.sum(w), quantity.sum(w), amount.max(w), amount.mean(w)) for w in WINDOWS]
        return dict(zip(FEATURES, [feature for of_window in made for feature in of_window], strict=True))

    return {PLAIN: _plain, WINDOWED: _windowed}


def _plain_types() -> dict[str, ColumnType]:
    return {name: ColumnType("int64" if n < _INTEGERS else "float64") for n, name in enumerate(FEATURES)}


def _fill(folder: Path, entities: int) -> None:
    rng = np.random.default_rng(7)
    keys = np.arange(entities, dtype=np.int64)
    latest = {KEY: keys} | {
        name: rng.integers(0, 10**9, entities) if n < _INTEGERS else rng.normal(size=entities)
        for n, name in enumerate(FEATURES)
    }
    _with_coordinates(latest, to_micros(NOW) - rng.integers(1, 86_400_000_000, entities)).write_parquet(
        folder / f"{PLAIN}.parquet"
    )
    rows = entities * EVENTS
    amount = pl.Series(rng.integers(1, 10**6, rows)).cast(pl.Decimal(18, 2)) / 100
    events = {
        KEY: np.repeat(keys, EVENTS),
        "amount": amount.cast(pl.Decimal(18, 2)),
        "quantity": rng.integers(1, 100, rows),
    }
    span = DAYS * 86_400_000_000
    _with_coordinates(events, to_micros(NOW) - rng.integers(1, span, rows)).write_parquet(
        folder / f"{WINDOWED}.parquet"
    )
    for name in VIEWS:
        _answers(folder, name).write_parquet(folder / f"feast-{name}.parquet")


def _with_coordinates(columns: dict, event_time: np.ndarray) -> pl.DataFrame:
    frame = pl.DataFrame({**columns, names.EVENT_TIME: event_time})
    time = pl.col(names.EVENT_TIME).cast(pl.Datetime("us", "UTC"))
    return frame.with_columns(
        time,
        time.alias(names.KNOWN_AT),
        pl.lit(0).alias(names.PARTITION),
        pl.int_range(pl.len()).alias(names.OFFSET),
        pl.lit(0).alias(names.ROW),
        pl.lit(None, pl.Int64).alias(names.RELEASE),
    )


def _answers(folder: Path, name: str) -> pl.DataFrame:
    """Every entity's features at `NOW`, which is what Feast keeps."""
    view = views()[name]
    rows = prepare(view, pl.read_parquet(folder / f"{name}.parquet"))
    assert rows.keys is not None
    found = evaluate(view, rows, rows.keys, np.full(rows.entities, to_micros(NOW), np.int64))
    time = pl.lit(NOW - timedelta(hours=1)).cast(pl.Datetime("us", "UTC")).alias(names.EVENT_TIME)
    return pl.concat([rows.keys, found], how="horizontal").with_columns(time)
