"""The project's `iterate_snapshots`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from bench.backfill.digest import Digest
from bench.backfill.layout import DAYS, NEWEST, ORDERS, PROFILES, WIDE, WINDOWED, WINDOWS, features
from bench.harness.layout import KEY
from bench.harness.reader import ParquetReader, schema
from mlinfra_assets.feature_store import Entity, FeatureStore, FeatureView
from mlinfra_assets.feature_store.engine.prepare import prepare
from mlinfra_assets.feature_store.snapshot import iterate_snapshots


def views() -> dict[str, FeatureView]:
    """The view of each question."""
    declared = FeatureStore({ORDERS: schema(ORDERS), PROFILES: schema(PROFILES, wide=WIDE)})
    customer = Entity("customer", join_keys=[KEY])

    @declared.create_feature_view(name=WINDOWED, entities=[customer])
    def windowed(orders):  # noqa: ANN001, ANN202 - a symbolic dataset in, expressions by name out
        found = {}
        for days in WINDOWS:
            window, amount = f"{days}d", orders["amount"]
            found[f"count_{window}"] = orders.count(window)
            found[f"sum_{window}"] = amount.sum(window)
            found[f"mean_{window}"] = amount.mean(window)
            found[f"min_{window}"] = amount.min(window)
            found[f"max_{window}"] = amount.max(window)
        return found

    @declared.create_feature_view(name=NEWEST, entities=[customer])
    def newest(profiles):  # noqa: ANN001, ANN202
        return {name: profiles[name].latest() for name in features(NEWEST)}

    return declared.views


def ready(data: Path, variant: str) -> Callable[[], Digest]:
    """Declare the view; the work reads its rows once and answers day by day."""
    view = views()[variant]
    read = ParquetReader({dataset: data / dataset for dataset in (ORDERS, PROFILES)})

    def work() -> Digest:
        prepared = prepare(view, read.batches(view.dataset.name, view.columns))
        digest = Digest(features(variant))
        for frame in iterate_snapshots(view, prepared, DAYS):
            digest.add(frame.to_arrow())
        return digest

    return work


def save(answer: Digest, path: Path) -> None:
    """Write what was kept."""
    answer.save(path)
