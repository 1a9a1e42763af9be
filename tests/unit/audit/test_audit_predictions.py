from __future__ import annotations

import math
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from hashlib import blake2b
from pathlib import Path
from shutil import copytree

import orjson
import polars as pl
import pytest

from mlinfra_assets.audit.bits import same
from mlinfra_assets.audit.columnar import reproduced
from mlinfra_assets.audit.from_raw import FromRaw
from mlinfra_assets.audit.predictions import audit_predictions, recompute_and_compare
from mlinfra_assets.audit.raw_rows import Integrity
from mlinfra_assets.audit.report import AuditReport
from mlinfra_assets.lake.lake import Lake
from mlinfra_assets.positions import Positions
from mlinfra_assets.registry.registry import Registry
from tests.support.audited_shop import MAX_PAYLOAD, RUN, AuditedShop, audited_shop, order_line, sources
from tests.support.shop_lines import shop_lines
from tests.support.shop_models import shop_view

AT = datetime(2011, 8, 21, 12, 30, 0, 123_457, tzinfo=UTC)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("shop")
    audited_shop(root)
    return root


@pytest.fixture
def shop(trained: Path, tmp_path: Path) -> AuditedShop:
    copytree(trained / "lake", tmp_path / "lake")
    lake = Lake(str(tmp_path / "lake"))
    return AuditedShop(lake, Registry(lake), sources())


def customers(shop: AuditedShop) -> list[int]:
    return sorted(shop.lake.table("curated/stg_order_lines").read(columns=["customer_id"])["customer_id"].unique())


def audit(shop: AuditedShop, days: list[date] | None = None) -> AuditReport:
    return audit_predictions(shop.lake, shop.registry, shop.sources, days=days, max_payload_bytes=MAX_PAYLOAD)


def change_raw(shop: AuditedShop, offset: int, payload: bytes | None, *, rehash: bool = False) -> None:
    """Put other bytes in one raw row, or take the row away."""
    table = shop.lake.table("raw/order_lines")
    rows = table.read()
    here = pl.col("offset") == offset
    if payload is None:
        rows = rows.filter(~here)
    else:
        rows = rows.with_columns(pl.when(here).then(pl.lit(payload)).otherwise("payload").alias("payload"))
        if rehash:
            digest = blake2b(payload, digest_size=16).hexdigest()
            rows = rows.with_columns(pl.when(here).then(pl.lit(digest)).otherwise("content_hash").alias("content_hash"))
    table.replace(rows, provenance=RUN)


def a_sale_of(shop: AuditedShop, customer: int) -> dict:
    lines = shop.lake.table("curated/stg_order_lines").read()
    mine = lines.filter(pl.col("customer_id") == customer, pl.col("is_sale"), pl.col("_known_at") <= AT)
    return mine.sort("_offset").row(-1, named=True)


def test_every_prediction_is_reproduced_bit_for_bit(shop: AuditedShop) -> None:
    everyone = customers(shop)
    shop.predict(AT, everyone)
    report = audit(shop)
    assert report.messages() == []
    assert (report.made, report.reproduced, report.passed) == (len(everyone), len(everyone), True)
    assert report.values == len(everyone) * 6
    assert report.by_day == {AT.date(): (len(everyone), len(everyone))}


def test_predictions_from_different_watermarks_are_reproduced_each_from_its_own(shop: AuditedShop) -> None:
    everyone = customers(shop)
    before = shop.watermark()
    more = shop_lines(60, 230).filter(pl.col("customer_id") == everyone[0]).row(0, named=True)
    late = {**more, "_event_time": AT - timedelta(days=3)}
    shop.land("order_lines", [(1_000_000, AT, order_line(late, InvoiceNo="599999", Quantity=7))])
    shop.predict(AT + timedelta(hours=1), everyone, watermark=before)
    shop.predict(AT + timedelta(days=1), everyone)
    report = audit(shop)
    assert report.messages() == []
    assert report.reproduced == report.made == 2 * len(everyone)
    only_first = audit(shop, [AT.date()])
    assert only_first.made == len(everyone)


