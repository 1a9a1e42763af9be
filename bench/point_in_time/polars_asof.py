"""Polars: `join_asof` by key with a tolerance, on the streaming engine."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import polars as pl

from bench.harness.layout import KEY, LABEL_ID, LABEL_TIME, parts
from bench.point_in_time.layout import DATASETS, FEATURES, TTL_DAYS, features
from mlinfra_assets import names


def ready(data: Path, variant: str) -> Callable[[], pl.DataFrame]:
    """Nothing to get ready; the files are in the order of time, and Polars is told so."""
    del variant

    def work() -> pl.DataFrame:
        answer = pl.scan_parquet(data / "labels.parquet").sort(LABEL_TIME)
        for dataset in DATASETS:
            rows = pl.scan_parquet(list(parts(data / dataset))).select(KEY, names.EVENT_TIME, *features(dataset))
            answer = answer.join_asof(
                rows.set_sorted(names.EVENT_TIME),
                left_on=LABEL_TIME,
                right_on=names.EVENT_TIME,
                by=KEY,
                strategy="backward",
                tolerance=f"{TTL_DAYS}d",
                check_sortedness=False,
            ).drop(names.EVENT_TIME, strict=False)
        return answer.collect(engine="streaming")

    return work


def save(answer: pl.DataFrame, path: Path) -> None:
    """Write the answer."""
    answer.select(LABEL_ID, *FEATURES).write_parquet(path)
