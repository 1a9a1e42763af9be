"""A demo's result to print, with the awkward values that real ones have."""

from __future__ import annotations

from datetime import UTC, datetime

from mlinfra_assets.demo import result

ID = "0f" * 16
AT = datetime(2011, 12, 9, 12, 50, tzinfo=UTC)


def demo_result(made: int = 3_120, reproduced: int = 3_120) -> result.DemoResult:
    steps = {f"2011-{month:02d}-05: raw, contract, quarantine": 1.25 for month in range(6, 12)}
    return result.DemoResult(
        data=result.Data("UCI Online Retail", "European Central Bank", False, 541_909, AT.replace(year=2010), AT),
        rows=result.Rows(
            raw={"order_lines": 541_909, "exchange_rates": 6, "predictions": made, "outcomes": 1_000},
            processed={"order_lines": 540_561, "exchange_rates": 109_412},
            quarantined={"order_lines": 1_348, "exchange_rates": 0},
            curated={"orders": 25_900, "customers": 4_372},
            features={"customer_features": 1_203_441},
        ),
        quarantine={
            "order_lines": {f"field_{n}: a rule with a rather long name that goes on [{n}]": n for n in range(9)},
            "exchange_rates": {},
        },
        features=result.Features(
            pushed=8_442,
            pushed_by_view={"customer_features": 4_372, "product_features": 4_070},
            entity={"customer_id": 12680},
            sample={"orders": 4, "churn_risk_score": 0.123456789, "mean": None, "last": "BAKING [red]SET"},
        ),
        training=result.Training(31_204, 12_001, 11, AT.replace(month=1), AT.replace(month=9)),
        model=result.Model("churn", "1f0e2d3c4b5a", {"auc": 0.7812, "log_loss": float("nan")}, {"auc": 0.77}),
        predictions=result.Predictions(made, reproduced, 2_400, ID),
        seconds=183.4,
        seconds_by_step={"Data": 2.0, **steps},
        next_steps=(result.NextStep("mlinfra up", "the lineage"), result.NextStep(f"mlinfra replay {ID}", "one")),
    )  # fmt: skip
