"""What an asset check says, made from reports: contracts, snapshots, the audit."""

from __future__ import annotations

from itertools import pairwise

import dagster as dg
import polars as pl

from mlinfra_assets.feature_store.view import FeatureView

SNAPSHOT_CHECK = "snapshot"
LEAST_SHARE = 0.5


def snapshot_check(frame: pl.DataFrame, view: FeatureView, day_before: int | None) -> dg.AssetCheckResult:
    """Whether snapshots may be written: each entity once a day, and no day with less than half of the day before.

    Args:
        frame: The snapshots: `day`, the join keys, the features.
        view: The view.
        day_before: Entities in the snapshot before the first day of the frame; None if there is none.
    """
    keys = ["day", *view.join_keys]
    repeated = frame.height - frame.select(keys).unique().height
    nulls = frame.select(pl.any_horizontal(pl.col(keys).is_null()).sum()).item()
    counts = frame.group_by("day").len().sort("day")
    sizes = ([] if day_before is None else [day_before]) + counts["len"].to_list()
    drops = [f"{after} entities after {before}" for before, after in pairwise(sizes) if after < LEAST_SHARE * before]
    if day_before and frame.is_empty():
        drops.append(f"0 entities after {day_before}")
    problems = [
        *([f"{repeated} entities appear twice on one day"] if repeated else []),
        *([f"{nulls} rows have a null in their key"] if nulls else []),
        *drops,
    ]
    return dg.AssetCheckResult(
        check_name=SNAPSHOT_CHECK,
        passed=not problems,
        severity=dg.AssetCheckSeverity.ERROR,
        metadata={
            "entity_days": frame.height,
            "days": counts.height,
            "repeated": repeated,
            "null_keys": int(nulls),
            "entities_last_day": int(counts["len"][-1]) if counts.height else 0,
        },
        description=None
        if not problems
        else f"snapshots of {view.name} are not written, and Redis keeps what it has: {'; '.join(problems)}. "
        "Look at the inputs of this run; materialize again once they are right.",
    )
