from __future__ import annotations

from datetime import UTC, datetime

import orjson
import polars as pl
import pytest

from mlinfra_assets.audit.replay import Replay, replay
from mlinfra_assets.errors import InvalidInputError
from tests.support.audited_shop import MAX_PAYLOAD, RUN, AuditedShop, audited_shop

AT = datetime(2011, 8, 21, 12, 30, 0, 123_457, tzinfo=UTC)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> AuditedShop:
    shop = audited_shop(tmp_path_factory.mktemp("shop"), customers=40)
    some = sorted(shop.lake.table("curated/stg_order_lines").read()["customer_id"].unique())[:3]
    shop.predict(AT, some)
    return shop


def replayed(shop: AuditedShop, prediction_id: str) -> Replay:
    return replay(prediction_id, shop.lake, shop.registry, shop.sources, max_payload_bytes=MAX_PAYLOAD)


def test_a_replay_shows_every_value_beside_what_was_logged(shop: AuditedShop) -> None:
    found = replayed(shop, "233-12000")
    assert found.reproduced
    assert [value.name for value in found.values] == [
        "customer_features:average_order_value",
        "customer_features:orders",
        "customer_features:purchase_frequency_30d",
        "customer_features:recency_days",
        "customer_features:returned",
        "score",
    ]
    assert all(value.same and value.logged == value.recomputed for value in found.values)
    assert found.entity == {"customer_id": 12_000}
    assert found.predicted_at == AT
    document = orjson.loads(orjson.dumps(found.to_dict()))
    assert document["reproduced"] is True
    assert document["views"]["customer_features"]["watermark"] == {"order_lines": shop.watermark().to_dict()}


def test_a_value_that_differs_is_marked_and_said(shop: AuditedShop) -> None:
    table = shop.lake.table("processed/predictions")
    rows, version = table.read(), table.version()
    mine = pl.col("prediction_id") == "233-12000"
    table.replace(rows.with_columns(score=pl.when(mine).then(0.5).otherwise("score")), provenance=RUN)
    try:
        found = replayed(shop, "233-12000")
        assert [value.name for value in found.values if not value.same] == ["score"]
        assert not found.reproduced
        assert "score was logged as 0.5 (0x3fe0000000000000), raw gives" in found.report.messages()[0]
    finally:
        table.replace(table.read(version=version), provenance=RUN)


def test_an_unknown_prediction_says_how_to_bring_it_in(shop: AuditedShop) -> None:
    with pytest.raises(InvalidInputError, match=r"there is no prediction nobody.*materialize raw/predictions"):
        replayed(shop, "nobody")
