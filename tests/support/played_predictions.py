"""The predictions that were made while the demo was played, and the audit of their days."""

from __future__ import annotations

from datetime import date

import dagster as dg
import orjson

from mlinfra_assets import names
from tests.support.platform import Platform

AUDIT = (names.AUDIT, names.PREDICTIONS)


def days(platform: Platform) -> list[date]:
    """The UTC days on which predictions were made."""
    return sorted(set(platform.rows("processed/predictions")["predicted_at"].dt.date()))


def event(platform: Platform, day: date) -> dict:
    """The event of the first prediction of a day, as raw holds it."""
    raw = platform.rows("raw/predictions").sort("offset")["payload"]
    return next(e for e in map(orjson.loads, raw) if e["predicted_at"].startswith(day.isoformat()))


def audit(platform: Platform, day: date) -> tuple[dg.ExecuteInProcessResult, dg.AssetCheckEvaluation]:
    """Run the audit of a day; the run and what its check says."""
    result = platform.run(AUDIT, partition_key=day.isoformat())
    found = platform.check(AUDIT, "reproduced")
    assert found is not None
    return result, found
