"""The audit's check passes on what was really predicted, and fails on a single changed bit, which it names."""

from __future__ import annotations

import math

import orjson
import pytest

from mlinfra_assets.streams.record import NewRecord
from tests.support.platform import Platform
from tests.support.played_predictions import audit, days, event

FEATURE = "customer_features:average_order_value"
DOCTORED = "doctored-prediction"


def log_again(platform: Platform, changed: dict) -> None:
    """Log a prediction once more under another id."""
    value = orjson.dumps({**changed, "prediction_id": DOCTORED})
    platform.log.append("predictions", [NewRecord(value, DOCTORED.encode())], at=platform.clock.now())
    assert platform.ingest("predictions").success


def next_up(value: float) -> float:
    """The value with its last bit changed."""
    return math.nextafter(value, math.inf)


def test_what_was_predicted_is_reproduced(platform: Platform) -> None:
    day = days(platform)[0]
    log_again(platform, event(platform, day))

    result, found = audit(platform, day)

    assert result.success
    assert found.passed
    assert found.metadata["made"].value == found.metadata["reproduced"].value
    assert platform.rows("audit/predictions", where=[("day", "==", day)])["reproduced"].item() > 1


@pytest.mark.parametrize("where", [FEATURE, "score"])
def test_one_changed_bit_fails_the_check_and_is_named(platform: Platform, where: str) -> None:
    day = days(platform)[0]
    logged = event(platform, day)
    if where == FEATURE:
        logged["features"][FEATURE] = next_up(logged["features"][FEATURE])
    else:
        logged["score"] = next_up(logged["score"])
    log_again(platform, logged)

    result, found = audit(platform, day)

    assert not result.success
    assert not found.passed
    [row] = platform.rows("audit/predictions", where=[("day", "==", day)]).to_dicts()
    assert row["made"] == row["reproduced"] + 1
    assert DOCTORED in (found.description or "")
    assert where.rpartition(":")[2] in (found.description or "")
    assert any(DOCTORED in line for line in row["mismatches"])