def test_a_score_as_a_feature_is_recomputed_with_the_version_that_the_event_names(shop: AuditedShop) -> None:
    score = "customer_features:churn_risk_score"
    inputs = [*(f"customer_features:{f.name}" for f in shop.view.features[:-1]), score]
    production = shop.lake.table("models/churn_promotions").read()["version"][0]
    some = customers(shop)[:5]
    ids = shop.predict(AT, some, features=inputs, scores={"churn": production})
    ids += shop.predict(AT + timedelta(seconds=1), some[:1], features=inputs, prediction_id="none named")
    frame = shop.lake.table("processed/predictions").read()
    found = recompute_and_compare(frame, shop.lake, shop.registry, shop.sources, MAX_PAYLOAD, by_entity=True)
    logged = {p.prediction_id: p.features[score] for p in found.predictions}
    assert [same(logged[i], found.vectors.values[i][score]) for i in ids] == [True] * 5 + [False]
    assert found.vectors.values["none named"][score] is None


def test_a_changed_default_is_caught(shop: AuditedShop) -> None:
    nobody = customers(shop)[0]
    skewed = shop_view(average_default=1.0)
    shop.land("order_lines", [(1_000_000, AT, return_only(shop))])
    shop.predict(AT + timedelta(seconds=1), [nobody, 99_999], served_by=skewed)
    report = audit(shop)
    assert not report.passed
    assert report.reproduced == 1
    assert any(
        "customer_features:average_order_value was logged as 1.0 (0x3ff0000000000000), raw gives "
        "0.0 (0x0000000000000000)" in m
        for m in report.messages()
    )


def return_only(shop: AuditedShop) -> bytes:
    line = shop_lines(60, 230).row(0, named=True)
    return order_line({**line, "customer_id": 99_999, "_event_time": AT}, InvoiceNo="C599999", Quantity=-1)


def test_a_shifted_window_is_caught(shop: AuditedShop) -> None:
    shop.predict(AT, customers(shop), served_by=shop_view(window="31d"))
    report = audit(shop)
    assert 0 < report.reproduced < report.made
    assert {m.feature for m in report.mismatches} <= {"purchase_frequency_30d", "score"}
    first = next(m for m in report.mismatches if m.feature == "purchase_frequency_30d")
    assert (
        f"customer_features:purchase_frequency_30d was logged as {first.logged}, raw gives {first.recomputed}"
        in str(first)
    )


def test_one_unit_in_the_last_place_is_caught(shop: AuditedShop) -> None:
    customer = customers(shop)[0]
    shop.predict(AT, [customer])
    table = shop.lake.table("processed/predictions")
    rows = table.read()
    features = orjson.loads(rows["features"][0])
    features["customer_features:recency_days"] = math.nextafter(features["customer_features:recency_days"], math.inf)
    table.replace(rows.with_columns(features=pl.lit(orjson.dumps(features).decode())), provenance=RUN)
    assert [m.feature for m in audit(shop).mismatches] == ["recency_days"]


def test_an_integer_that_became_a_float_is_caught(shop: AuditedShop) -> None:
    shop.predict(AT, [customers(shop)[0]])
    table = shop.lake.table("processed/predictions")
    rows = table.read()
    text = rows["features"][0]
    orders = orjson.loads(text)["customer_features:orders"]
    changed = text.replace(f'"customer_features:orders":{orders}', f'"customer_features:orders":{orders}.0')
    assert changed != text
    table.replace(rows.with_columns(features=pl.lit(changed)), provenance=RUN)
    assert [m.feature for m in audit(shop).mismatches] == ["orders"]


def test_one_altered_raw_byte_is_caught_with_the_row_and_the_value(shop: AuditedShop) -> None:
    customer = customers(shop)[0]
    shop.predict(AT, [customer])
    sale = a_sale_of(shop, customer)
    change_raw(shop, sale["_offset"], order_line(sale, Quantity=sale["quantity"] + 1))
    report = audit(shop)
    text = "\n".join(report.messages())
    assert not report.passed
    assert "customer_features:average_order_value was logged as" in text
    assert f"raw/order_lines: the payload at partition 0, offset {sale['_offset']} is not the one" in text
    more = sale["line_amount"] + sale["unit_price"]
    assert f"line_amount is {sale['line_amount']}, raw gives {more}" in text


def test_an_altered_raw_byte_with_a_forged_hash_is_still_caught(shop: AuditedShop) -> None:
    customer = customers(shop)[0]
    shop.predict(AT, [customer])
    sale = a_sale_of(shop, customer)
    change_raw(shop, sale["_offset"], order_line(sale, Quantity=sale["quantity"] + 1), rehash=True)
    report = audit(shop)
    assert report.problems == []
    assert any("average_order_value was logged as" in m for m in report.messages())


