"""Entries as records, whether all of them are alike or each is different."""

from __future__ import annotations

import pytest

from mlinfra_assets.streams.entry import to_fields, to_frame
from mlinfra_assets.streams.record import NewRecord

PLAIN = [NewRecord(b"one"), NewRecord(b""), NewRecord(b"three")]
KEYED = [NewRecord(b"one", b"a"), NewRecord(b"", b""), NewRecord(b"three", b"c")]
OTHERS = [
    NewRecord(None, b"gone"),
    NewRecord(b"x", b"k", (("h", b"1"), ("h", b"2"))),
    NewRecord(b"y", None, (("only", b""),)),
]


@pytest.mark.parametrize("records", [PLAIN, KEYED, OTHERS, PLAIN + KEYED, KEYED + OTHERS], ids=range(5))
def test_records_come_back_as_they_were(records: list[NewRecord]) -> None:
    frame = to_frame([(b"%d-%d" % (1_000 + n, n), to_fields(record)) for n, record in enumerate(records)])
    assert frame["payload"].to_list() == [record.value for record in records]
    assert frame["key"].to_list() == [record.key for record in records]
    headers = [[(h["name"], h["value"]) for h in found] for found in frame["headers"].to_list()]
    assert headers == [list(record.headers) for record in records]
    assert frame["offset"].is_sorted()


def test_fields_in_another_order_are_found_by_their_names() -> None:
    frame = to_frame([(b"1-1", [b"k", b"key", b"v", b"value"]), (b"1-2", [b"k", b"other", b"v", b"more"])])
    assert frame.select("key", "payload").rows() == [(b"key", b"value"), (b"other", b"more")]
