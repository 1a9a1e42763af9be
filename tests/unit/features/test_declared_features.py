from __future__ import annotations

from mlinfra_assets.datasets import datasets
from mlinfra_assets.feature_store.canonical import definition_hash
from mlinfra_assets.features import fs
from mlinfra_assets.learning.scores import check_scores
from mlinfra_assets.models import declared


def test_the_datasets_are_every_source_and_every_row_wise_model() -> None:
    found = datasets()
    assert {"order_lines", "exchange_rates", "predictions", "outcomes", "stg_order_lines"} <= set(found)
    lines = found["stg_order_lines"]
    assert (lines.source, lines.table) == ("order_lines", "curated/stg_order_lines")
    assert str(lines.type_of("line_amount")) == "decimal(3)"
    assert found["exchange_rates"].primary_key


def test_the_declared_views_are_what_the_shop_is_told_of() -> None:
    assert set(fs.views) == {"customer_features", "product_features", "customer_product_features"}
    assert {"purchase_frequency_30d", "average_order_value", "churn_risk_score"} <= set(
        fs.views["customer_features"].schema
    )
    assert fs.views["customer_product_features"].join_keys == ("customer_id", "stock_code")
    assert all(view.online and view.owner and view.description for view in fs.views.values())


def test_every_declared_model_fits_the_views() -> None:
    models = declared()
    assert list(models) == ["churn"]
    check_scores(models, fs.views)


def test_a_view_is_declared_once_and_keeps_its_hash() -> None:
    hashes = {name: definition_hash(view) for name, view in fs.views.items()}
    assert len(set(hashes.values())) == len(hashes)
