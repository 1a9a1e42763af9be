"""From payloads to valid and quarantined records: every hostile input ends with a reason, none with a failure."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import orjson
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlinfra_assets import names
from mlinfra_assets.contracts.contract import Condition, Field, RowRule
from mlinfra_assets.contracts.quarantine_schema import QUARANTINE_SCHEMA
from mlinfra_assets.contracts.validate import process
from tests.support.declared import LANDED, LIMIT, LINE, declared, line, processed, raw_rows, reasons, stream_source

SHOP = declared("order_lines")
AT = "2011-01-01T00:00:00Z"


def test_a_line_is_typed_and_carries_its_coordinates() -> None:
    found = processed(SHOP, line())
    assert found.valid.schema == SHOP.contract.polars_schema()
    assert found.valid.row(0, named=True) == {
        "invoice_no": "536365",
        "stock_code": "85123A",
        "description": "WHITE HANGING HEART T-LIGHT HOLDER",
        "quantity": 6,
        "invoiced_at": datetime(2010, 12, 1, 8, 26, tzinfo=UTC),
        "unit_price": Decimal("2.550"),
        "customer_id": 17850,
        "country": "United Kingdom",
        names.EVENT_TIME: datetime(2010, 12, 1, 8, 26, tzinfo=UTC),
        names.KNOWN_AT: LANDED,
        names.ASSUMED: False,
        names.PARTITION: 0,
        names.OFFSET: 1,
        names.ROW: 0,
        names.RELEASE: None,
        names.CONTRACT: SHOP.contract.fingerprint,
    }


@pytest.mark.parametrize("customer", [None, ""])
def test_a_line_without_a_customer_is_valid_and_belongs_to_none(customer: str | None) -> None:
    found = processed(SHOP, line(CustomerID=customer))
    assert found.valid["customer_id"].to_list() == [None]
    assert found.report.null_values == {"customer_id": 1}


@pytest.mark.parametrize(
    "changes",
    [
        {"InvoiceNo": "A563186", "StockCode": "B", "Description": "Adjust bad debt", "UnitPrice": -11062.06},
        {"InvoiceNo": "C536379", "StockCode": "D", "Quantity": -1},
        {"UnitPrice": 0},
        {"Description": None},
    ],
)
def test_bad_debt_credit_notes_and_free_goods_are_valid(changes: dict) -> None:
    assert processed(SHOP, line(**changes)).report.valid == 1


@pytest.mark.parametrize(
    ("changes", "broken"),
    [
        ({"CustomerID": "17850.5"}, ["customer_id: type"]),
        ({"CustomerID": 0}, ["customer_id: minimum"]),
        ({"InvoiceNo": "X1"}, ["invoice_no: pattern"]),
        ({"InvoiceNo": 536365}, ["invoice_no: type"]),
        ({"InvoiceNo": "536365\n"}, ["invoice_no: pattern"]),
        ({"StockCode": "m"}, ["stock_code: pattern"]),
        ({"Quantity": 10001}, ["quantity: maximum"]),
        ({"Quantity": -1}, ["record: goods come back on credit notes only"]),
        ({"Quantity": None}, ["quantity: required"]),
        ({"Quantity": 1.5}, ["quantity: type"]),
        ({"UnitPrice": 2.5555}, ["unit_price: scale"]),
        ({"UnitPrice": "NaN"}, ["unit_price: type"]),
        ({"InvoiceDate": "2010-12-01T08:26:00"}, ["invoiced_at: format"]),
        ({"InvoiceDate": None}, ["invoiced_at: required"]),
        ({"Country": "a\x00b"}, ["country: NUL"]),
        ({"Country": ""}, ["country: minLength"]),
        ({"InvoiceNo": "\x00", "Quantity": -1}, ["invoice_no: NUL"]),
        (
            {"InvoiceNo": "X", "Quantity": "six", "Country": ""},
            ["quantity: type", "invoice_no: pattern", "country: minLength"],
        ),
    ],
)
def test_a_line_that_breaks_the_contract_is_quarantined_with_every_reason(changes: dict, broken: list[str]) -> None:
    found = processed(SHOP, line(**changes))
    assert found.valid.is_empty()
    assert reasons(found) == [broken]
    assert found.quarantined.schema == QUARANTINE_SCHEMA
    assert orjson.loads(found.quarantined["record"][0]) == {**LINE, **changes}


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (b"", "record: JSON"),
        (None, "record: payload"),
        (b"no JSON", "record: JSON"),
        (b'{"InvoiceNo": ', "record: JSON"),
        (b'{"Quantity": NaN}', "record: JSON"),
        (b'{"Quantity": Infinity}', "record: JSON"),
        (b'{"UnitPrice": 1e999}', "record: JSON"),
        (b'{"Country": "\\ud800"}', "record: JSON"),
        (b'{"Country": "\x00"}', "record: JSON"),
        (b"\xef\xbb\xbf{}", "record: JSON"),
        (b"\xff\xfe\x00", "record: UTF-8"),
        (b'{"Country": "caf\xe9"}', "record: UTF-8"),
        (b"[]", "record: object"),
        (b'"text"', "record: object"),
        (b"null", "record: object"),
        (b"5", "record: object"),
        (b'{"a":' + b"[" * 100 + b"]" * 100 + b"}", "record: depth"),
        (b'{"a":' * 100_000, "record: depth"),
        (b"[" * 100_000, "record: depth"),
        (b" " * (50 * 1024 * 1024), "record: size"),
        (b"\x00" * 1000, "record: JSON"),
    ],
    ids=range(21),
)
def test_a_message_that_is_no_record_is_quarantined_and_the_others_pass(payload: bytes | None, reason: str) -> None:
    found = processed(SHOP, line(), payload, line())
    assert found.valid[names.OFFSET].to_list() == [1, 3]
    assert reasons(found) == [[reason]]
    held = found.quarantined.row(0, named=True)
    assert (held[names.OFFSET], held["record"]) == (2, None)
    assert len(held["reasons"][0]["value"] or "") <= 200
    assert len(held["reasons"][0]["message"]) < 200


def test_a_record_that_is_too_long_to_show_is_cut() -> None:
    found = processed(SHOP, line(Description="x" * 100_000))
    assert reasons(found) == [["description: maxLength"]]
    assert len(found.quarantined["record"][0]) == 4096
    assert len(found.quarantined["reasons"][0][0]["value"]) == 200


def test_a_record_as_deep_as_allowed_passes() -> None:
    deep = b'{"at":"2011-01-01T00:00:00Z","x":' + b"[" * 31 + b"]" * 31 + b"}"
    assert processed(stream_source(), deep).report.valid == 1


def test_numbers_of_more_digits_than_json_carries_are_not_rounded() -> None:
    found = processed(
        SHOP, line().replace(b"2.55", b"2.5500000000000000001"), line().replace(b":6,", b":6.0000000000000000001,")
    )
    assert reasons(found) == [["unit_price: scale"], ["quantity: type"]]


def test_fields_that_the_contract_does_not_name_are_counted() -> None:
    found = processed(SHOP, line(Channel="web"), line(Channel="shop", Till=3), line())
    assert found.report.unknown_fields == {"Channel": 2, "Till": 1}
    assert found.report.valid == 3


def test_endless_unknown_fields_do_not_flood_the_report() -> None:
    found = processed(SHOP, *(line(**{f"f{i}": 1}) for i in range(200)))
    assert len(found.report.unknown_fields) == 51
    assert sum(found.report.unknown_fields.values()) == 200


def test_clock_changes_follow_the_contract_and_are_counted() -> None:
    lines = [
        line(InvoiceDate=t)
        for t in ("2011-03-27 01:30:00", "2011-10-30 01:30:00", "2011-10-30 01:30:00", "2011-07-01 12:00:00")
    ]
    found = processed(SHOP, *lines)
    assert found.report.ambiguous_times == 3
    assert [t.strftime("%d %H:%M") for t in found.valid["invoiced_at"]] == [
        "27 00:30",
        "30 00:30",
        "30 00:30",
        "01 11:00",
    ]
    later = processed(replace(SHOP, contract=replace(SHOP.contract, ambiguous="later")), *lines)
    assert [t.strftime("%d %H:%M") for t in later.valid["invoiced_at"]] == [
        "27 01:30",
        "30 01:30",
        "30 01:30",
        "01 11:00",
    ]


def test_the_outcome_does_not_depend_on_the_order_of_the_rows_or_the_split_into_batches() -> None:
    payloads = [line(Quantity=q) for q in range(-3, 10)] + [b"?", line(Country="")]
    rows = raw_rows(payloads)
    whole = process(SHOP, rows, max_payload_bytes=LIMIT)
    shuffled = process(SHOP, rows.sample(fraction=1, shuffle=True, seed=1), max_payload_bytes=LIMIT)
    parts = [process(SHOP, rows[a:b], max_payload_bytes=LIMIT) for a, b in ((0, 4), (4, 4), (4, 15))]
    for name in ("valid", "quarantined"):
        frame = getattr(whole, name)
        assert getattr(shuffled, name).equals(frame)
        assert pl.concat([getattr(p, name) for p in parts]).equals(frame)


def test_a_batch_of_nothing_is_a_batch() -> None:
    found = process(SHOP, raw_rows([]), max_payload_bytes=LIMIT)
    assert found.valid.schema == SHOP.contract.polars_schema()
    assert found.quarantined.schema == QUARANTINE_SCHEMA
    assert found.report.passed


def test_rules_do_not_depend_on_panderas_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    from pandera.config import CONFIG

    monkeypatch.setattr(CONFIG, "validation_enabled", False)
    assert processed(SHOP, line(Country="")).report.quarantined == 1


@settings(deadline=None, max_examples=60)
@given(st.lists(st.binary(max_size=60) | st.sampled_from([line(), b'{"InvoiceNo":{}}', b"[[[", b'{"Quantity":1e308}'])))
def test_every_message_is_either_valid_or_quarantined(payloads: list[bytes]) -> None:
    found = processed(SHOP, *payloads)
    assert found.report.records == len(payloads) == found.valid.height + found.quarantined.height
    positions = {*found.valid[names.OFFSET], *found.quarantined[names.OFFSET]}
    assert positions == set(range(1, len(payloads) + 1))


def test_rules_across_fields() -> None:
    rule = RowRule(
        "paid", Condition("state", enum=("paid",)), Condition("amount", is_null=False, minimum="0.01"), "no amount"
    )
    source = stream_source(
        Field("state", "state", "string"), Field("amount", "amount", "decimal", scale=2), row_rules=(rule,)
    )
    states = [("paid", 1), ("paid", None), ("paid", 0), ("open", None), (None, None), ("paid", "?")]
    found = processed(source, *(orjson.dumps({"state": s, "amount": a, "at": AT}) for s, a in states))
    assert found.valid["state"].to_list() == ["paid", "open", None]
    assert reasons(found) == [["record: paid"], ["record: paid"], ["amount: type"]]


def test_a_repeated_primary_key_that_says_nothing_new_is_left_out() -> None:
    source = stream_source(
        Field("key", "key", "string", required=True), Field("x", "x", "integer"), primary_key=("key",)
    )
    rows = raw_rows(
        [
            orjson.dumps({"key": k, "x": x, "at": AT})
            for k, x in [("a", 1), ("b", 1), ("a", 1), ("a", 2), ("a", 1), ("b", 1)]
        ]
    )
    nothing = pl.DataFrame(schema=source.contract.polars_schema())
    whole = process(source, rows, latest=nothing, max_payload_bytes=LIMIT)
    assert whole.valid[names.OFFSET].to_list() == [1, 2, 4, 5]
    assert whole.report.unchanged == 2
    for cut in range(1, 6):
        first = process(source, rows[:cut], latest=nothing, max_payload_bytes=LIMIT)
        then = process(source, rows[cut:], latest=first.valid, max_payload_bytes=LIMIT)
        assert pl.concat([first.valid, then.valid]).equals(whole.valid)
    assert process(source, rows, max_payload_bytes=LIMIT).valid.height == 6


@pytest.mark.service("data")
def test_the_shops_year(real_data) -> None:
    frame = pl.read_csv(real_data / "ecommerce" / "online_retail.csv.gz", infer_schema=False)
    frame = frame.with_columns(pl.col("Quantity").cast(pl.Int64), pl.col("UnitPrice").cast(pl.Float64))
    rows = raw_rows([orjson.dumps(r) for r in frame.iter_rows(named=True)])
    found = process(SHOP, rows, max_payload_bytes=LIMIT)
    assert found.report.passed
    assert (found.report.records, found.report.valid, found.report.quarantined) == (541_909, 540_567, 1_342)
    assert found.report.reasons == {
        "record: goods come back on credit notes only": 1_336,
        "quantity: maximum": 3,
        "quantity: minimum": 2,
        "stock_code: pattern": 1,
    }
    assert found.report.ambiguous_times == 0
    known = set(frame["CustomerID"].drop_nulls().str.head(5).cast(pl.Int64))
    assert len(known) == 4_372
    assert known - set(found.valid["customer_id"]) == {12346, 13256}  # all that they ever bought awaits confirmation
    joined = found.valid.join(frame.with_row_index("n", offset=1), left_on=names.OFFSET, right_on="n", how="left")
    spent = (pl.col("quantity") * (pl.col("unit_price") * 1000).cast(pl.Int64)).sum()
    written = (pl.col("Quantity") * (pl.col("UnitPrice") * 1000).round().cast(pl.Int64)).sum()
    assert joined.select(spent).item() == joined.select(written).item()
    sample = random.Random(1).sample(range(joined.height), 2_000)
    for row in joined[sample].iter_rows(named=True):
        assert row["unit_price"] == Decimal(repr(row["UnitPrice"]))
        assert row["customer_id"] == (int(row["CustomerID"].removesuffix(".0")) if row["CustomerID"] else None)