def test_an_altered_raw_byte_fails_the_audit_even_if_it_changes_no_value(shop: AuditedShop) -> None:
    customer = customers(shop)[0]
    shop.predict(AT, [customer])
    sale = a_sale_of(shop, customer)
    change_raw(shop, sale["_offset"], order_line(sale, Description="A THONG"))
    report = audit(shop)
    assert report.reproduced == report.made == 1
    assert not report.passed


def test_a_lost_raw_row_is_caught_with_its_position(shop: AuditedShop) -> None:
    customer = customers(shop)[0]
    shop.predict(AT, [customer])
    sale = a_sale_of(shop, customer)
    change_raw(shop, sale["_offset"], None)
    report = audit(shop)
    text = "\n".join(report.messages())
    assert report.reproduced == 0
    assert f"has a row of customer_id={customer} from partition 0, offset {sale['_offset']}, row 0 that raw" in text


def test_a_model_file_with_one_flipped_byte_is_caught(shop: AuditedShop) -> None:
    shop.predict(AT, customers(shop)[:3])
    table = shop.lake.table("models/churn")
    rows = table.read()
    onnx = bytearray(rows["onnx"][0])
    onnx[len(onnx) // 2] ^= 1
    table.replace(rows.with_columns(onnx=pl.lit(bytes(onnx))), provenance=RUN)
    report = audit(shop)
    assert report.reproduced == 0
    assert all("the file is torn or was changed" in str(m) for m in report.missing)


def test_a_released_line_counts_from_its_release_on(shop: AuditedShop) -> None:
    customer = customers(shop)[0]
    line = {**a_sale_of(shop, customer), "_event_time": AT - timedelta(days=2)}
    broken = order_line(line, CustomerID="12000.5", InvoiceNo="599998")
    shop.land("order_lines", [(1_000_000, AT - timedelta(days=1), broken)])
    shop.predict(AT, [customer])
    shop.release(1_000_000, AT + timedelta(hours=1), customer_id=str(customer))
    shop.predict(AT + timedelta(days=1), [customer])
    logged = shop.lake.table("processed/predictions").read().sort("predicted_at")["features"]
    orders = [orjson.loads(text)["customer_features:orders"] for text in logged]
    assert orders[1] == orders[0] + 1
    report = audit(shop)
    assert report.messages() == []
    assert report.reproduced == 2


def test_rows_are_read_with_the_contract_that_was_in_force(shop: AuditedShop) -> None:
    customer = customers(shop)[0]
    shop.predict(AT, [customer])
    declared = shop.sources["order_lines"]
    stricter = tuple(replace(f, maximum="1") if f.name == "quantity" else f for f in declared.contract.fields)
    shop.sources["order_lines"] = replace(declared, contract=replace(declared.contract, fields=stricter))
    report = audit(shop)
    assert report.messages() == []
    assert report.reproduced == 1


def test_an_unregistered_view_version_is_said_to_be_missing(shop: AuditedShop) -> None:
    shop.predict(AT, [customers(shop)[0]], views={"customer_features": {"version": "0" * 12, "watermark": {}}})
    assert "version 000000000000 is not there" in audit(shop).messages()[0]


@pytest.mark.parametrize(
    ("part", "other", "says"),
    [
        ('"count_distinct"', '"count"', "and its content is"),
        ("not starts_with", "starts_with", "its SQL is not the one that the version rests on"),
        ('"maximum":"10000"', '"maximum":"9000"', "its contract is not the one that the version rests on"),
    ],
)
def test_a_forged_document_is_refused(shop: AuditedShop, part: str, other: str, says: str) -> None:
    shop.predict(AT, [customers(shop)[0]])
    table = shop.lake.table("registry/feature_views")
    rows = table.read()
    table.replace(rows.with_columns(pl.col("document").str.replace(part, other)), provenance=RUN)
    report = audit(shop)
    assert report.reproduced == 0
    assert says in report.messages()[0]


def test_an_event_without_its_watermark_spoils_no_other(shop: AuditedShop) -> None:
    first, second = customers(shop)[:2]
    version = shop.document.version
    shop.predict(AT, [first], views={"customer_features": {"version": version, "watermark": {}}})
    shop.predict(AT + timedelta(seconds=1), [second])
    report = audit(shop)
    assert (report.made, report.reproduced) == (2, 1)
    assert "no watermark of order_lines" in report.messages()[0]


def test_a_key_of_another_type_is_no_match(shop: AuditedShop) -> None:
    customer = customers(shop)[0]
    shop.predict(AT, [customer], entity={"customer_id": str(customer)})
    assert f"customer_id='{customer}'" in audit(shop).messages()[0]


def test_no_predictions_is_a_passed_audit_of_none(shop: AuditedShop) -> None:
    report = audit(shop)
    assert (report.made, report.passed) == (0, True)


def test_rows_from_before_a_change_of_contract_are_read_with_the_contract_of_their_time(shop: AuditedShop) -> None:
    customer = customers(shop)[0]
    declared = shop.sources["order_lines"]
    stricter = tuple(replace(f, maximum="3") if f.name == "quantity" else f for f in declared.contract.fields)
    shop.sources["order_lines"] = replace(declared, contract=replace(declared.contract, fields=stricter))
    shop.register()
    line = {**a_sale_of(shop, customer), "_event_time": AT - timedelta(days=2)}
    sent = [order_line(line, InvoiceNo=f"59999{n}", Quantity=n) for n in (2, 3, 4)]
    shop.land("order_lines", [(1_000_000 + n, AT - timedelta(days=1), text) for n, text in enumerate(sent)])
    lines = shop.lake.table("curated/stg_order_lines").read().filter(pl.col("customer_id") == customer)
    assert lines["_contract_version"].n_unique() == 2
    assert lines["quantity"].max() > 3  # pyright: ignore[reportOperatorIssue, reportOptionalOperand]
    shop.predict(AT, [customer])
    report = audit(shop)
    assert report.messages() == []
    assert report.reproduced == 1


def test_a_contract_that_is_no_longer_registered_is_said_to_be_missing(shop: AuditedShop) -> None:
    shop.predict(AT, customers(shop)[:1])
    table = shop.lake.table("processed/order_lines")
    table.replace(table.read().with_columns(_contract_version=pl.lit("0" * 12)), provenance=RUN)
    assert "contract 000000000000 of order_lines" in audit(shop).messages()[0]


def as_columns(shop: AuditedShop) -> list[bool]:
    made = FromRaw(shop.lake, shop.registry, shop.sources, MAX_PAYLOAD, Integrity())
    frame = shop.lake.table("processed/predictions").read().sort("prediction_id")
    return reproduced(frame, made, shop.registry, shop.lake).tolist()


def test_ordinary_predictions_of_many_watermarks_are_seen_as_columns(shop: AuditedShop) -> None:
    some = customers(shop)[:6]
    whole = shop.watermark().offsets[0]
    for n in range(8):
        shop.predict(AT + timedelta(days=n), some, watermark=Positions({0: whole - 1_000 * (7 - n)}))
    assert as_columns(shop) == [True] * 48
    report = audit(shop)
    assert (report.made, report.reproduced, report.values) == (48, 48, 48 * 6)
    assert report.by_feature["customer_features", "orders"] == (48, 0)


def test_what_is_out_of_the_ordinary_is_not_taken_for_the_same_as_columns(shop: AuditedShop) -> None:
    some = customers(shop)[:2]
    shop.predict(AT, some)
    for n, changes in enumerate(
        (
            {"score": 0.5},
            {"model_version": "none"},
            {"entity": {"customer_id": str(some[0])}},
            {"scores": {"churn": "none"}, "score": 1.5},
            {"views": {"customer_features": {"version": "none", "watermark": {}}}},
        )
    ):
        shop.predict(AT + timedelta(seconds=n + 1), some[:1], prediction_id=f"z{n}", **changes)  # pyright: ignore[reportArgumentType]
    assert as_columns(shop) == [True, True, False, False, False, False, False]
    report = audit(shop)
    assert (report.made, report.reproduced) == (7, 2)


def test_the_report_counts_by_view_and_feature(shop: AuditedShop) -> None:
    shop.predict(AT, customers(shop), served_by=shop_view(window="31d"))
    report = audit(shop)
    compared, different = report.by_feature["customer_features", "purchase_frequency_30d"]
    assert compared == report.made
    assert different == sum(m.feature == "purchase_frequency_30d" for m in report.mismatches) > 0
    assert report.by_feature["customer_features", "orders"] == (report.made, 0)
