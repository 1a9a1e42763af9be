"""Predictions and outcomes as their processed tables hold them, a few columns of each."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl

from mlinfra_assets import names
from mlinfra_assets.learning.labels import NO_OUTCOMES

TIME = pl.Datetime("us", "UTC")
DAY = timedelta(days=1)
START = datetime(2011, 8, 1, tzinfo=UTC)
NOW = START + 200 * DAY
PREDICTIONS = {
    "prediction_id": pl.String(),
    "model": pl.String(),
    "model_version": pl.String(),
    "entity": pl.String(),
    "predicted_at": TIME,
    "features": pl.String(),
    "score": pl.Float64(),
    **{name: NO_OUTCOMES.schema[name] for name in (names.KNOWN_AT, names.PARTITION, names.OFFSET, names.ROW)},
}


def entity(number: int) -> str:
    return f'{{"customer_id":{number}}}'


def predictions(*given: dict[str, Any]) -> pl.DataFrame:
    """Each with `id` and what differs from: of customer 1, by v1, at the start, with the score one half."""
    rows = [
        {
            "prediction_id": row["id"],
            "model": row.get("model", "churn"),
            "model_version": row.get("version", "v1"),
            "entity": entity(row.get("customer", 1)),
            "predicted_at": START + row.get("day", 0) * DAY,
            "features": row.get("features", "{}"),
            "score": row.get("score", 0.5),
            names.KNOWN_AT: START + row.get("day", 0) * DAY,
            names.PARTITION: 0,
            names.OFFSET: place,
            names.ROW: 0,
        }
        for place, row in enumerate(given)
    ]
    return pl.DataFrame(rows, schema=PREDICTIONS)


def outcomes(*given: dict[str, Any]) -> pl.DataFrame:
    """Each with what differs from: an id of its own, label 1, of nothing, on day 10, arriving in the order given."""
    rows = [
        {
            "outcome_id": row.get("id", f"o{place}"),
            "model": row.get("model", "churn"),
            "prediction_id": row.get("of"),
            "entity": None if "customer" not in row else entity(row["customer"]),
            "observed_at": START + row.get("day", 10) * DAY,
            "label": row.get("label", 1),
            names.KNOWN_AT: START + row.get("known", row.get("day", 10)) * DAY,
            names.PARTITION: 0,
            names.OFFSET: place,
            names.ROW: 0,
        }
        for place, row in enumerate(given)
    ]
    return pl.DataFrame(rows, schema=NO_OUTCOMES.schema)
