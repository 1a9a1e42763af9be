from __future__ import annotations

from datetime import UTC, datetime

import polars as pl
import pytest

from mlinfra_assets.learning.performance import performance

TIME = pl.Datetime("us", "UTC")


def predictions(*rows: tuple[str, str, str, int, float | None]) -> pl.DataFrame:
    values = [
        {
            "prediction_id": i,
            "model": m,
            "model_version": v,
            "predicted_at": datetime(2011, mo, 5, tzinfo=UTC),
            "score": s,
        }
        for i, m, v, mo, s in rows
    ]
    kinds = {"prediction_id": pl.String, "model": pl.String, "model_version": pl.String, "predicted_at": TIME}
    return pl.DataFrame(values, schema={**kinds, "score": pl.Float64})


def outcomes(*rows: tuple[str, str, int]) -> pl.DataFrame:
    values = [
        {"prediction_id": i, "model": m, "observed_at": datetime(2011, 12, 1, tzinfo=UTC), "label": label}
        for i, m, label in rows
    ]
    kinds = {"prediction_id": pl.String, "model": pl.String, "observed_at": TIME, "label": pl.Int64}
    return pl.DataFrame(values, schema=kinds)


def test_predictions_are_judged_by_their_own_outcomes() -> None:
    found = performance(
        "churn",
        predictions(
            ("a", "churn", "v1", 8, 0.25),
            ("b", "churn", "v2", 9, 0.75),
            ("c", "churn", "v2", 9, 0.5),
            ("d", "churn", "v2", 9, None),
            ("x", "other", "v1", 8, 0.5),
        ),
        outcomes(("a", "churn", 0), ("b", "churn", 1), ("x", "other", 1)),
    )
    assert found.frame.select("prediction_id", "label").rows() == [("a", 0), ("b", 1)]
    assert found.overall.n == 2
    assert found.overall.brier == pytest.approx(0.0625)
    assert found.overall.auc == 1.0
    assert {version: m.n for version, m in found.by_version.items()} == {"v1": 1, "v2": 1}
    assert list(found.by_month) == ["2011-08", "2011-09"]
    assert (found.waiting, found.unscored) == (1, 1)


def test_an_event_that_came_twice_counts_once() -> None:
    found = performance(
        "churn",
        predictions(("a", "churn", "v1", 8, 0.25), ("a", "churn", "v1", 8, 0.25)),
        outcomes(("a", "churn", 0), ("a", "churn", 0)),
    )
    assert found.overall.n == 1


def test_nothing_judged_yet_is_said_and_not_an_error() -> None:
    found = performance("churn", predictions(("a", "churn", "v1", 8, 0.25)), outcomes())
    assert found.overall.n == 0
    assert "1 predictions wait" in found.to_markdown()
    assert found.to_svg().startswith("<svg")
    assert found.to_dict()["waiting"] == 1
