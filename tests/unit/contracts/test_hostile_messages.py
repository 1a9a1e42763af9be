"""Hostile messages among good ones: each is quarantined exactly once, and none stops the others."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pytest

from mlinfra_assets import names
from mlinfra_assets.contracts.contract import Field
from mlinfra_assets.contracts.plain_records import LEAST_RECORDS
from mlinfra_assets.contracts.report import Processed
from mlinfra_assets.contracts.validate import process
from tests.support.declared import raw_rows, stream_source

LIMIT = 100_000
SOURCE = stream_source(
    Field("number", "number", "integer", required=True),
    Field("ratio", "ratio", "number", minimum="0", maximum="1"),
    Field("text", "text", "string", pattern=r"^(a+)+$"),
    Field("more", "more", "object"),
)
GOOD = [
    b'{"number":%d,"ratio":0.5,"text":"aa","more":{"b":1},"at":"2011-01-01T00:00:00Z"}' % n
    for n in range(LEAST_RECORDS)
]


def changed(**values: str) -> bytes:
    """A message with some values written so."""
    fields = {"number": "1", "ratio": "0.5", "text": '"a"', "more": "{}", "at": '"2011-01-01T00:00:00Z"', **values}
    return ("{" + ",".join(f'"{name}":{value}' for name, value in fields.items()) + "}").encode()


HOSTILE: dict[str, tuple[bytes | None, str]] = {
    "nothing": (None, "record: payload"),
    "empty": (b"", "record: JSON"),
    "a byte": (b"{", "record: JSON"),
    "a NUL byte": (b"\x00", "record: JSON"),
    "a byte of no text": (b"\xff", "record: UTF-8"),
    "NaN": (changed(ratio="NaN"), "record: JSON"),
    "infinity": (changed(ratio="-Infinity"), "record: JSON"),
    "a double too large": (changed(ratio="1e999"), "record: JSON"),
    "a double too large, unasked": (changed(unasked="1e999"), "record: JSON"),
    "a large integer": (changed(number="9" * 30), "number: range"),
    "an endless integer": (changed(number="9" * 50_000), "record: JSON"),
    "a long fraction": (changed(number="1." + "0" * 50_000 + "1"), "number: type"),
    "text of no number": (changed(ratio='"NaN"'), "ratio: type"),
    "no UTF-8": (changed().replace(b'"a"', b'"\xc3\x28"'), "record: UTF-8"),
    "a surrogate in UTF-8": (changed().replace(b'"a"', b'"\xed\xa0\x80"'), "record: UTF-8"),
    "half a surrogate": (changed(text='"\\ud800"'), "record: JSON"),
    "NUL in a text": (changed(text='"a\\u0000"'), "text: NUL"),
    "deep": (changed(more='{"a":' * 40 + "1" + "}" * 40), "record: depth"),
    "very deep": (changed(more="[" * 49_000 + "]" * 49_000), "record: depth"),
    "deep and open": (b'{"a":' * 10_000, "record: depth"),
    "the same field, wrong at last": (changed(ratio='0.5,"ratio":2'), "ratio: maximum"),
    "many fields": (json.dumps({f"f{n}": n for n in range(6_000)}).encode(), "number: required"),
    "large": (changed(text='"' + "a" * LIMIT + '"'), "record: size"),
    "a text that regular expressions dread": (changed(text='"' + "a" * 90_000 + 'b"'), "text: pattern"),
    "a time that is none": (changed(at='"2011-02-30T00:00:00Z"'), "at: format"),
}  # fmt: skip


def outcome(payloads: Sequence[bytes | None]) -> Processed:
    return process(SOURCE, raw_rows(payloads), max_payload_bytes=LIMIT)


def test_each_is_quarantined_once_with_its_reason_and_the_others_pass() -> None:
    payloads = [*GOOD[:500], *(payload for payload, _ in HOSTILE.values()), *GOOD[500:]]
    found = outcome(payloads)
    assert found.valid["number"].to_list() == list(range(LEAST_RECORDS))
    assert found.quarantined[names.OFFSET].to_list() == list(range(501, 501 + len(HOSTILE)))
    reasons = [
        [f"{r['field'] or 'record'}: {r['rule']}" for r in row] for row in found.quarantined["reasons"].to_list()
    ]
    assert {name: row for name, row in zip(HOSTILE, reasons, strict=True) if HOSTILE[name][1] not in row} == {}
    assert found.report.records == len(payloads) == found.report.valid + found.report.quarantined
    assert max(map(len, found.quarantined["record"].drop_nulls())) <= 4096
    assert len(found.report.unknown_fields) == 51


@pytest.mark.parametrize("name", HOSTILE)
def test_a_batch_of_nothing_else_is_quarantined(name: str) -> None:
    payload, reason = HOSTILE[name]
    found = outcome([payload] * 20)
    assert found.valid.is_empty()
    assert found.quarantined.height == 20
    assert reason in found.report.reasons


def test_a_field_that_comes_twice_has_its_last_value_in_every_batch() -> None:
    twice = changed(number="1").replace(b'"number":1', b'"number":1,"number":2')
    few, many = outcome([twice] * 3), outcome([twice] * LEAST_RECORDS)
    assert few.valid["number"].to_list() == [2] * 3
    assert many.valid["number"].to_list() == [2] * LEAST_RECORDS


def test_every_message_with_other_names_ends_with_a_bounded_report() -> None:
    rows = [b'{"number":1,"at":"2011-01-01T00:00:00Z","x%d":1,"y%d":2}' % (n, n) for n in range(LEAST_RECORDS)]
    found = outcome(rows)
    assert found.report.valid == LEAST_RECORDS
    assert len(found.report.unknown_fields) == 51
    assert sum(found.report.unknown_fields.values()) == 2 * LEAST_RECORDS


def test_quarantined_records_of_the_batch_path_show_what_was_sent() -> None:
    found = outcome([*GOOD, changed(ratio="7")])
    assert json.loads(found.quarantined["record"][0])["ratio"] == 7
