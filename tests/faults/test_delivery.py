"""Messages that come again, late, out of order, or as nothing that the contract knows."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

from mlinfra_assets import names
from tests.support.faults.events import START, event, payload
from tests.support.faults.faulty_stream import Again
from tests.support.faults.ingestion import Ingestion
from tests.support.faults.systems import each_system

LIMIT = 1_048_576


@each_system
def test_a_position_delivered_three_times_is_one_row(ingestion: Ingestion) -> None:
    ingestion.produce(100)
    ingestion.land(Again(ingestion.log), batch=30)
    ingestion.produce(50)
    for _ in range(3):
        ingestion.land(Again(ingestion.log), batch=30)
        ingestion.validate()
    ingestion.check()


@each_system
def test_equal_content_at_three_positions_is_three_rows(ingestion: Ingestion) -> None:
    for _ in range(3):
        ingestion.send([event(n) for n in range(20)])
        ingestion.ingest()
    ingestion.check()
    assert sorted(ingestion.table("processed").read()["id"]) == sorted([*range(20)] * 3)


def test_with_a_primary_key_it_is_one_and_the_later_takes_the_place_of_the_earlier(ingestion: Ingestion) -> None:
    ingestion.declare("keyed")
    for _ in range(3):
        ingestion.send([event(n) for n in range(20)])
        ingestion.ingest()
    assert ingestion.table("raw").count() == 60
    assert sorted(ingestion.table("processed").read()["id"]) == [*range(20)]
    ingestion.send([event(7, note="corrected")])
    ingestion.ingest()
    latest = ingestion.table("processed").read().filter(id=7).sort(names.OFFSET)
    assert latest["note"].to_list() == ["event 7", "corrected"]


def test_events_out_of_order_and_a_day_late_are_rows_with_their_own_times(ingestion: Ingestion) -> None:
    now = START + timedelta(days=2)
    order = [5, 1, 9, 3, 7, 0, 2, 8, 4, 6]
    ingestion.send([event(n) for n in order[:5]], at=now)
    ingestion.ingest()
    ingestion.send([event(n, at=START - timedelta(days=1, seconds=n)) for n in order[5:]], at=now + timedelta(days=1))
    ingestion.ingest()
    ingestion.check()
    rows = ingestion.table("processed").read().sort(names.OFFSET)
    assert rows["id"].to_list() == order
    late = rows.tail(5)
    assert late[names.EVENT_TIME].to_list() == [START - timedelta(days=1, seconds=n) for n in order[5:]]
    assert set(late[names.KNOWN_AT]) == {now + timedelta(days=1)}


def deep(levels: int) -> bytes:
    return b'{"id":1,"at":"2024-03-01T12:00:00Z","more":' + b'{"a":' * levels + b"1" + b"}" * levels + b"}"


HOSTILE: dict[str, bytes] = {
    "no JSON": b"{",
    "empty": b"",
    "a list": b"[1]",
    "NaN": b'{"id":1,"at":"2024-03-01T12:00:00Z","ratio":NaN}',
    "infinity": b'{"id":1,"at":"2024-03-01T12:00:00Z","ratio":-Infinity}',
    "a double's overflow": b'{"id":1,"at":"2024-03-01T12:00:00Z","ratio":1e400}',
    "an integer's overflow": b'{"id":9223372036854775808,"at":"2024-03-01T12:00:00Z"}',
    "a decimal's overflow": b'{"id":1,"at":"2024-03-01T12:00:00Z","amount":99999999999999999999.5}',
    "NaN as text": b'{"id":1,"at":"2024-03-01T12:00:00Z","ratio":"nan"}',
    "invalid UTF-8": b'{"id":1,"at":"2024-03-01T12:00:00Z","note":"\xff\xfe"}',
    "half a character": b'{"id":1,"at":"2024-03-01T12:00:00Z","note":"\\ud800"}',
    "NUL": b'{"id":1,"at":"2024-03-01T12:00:00Z","note":"a\\u0000b"}',
    "a NUL byte": b"\x00",
    "deep nesting": deep(40),
    "very deep nesting": deep(100_000),
    "a year that is none": b'{"id":1,"at":"99999-03-01T12:00:00Z"}',
    "oversize": b'{"id":1,"at":"2024-03-01T12:00:00Z","note":"' + b"x" * (LIMIT + 1) + b'"}',
    "far oversize": b"x" * (20 * LIMIT),
    "many fields": b"{" + b",".join(b'"f%d":1' % n for n in range(50_000)) + b"}",
}


@each_system
def test_poison_is_kept_in_raw_and_set_aside_with_its_reason(ingestion: Ingestion) -> None:
    largest = 1_000_000 if ingestion.task.system == "kafka" else 100 * LIMIT  # more is refused by Kafka itself
    sent = {1000 + n: value for n, value in enumerate(HOSTILE.values()) if len(value) < largest}
    ingestion.produce(40)
    ingestion.send([payload(n, value) for n, value in sent.items()], bad=sent)
    ingestion.produce(40)
    ingestion.settle()
    held = dict(ingestion.table("raw").read(columns=["key", "payload"]).iter_rows())
    assert {n: held[b"%d" % n] for n in sent} == sent
    reasons = ingestion.table("quarantine").read()["reasons"].list.len()
    assert reasons.min() == 1


def test_numbers_at_their_limits_come_through_exactly(ingestion: Ingestion) -> None:
    limits = {
        1: {"id": -(2**63), "ratio": 5e-324, "amount": "9999999999999999.99"},
        2: {"id": 2**63 - 1, "ratio": 1.7976931348623157e308, "amount": "-0.00"},
    }
    ingestion.send([event(number, **changes) for number, changes in limits.items()])
    ingestion.settle()
    found = ingestion.table("processed").read().sort("id")
    assert found["id"].to_list() == [-(2**63), 2**63 - 1]
    assert found["ratio"].to_list() == [5e-324, 1.7976931348623157e308]
    assert found["amount"].to_list() == [Decimal("9999999999999999.99"), Decimal("0.00")]
