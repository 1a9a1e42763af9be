"""pandas: `groupby().rolling()` over events and moments together."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd  # pyright: ignore[reportMissingImports]

from bench.harness.layout import KEY, LABEL_ID, LABEL_TIME, parts
from bench.windows.layout import DAYS, TOTALS, VALUE, features
from mlinfra_assets.names import EVENT_TIME


def ready(data: Path, variant: str) -> Callable[[], pd.DataFrame]:
    """Nothing to get ready."""
    value = VALUE[variant]

    def work() -> pd.DataFrame:
        columns = [KEY, EVENT_TIME, value]
        events = pd.concat(pd.read_parquet(part, columns=columns) for part in parts(data / "orders"))
        moments = pd.read_parquet(data / "labels.parquet").rename(columns={LABEL_TIME: EVENT_TIME})
        rows = pd.concat([events, moments], ignore_index=True).sort_values([KEY, EVENT_TIME], ignore_index=True)
        grouped = rows.groupby(KEY, sort=False)
        for days in DAYS:
            window = grouped.rolling(f"{days}D", on=EVENT_TIME, closed="right", min_periods=1)[value]
            if variant == TOTALS:
                rows[f"count_{days}d"] = window.count().to_numpy()
                rows[f"sum_{days}d"] = window.sum().to_numpy()
                rows[f"mean_{days}d"] = rows[f"sum_{days}d"] / rows[f"count_{days}d"]
            else:
                rows[f"max_{days}d"] = window.max().to_numpy()
        return rows.loc[rows[LABEL_ID].notna(), [LABEL_ID, *features(variant)]]

    return work


def save(answer: pd.DataFrame, path: Path) -> None:
    """Write the answer; pandas holds integers with gaps as floats."""
    whole = {name: "Int64" for name in answer.columns if not name.startswith("mean")}
    answer.astype(whole).to_parquet(path)
