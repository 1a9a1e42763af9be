"""What the batch path makes of messages is what the record-by-record path makes of them, whatever they hold."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import orjson
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from mlinfra_assets.contracts import typed_records
from mlinfra_assets.contracts.contract import Condition, Field, RowRule
from mlinfra_assets.contracts.plain_records import plain_records
from mlinfra_assets.contracts.report import Processed
from mlinfra_assets.contracts.source import Source
from mlinfra_assets.contracts.validate import process
from tests.support.declared import LIMIT, declared, line, raw_rows, stream_source

SHOP = declared("order_lines")
THINGS = stream_source(
    Field("s", "s", "string", pattern="^[^x]*$", max_length=20),
    Field("t", "t", "string", empty_is_null=True),
    Field("i", "i", "integer", minimum="-1000"),
    Field("j", "ïd", "integer", empty_is_null=True),
    Field("n", "n", "number", maximum="1e300"),
    Field("d", "d", "decimal", scale=3),
    Field("e", "e", "decimal", scale=18),
    Field("b", "b", "boolean"),
    Field("w", "w", "timestamp", format="d/M/yyyy HH:mm:ss.SSS"),
    Field("z", "z", "timestamp", format="yyyy-MM-dd'T'HH:mmXXX"),
    Field("y", "y", "date"),
    Field("o", "o", "object"),
    timezone="Europe/London",
    row_rules=(RowRule("r", Condition("b", is_null=False), Condition("i", minimum="0"), "i"),),
)
NAMES = ["s", "t", "i", "ïd", "n", "d", "e", "b", "w", "z", "y", "o", "at", "extra", "más", "s "]
TOKENS = [
    *("0", "-0", "-0.0", "0.0", "1", "-1", "17850.0", "17850.50", "1e5", "1E+2", "1e999", "1e-400", "-1.5e-7", "1e22"),
    *("0.1", "2.5500000", "2.5555", "123456789012345678", "-123456789012345678", "1234567890123456789", "1.0e0"),
    *(
        "9223372036854775807",
        "9223372036854775808",
        "-9223372036854775808",
        "12345678901234567890123",
        "9007199254740993",
    ),
    *(
        "0.1234567890123456789",
        "123456789.123456789",
        "999999999999999.999",
        "0.000000000000000001",
        "100.000000000000000",
    ),
    *(
        "00",
        "01",
        "1.",
        "-",
        ".5",
        "+1",
        "1e",
        "1e+",
        "NaN",
        "Infinity",
        "-Infinity",
        "true",
        "false",
        "null",
        "tru",
        "nul",
    ),
    *(
        "{}",
        "[]",
        "[1,{}]",
        "[,]",
        "{,}",
        "{1:2}",
        '{"b":1,"a":{"c":[1,2.50,"x"]}}',
        '{"a":1,"a":2}',
        '{"a":1e999}',
        '{"a"}',
    ),
    *(
        '{"z":18446744073709551616,"é":"\\u00e9"}',
        "[" * 31 + "]" * 31,
        "[" * 32 + "]" * 32,
        '{"a":' * 31 + "1" + "}" * 31,
    ),
    *(
        '""',
        '" "',
        '"abc"',
        '"exactly12bb"',
        '"exactly12bbb"',
        '"thirteen bytes and more"',
        '"17850.0"',
        '"-5"',
        '"1e5"',
    ),
    *(
        '"-0"',
        '"007"',
        '"1."',
        '".5"',
        '"12345678901234567"',
        '"0.30000000000000004"',
        '"1.0000000000000000000"',
        '"NaN"',
    ),
    *(
        '"true"',
        '"false"',
        '"True"',
        '"a\\"b\\\\c\\/d\\b\\f\\n\\r\\t"',
        '"\\u00e9\\u20ac\\uFFFF"',
        '"\\ud83d\\ude00"',
        '"\\ud800"',
    ),
    *('"\\u0000"', '"\\x"', '"\\u12"', '"é漢😀"', '"a\x00b"', '"tab\t"', '"\u2028"', '"x', '"', "'a'", "//", ""),
    *('"2011-01-01T00:00:00Z"', '"2011-01-01"', '"2011-02-29"', '"2012-02-29"', '"0001-01-01T00:00Z"', '"9999-12-31"'),
    *('"2011-03-27 01:30:00"', '"2011-10-30 01:30"', '"2011-03-27T00:59:59.999999"', '"2011-06-01 12:00:00.5+05:30"'),
    *('"2011-06-01 12:00:60"', '"2011-06-01 24:00:00"', '"2011-06-01T12:00:00.1234567"', '"2011-06-01T12:00+24:00"'),
    *('"1/6/2011 12:00:00.123"', '"30/10/2011 01:00:00.000"', '"01/06/2011 12:00:00.123 "', '"2011-06-01T12:00-23:59"'),
    *('"1847-12-01T00:00:30"', '"1900-02-29T00:00"', '"2000-02-29T00:00"', '"2011-06-01T12:00:00+0000"', '"2011-6-1"'),
]
at = datetime.fromisoformat
texts = st.text(max_size=20)
values = st.one_of(
    st.sampled_from(TOKENS),
    st.integers(-(2**70), 2**70).map(str),
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
    st.decimals(allow_nan=False, allow_infinity=False, places=4).map(str),
    texts.map(json.dumps),
    texts.map(lambda t: orjson.dumps(t, default=str).decode() if t.isprintable() else json.dumps(t)),
    st.decimals(allow_nan=False, allow_infinity=False, places=3).map(lambda d: f'"{d}"'),
    st.datetimes(at("1800-01-01"), at("2100-01-01")).map(lambda t: f'"{t.isoformat()}"'),
    st.datetimes().map(lambda t: f'"{t.isoformat()}+01:00"'),
    st.dates().map(lambda t: f'"{t.isoformat()}"'),
)
blanks = st.sampled_from(["", "", "", " ", "\n\t\r ", "\x0b"])


@st.composite
def messages(draw: st.DrawFn) -> bytes | None:
    pairs = draw(st.lists(st.tuples(st.sampled_from(NAMES), values), max_size=8))
    parts = [f"{draw(blanks)}{json.dumps(n, ensure_ascii=draw(st.booleans()))}:{v}{draw(blanks)}" for n, v in pairs]
    if draw(st.integers(0, 3)):
        parts.append('"at":"2011-01-01T00:00:00Z"')
    text = "{" + ",".join(parts) + "}" + draw(blanks)
    payload = text.encode(errors="surrogatepass")
    place = draw(st.integers(0, max(0, len(payload) - 1)))
    change = draw(st.sampled_from(["none"] * 12 + ["cut", "byte", "more", "null", "drop"]))
    if change == "null":
        return None
    if change == "byte":
        return payload[:place] + bytes([draw(st.integers(0, 255))]) + payload[place + 1 :]
    tail = payload[place:] if change == "more" else b""
    return {"none": payload, "cut": payload[:place], "more": payload + tail}.get(
        change, payload[:place] + payload[place + 1 :]
    )


def both(source: Source, payloads: Sequence[bytes | None], limit: int = LIMIT) -> tuple[Processed, Processed]:
    """What becomes of messages, by the batch and one by one."""
    outcomes = []
    for least in (0, 10**9):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(typed_records, "LEAST_RECORDS", least)
            outcomes.append(process(source, raw_rows(payloads), max_payload_bytes=limit))
    return outcomes[0], outcomes[1]


def assert_same(source: Source, payloads: Sequence[bytes | None], limit: int = LIMIT) -> Processed:
    batch, single = both(source, payloads, limit)
    assert_frame_equal(batch.valid, single.valid)
    assert_frame_equal(batch.quarantined, single.quarantined)
    for name, kind in batch.valid.schema.items():
        if kind == pl.Float64():
            bits = [
                frame[name].drop_nulls().to_numpy().view(np.int64).tolist() for frame in (batch.valid, single.valid)
            ]
            assert bits[0] == bits[1]
    assert batch.report == single.report
    return batch


@settings(deadline=None, max_examples=150)
@given(st.lists(messages(), min_size=1, max_size=12))
def test_any_messages_give_the_same_records_reasons_and_report(payloads: list[bytes | None]) -> None:
    assert_same(THINGS, payloads, limit=400)


@pytest.mark.parametrize("name", ["s", "t", "i", "ïd", "n", "d", "e", "b", "w", "z", "y", "o", "at", "extra"])
def test_every_token_gives_the_same_in_every_field(name: str) -> None:
    others = "" if name == "at" else ',"at":"2011-01-01T00:00:00Z"'
    payloads = [f'{{"{name}":{token}{others}}}'.encode() for token in TOKENS]
    found = assert_same(THINGS, payloads)
    assert found.report.records == len(TOKENS)


@pytest.mark.parametrize("zone", ["Europe/London", "Australia/Lord_Howe", "Africa/Monrovia", "America/St_Johns", "UTC"])
@pytest.mark.parametrize("rule", ["earlier", "later"])
def test_local_times_around_every_change_of_a_clock_are_the_same(zone: str, rule: str) -> None:
    source = replace(THINGS, contract=replace(THINGS.contract, timezone=zone, ambiguous=rule))
    start = at("1970-01-01")
    years = [start + timedelta(minutes=37 * i) for i in range(0, 1_000_000, 173)]
    changes = [
        at(f"2011-{month:02}-{day:02}") + timedelta(minutes=10 * i)
        for month, day in ((3, 26), (4, 2), (10, 1), (10, 29))
        for i in range(300)
    ]
    assert_same(source, [f'{{"at":"{t.isoformat()}"}}'.encode() for t in years + changes])


def test_what_is_common_needs_no_second_look() -> None:
    lines = [line(Quantity=i, Description='tea "cup"\u00e9', Extra=i) for i in range(100)]
    assert len(plain_records(SHOP.contract, pl.Series(lines), LIMIT).numbers) == 100
    assert assert_same(SHOP, [*lines]).report.unknown_fields == {"Extra": 100}


@settings(deadline=None, max_examples=50)
@given(st.lists(st.lists(st.integers(0, 90).map(lambda n: f"f{n}"), max_size=60), min_size=1, max_size=8))
def test_fields_that_the_contract_does_not_name_are_counted_alike(names: list[list[str]]) -> None:
    assert_same(THINGS, [orjson.dumps({"at": "2011-01-01T00:00:00Z", **dict.fromkeys(some, 1)}) for some in names])


def test_messages_of_many_sizes_are_read_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mlinfra_assets.connectors.json_batch.CHUNK_BYTES", 10_000)
    monkeypatch.setattr("mlinfra_assets.connectors.json_batch.CHUNK_ROWS", 7)
    lines = [line(Description="x" * (i * 37 % 150), Quantity=-1 if i % 5 == 0 else i) for i in range(100)]
    lines[50] = line(Description="y" * 20_000)
    lines[60] = b"?"
    assert_same(SHOP, [*lines, None, b""])


def test_times_with_a_zone_do_not_depend_on_the_contracts() -> None:
    times = [datetime(2011, 3, 27, 1, 30, tzinfo=UTC) + timedelta(minutes=i) for i in range(100)]
    found = assert_same(THINGS, [orjson.dumps({"at": t.isoformat()}) for t in times])
    assert found.valid["at"].to_list() == times
