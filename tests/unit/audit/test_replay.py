from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from shutil import copytree

import orjson
import polars as pl
import pytest

from mlinfra_assets.audit.replay import Replay, replay
from mlinfra_assets.errors import InvalidInputError
from mlinfra_assets.lake.lake import Lake
from mlinfra_assets.learning.model import Promotion
from mlinfra_assets.learning.trainer import GradientBoosting
from mlinfra_assets.registry.registry import Registry
from tests.support.audited_shop import MAX_PAYLOAD, RUN, AuditedShop, audited_shop, order_line, sources
from tests.support.shop_models import shop_view

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


def lines_of(shop: AuditedShop, customer: int) -> pl.DataFrame:
    return shop.lake.table("curated/stg_order_lines").read().filter(pl.col("customer_id") == customer)


def test_each_value_has_the_rows_of_its_window_with_what_arrived_there(shop: AuditedShop) -> None:
    found = replayed(shop, "233-12000")
    lines = lines_of(shop, 12_000).filter(pl.col("_event_time") <= AT)
    assert [row.offset for row in found.rows] == lines.sort("_event_time", "_offset")["_offset"].to_list()
    month = lines.filter(pl.col("is_sale") & (pl.col("_event_time") > AT - timedelta(days=30)))
    recent = {r.offset for r in found.rows if "customer_features:purchase_frequency_30d" in r.features}
    assert recent == set(month["_offset"])
    returns = lines.filter(pl.col("is_return") & (pl.col("_event_time") > AT - timedelta(days=90)))
    assert {r.offset for r in found.rows if "customer_features:returned" in r.features} == set(returns["_offset"])
    by_offset = dict(lines.select("_offset", "invoice_no").iter_rows())
    assert all(f'"InvoiceNo":"{by_offset[row.offset]}"' in row.payload for row in found.rows)
    assert all(row.event_time < row.known_at <= AT for row in found.rows)


def test_it_reads_the_records_of_its_entity_alone_and_says_so(shop: AuditedShop) -> None:
    found = replayed(shop, "233-12001")
    (said,) = found.read
    assert f"the {lines_of(shop, 12_001).height:,} records of raw/order_lines" in said
    assert "content hash" in said


@pytest.fixture
def own(shop: AuditedShop, tmp_path: Path) -> AuditedShop:
    copytree(shop.lake.root, tmp_path / "lake")
    lake = Lake(str(tmp_path / "lake"))
    return AuditedShop(lake, Registry(lake), sources())


def test_what_raw_no_longer_has_is_named_by_its_offsets(own: AuditedShop) -> None:
    gone = lines_of(own, 12_000)["_offset"].sort()[:2].to_list()
    raw = own.lake.table("raw/order_lines")
    raw.replace(raw.read().filter(~pl.col("offset").is_in(gone)), provenance=RUN)
    found = replayed(own, "233-12000")
    assert not found.reproduced
    text = "\n".join(found.report.messages())
    assert "raw/order_lines no longer has 2 records of partition 0 that the platform has made rows of, offsets" in text
    assert f"{gone[0]} to {gone[1]}" in text


def test_an_altered_record_of_the_entity_is_found_by_its_hash(own: AuditedShop) -> None:
    offset = lines_of(own, 12_000)["_offset"][0]
    raw = own.lake.table("raw/order_lines")
    here = pl.col("offset") == offset
    other = pl.when(here).then(pl.col("payload") + b" ").otherwise("payload").alias("payload")
    raw.replace(raw.read().with_columns(other), provenance=RUN)
    found = replayed(own, "233-12000")
    assert not found.reproduced
    assert f"the payload at partition 0, offset {offset} is not the one that was landed" in found.report.messages()[0]


def test_it_holds_after_code_model_and_corrections_have_moved_on_and_files_were_merged_and_removed(
    own: AuditedShop,
) -> None:
    before = replayed(own, "233-12000")
    line = lines_of(own, 12_000).row(0, named=True)
    late = {**line, "_event_time": AT - timedelta(days=3)}
    own.land("order_lines", [(2_000_000, AT + timedelta(days=1), order_line(late, InvoiceNo="599999"))])
    broken = order_line(late, CustomerID="12000.5", InvoiceNo="599998")
    own.land("order_lines", [(2_000_010, AT + timedelta(days=1), broken)])
    own.release(2_000_010, AT + timedelta(days=2), customer_id="12000")
    own.view = shop_view(window="7d", average_default=3.0)
    own.register()
    own.train(
        AT + timedelta(days=3), trainer=GradientBoosting(iterations=3, min_leaf=10), promotion=Promotion(min_rows=1)
    )
    for name in ("raw/order_lines", "processed/order_lines", "processed/predictions", "curated/stg_order_lines"):
        own.lake.table(name).maintain(small_files=1)
        own.lake.table(name).clean_up(timedelta(0))
    after = replayed(own, "233-12000")
    assert after.reproduced
    assert after.values == before.values
    assert [row.offset for row in after.rows] == [row.offset for row in before.rows]
