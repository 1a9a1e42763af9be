"""Changes of rows: each once, whole, in the order of the database's log, however they are cut into batches."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from mlinfra_assets.clock import to_micros
from mlinfra_assets.contracts.source import Source
from mlinfra_assets.contracts.validate import process
from mlinfra_assets.datasets import processed_dataset
from mlinfra_assets.feature_store import Entity, FeatureStore
from mlinfra_assets.feature_store.canonical import view_to_dict
from mlinfra_assets.feature_store.engine.evaluate import evaluate
from mlinfra_assets.feature_store.engine.prepare import prepare
from tests.support import reader
from tests.support.envelopes import SECOND, START, UNSENT, Change, orders, raw_changes

ARRIVAL = ["_known_at", "_partition", "_offset", "_row"]


@pytest.fixture
def source(tmp_path: Path) -> Source:
    return orders(tmp_path)


def history(source: Source, raw: pl.DataFrame, sizes: list[int] | None = None) -> tuple[pl.DataFrame, list[str]]:
    """The change history of raw rows, taken in batches of these sizes, and the reasons why some are quarantined."""
    known = pl.DataFrame(schema=source.contract.polars_schema())
    reasons: list[str] = []
    left = sizes or [raw.height]
    start = 0
    while start < raw.height:
        size = left.pop(0) if left else raw.height
        found = process(source, raw.slice(start, size), latest=known, max_payload_bytes=1 << 20)
        known = pl.concat([known, found.valid])
        reasons += [f"{r['field']}: {r['rule']}" for row in found.quarantined["reasons"].to_list() for r in row]
        start += size
    return known.sort(ARRIVAL), reasons


def told(rows: pl.DataFrame) -> list[tuple]:
    return rows.select("id", "customer", "note", "amount", "change_op", "change_deleted", "change_lsn").rows()


def state(rows: pl.DataFrame) -> dict[int, tuple]:
    last = rows.sort(ARRIVAL).unique("id", keep="last").filter(~pl.col("change_deleted"))
    return {row[0]: row[1:] for row in last.select("id", "customer", "note", "amount").rows()}


def order(number: int, customer: int = 1, note: str | None = "n", amount: int | None = 1) -> dict:
    return {"id": number, "customer": customer, "note": note, "amount": amount}


LIFE = [
    Change("r", order(1, note="long"), 10),
    Change("r", order(2), 10),
    Change("u", order(1, customer=2, note=UNSENT), 20),
    Change("d", {"id": 1}, 30),
    None,
    Change("c", order(9, customer=2, note=UNSENT), 30, old_key=1),
    Change("u", order(9, customer=3, note=UNSENT, amount=5), 40),
    Change("d", {"id": 2}, 50),
    None,
    Change("c", order(2, note=None), 60),
]
OUTCOME = [
    (1, 1, "long", 1, "r", False, 10),
    (2, 1, "n", 1, "r", False, 10),
    (1, 2, "long", 1, "u", False, 20),
    (1, 2, "long", 1, "d", True, 30),
    (9, 2, "long", 1, "c", False, 30),
    (9, 3, "long", 5, "u", False, 40),
    (2, 1, "n", 1, "d", True, 50),
    (2, 1, None, 1, "c", False, 60),
]


def test_values_that_were_left_out_come_from_the_row_before_also_under_its_old_key(source: Source):
    rows, reasons = history(source, raw_changes(LIFE))
    assert told(rows) == OUTCOME
    assert reasons == []
    assert state(rows) == {2: (1, None, 1), 9: (3, "long", 5)}


@pytest.mark.parametrize("seed", range(8))
def test_whatever_is_repeated_after_a_crash_and_however_it_is_cut_the_history_is_the_same(source: Source, seed: int):
    chance = random.Random(seed)
    sent: list[Change | None] = []
    come = 0
    while come < len(LIFE):
        # Debezium begins again somewhere before where it was, and goes on in the same order.
        begin, come = chance.randrange(come + 1), chance.randrange(come + 1, len(LIFE) + 1)
        sent += LIFE[begin:come]
    sizes = [chance.randrange(1, 5) for _ in sent]
    rows, reasons = history(source, raw_changes(sent), sizes)
    assert told(rows) == OUTCOME
    assert reasons == []


def test_a_value_that_nobody_knows_is_set_aside_and_not_published(source: Source):
    sent = [Change("u", order(7, note=UNSENT), 10), Change("u", order(7, note="known", amount=2), 20)]
    rows, reasons = history(source, raw_changes([*sent, Change("u", order(7, note=UNSENT, amount=3), 30)]))
    assert [row[2:4] for row in told(rows)] == [("known", 2), ("known", 3)]
    assert reasons == ["note: unsent"]


def test_a_read_of_an_older_snapshot_changes_nothing_and_one_that_shows_nothing_new_is_no_change(source: Source):
    sent = [
        Change("c", order(1, amount=1), 10),
        Change("u", order(1, amount=2), 20),
        Change("r", order(1, amount=1), 15),
        Change("r", order(1, amount=2), 30),
        Change("r", order(1, amount=3), 40),
    ]
    rows, _ = history(source, raw_changes(sent))
    assert [(row[3], row[4]) for row in told(rows)] == [(1, "c"), (2, "u"), (3, "r")]


@pytest.mark.parametrize("sizes", [[10], [1, 1, 1, 1, 1, 1], [3, 10]])
def test_a_truncate_takes_every_row_that_was_written_before_it_whenever_it_arrives(source: Source, sizes: list[int]):
    sent = [
        Change("c", order(1), 10),
        Change("t", None, 30),
        Change("c", order(2), 20, partition=1),
        Change("c", order(3), 40, partition=1),
        Change("c", order(1, amount=7), 50),
    ]
    rows, _ = history(source, raw_changes(sent), sizes)
    assert state(rows) == {1: (1, "n", 7), 3: (1, "n", 1)}
    assert sorted(rows.filter(pl.col("change_op") == "t")["id"]) == [1, 2]
    assert rows.select("_partition", "_offset", "_row").is_unique().all()


def test_a_message_without_a_schema_or_a_row_is_set_aside_with_the_reason(source: Source):
    raw = raw_changes([Change("c", order(1), 10)] * 3)
    plain = b'{"before":null,"after":{"id":1},"source":{"lsn":1,"ts_ms":1},"op":"c"}'
    nothing = Change("c", None, 20).payload()
    raw = raw.with_columns(pl.Series("payload", [plain, nothing, b'{"schema":{,"payload":{}}']))
    rows, reasons = history(source, raw)
    assert rows.is_empty()
    assert reasons == ["None: schema", "None: envelope", "None: envelope"]


def features(orders):
    return {
        "orders": orders.count(),
        "spent": orders["amount"].sum(),
        "recent": orders["amount"].sum("30s"),
        "largest": orders["amount"].max(),
        "last_note": orders["note"].latest(),
        "notes": orders["note"].count_distinct(),
    }


@pytest.mark.parametrize("seed", range(4))
def test_features_follow_updates_deletes_and_moved_entities_as_the_reader_does(source: Source, seed: int):
    chance = random.Random(seed)
    there: dict[int, dict] = {}
    sent: list[Change | None] = []
    for lsn in range(1, 60):
        if not there or chance.random() < 0.4:
            made = order(lsn, chance.randrange(3), chance.choice(["a", "b", None]), chance.choice([1, 5, None]))
            there[lsn] = made
            sent.append(Change("c", made, lsn))
            continue
        number = chance.choice(sorted(there))
        if chance.random() < 0.3:
            del there[number]
            sent += [Change("d", {"id": number}, lsn), None]
        else:
            there[number] = order(number, chance.randrange(3), chance.choice(["a", UNSENT]), chance.randrange(9))
            sent.append(Change("u", there[number], lsn))
    rows, reasons = history(source, raw_changes(sent), [7, 13])
    assert reasons == []
    dataset = processed_dataset(source)
    assert (dataset.primary_key, dataset.deletes) == (("id",), "change_deleted")
    store = FeatureStore({"orders": dataset})
    customer = Entity("customer", join_keys=["customer"])
    view = store.create_feature_view("of_customer", [customer])(features)
    assert view.dataset.deletes == "change_deleted"
    _compare(view, rows)


def _compare(view, rows: pl.DataFrame) -> None:
    cells = [
        {
            **row,
            "_event_time": to_micros(row["_event_time"]),
            "_known_at": to_micros(row["_known_at"]),
            "change_at": to_micros(row["change_at"]),
        }
        for row in rows.iter_rows(named=True)
    ]
    first = START + 10**9
    asked = [(customer, first + n * 9 * SECOND) for customer in range(3) for n in range(9)]
    entities = pl.DataFrame({"customer": [customer for customer, _ in asked]}, schema={"customer": pl.Int64})
    at = np.array([t for _, t in asked], np.int64)
    found = evaluate(view, prepare(view, rows), entities, at, at)
    judge = reader.Reader(view_to_dict(view), {"orders": cells})
    for (customer, t), row in zip(asked, found.iter_rows(named=True), strict=True):
        expected = judge.read((customer,), t, t)
        assert {name: row[name] for name in expected} == expected, (customer, t)
    assert any(row["orders"] for row in found.iter_rows(named=True))
