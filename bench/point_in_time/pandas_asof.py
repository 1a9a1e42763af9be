"""pandas: `merge_asof` by key with a tolerance."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pandas as pd  # pyright: ignore[reportMissingImports]

from bench.harness.layout import KEY, LABEL_TIME, parts
from bench.point_in_time.layout import DATASETS, TTL_DAYS, features
from mlinfra_assets.names import EVENT_TIME


def ready(data: Path, variant: str) -> Callable[[], pd.DataFrame]:
    """Nothing to get ready; the files are in the order of time."""
    del variant

    def work() -> pd.DataFrame:
        answer = pd.read_parquet(data / "labels.parquet").sort_values(LABEL_TIME)
        for dataset in DATASETS:
            columns = [KEY, EVENT_TIME, *features(dataset)]
            rows = pd.concat(pd.read_parquet(part, columns=columns) for part in parts(data / dataset))
            joined = pd.merge_asof(
                answer, rows, left_on=LABEL_TIME, right_on=EVENT_TIME, by=KEY, tolerance=timedelta(days=TTL_DAYS)
            )
            answer = joined.drop(columns=EVENT_TIME)
        return answer

    return work


def save(answer: pd.DataFrame, path: Path) -> None:
    """Write the answer; pandas holds integers with gaps as floats."""
    whole = {f"{dataset}_amount": "Int64" for dataset in DATASETS}
    answer.drop(columns=[KEY, LABEL_TIME]).astype(whole).to_parquet(path)
