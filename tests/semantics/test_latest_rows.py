"""Latest rows answered in passing, judged by the brute-force reader; rows out of order are left to preparation."""

from __future__ import annotations

import math
import struct
from datetime import UTC, datetime

import numpy as np
import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from mlinfra_assets.clock import to_micros
from mlinfra_assets.feature_store import Entity, FeatureStore
from mlinfra_assets.feature_store.canonical import view_to_dict
from mlinfra_assets.feature_store.engine.evaluate import evaluate_latest
from mlinfra_assets.feature_store.engine.rows import polars_type
from tests.support import reader
from tests.support.feature_cases import DAY, START, dataset, instants, numbers, row_lists, to_frame

COLUMNS = "iqdfsbw"


def view(keys: list[str], ttl: str | None):
    """The last and the latest of every column, filtered and not."""

    def features(o):
        found = {f"last_{c}": o[c].last() for c in COLUMNS} | {f"latest_{c}": o[c].latest() for c in COLUMNS}
        found |= {f"last_{c}_where": o[c].last(where=o["b"]) for c in COLUMNS}
        return found | {
            "latest_where": o["s"].latest(where=o["q"] > 0),
            "age": o.since_last(),
            "sum": o["d"].last() + 1,
        }

    return FeatureStore({"o": dataset(())}).create_feature_view("v", [Entity("e", keys)], ttl)(features)


@st.composite
def rows_in_order(draw):
    """Rows whose event times and known-at times all rise."""
    lag = draw(st.sampled_from([0, 0, 1, DAY // 2, -DAY]))
    rows = sorted(draw(row_lists(finite=True)), key=lambda row: row["_event_time"])
    return [
        row | {"_event_time": row["_event_time"] + n, "_known_at": row["_event_time"] + n + lag, "_offset": n}
        for n, row in enumerate(rows)
    ]


def frames(rows: list[dict], sizes: list[int]):
    while rows:
        size = sizes.pop() if sizes else 3
        yield to_frame(rows[:size])
        rows = rows[size:]


def bits(value):
    if isinstance(value, float):
        return struct.pack(">d", value)
    return to_micros(value.astimezone(UTC)) if isinstance(value, datetime) else value


def ask(asked_view, batches, questions):
    kinds = asked_view.key_schema.items()
    keys = [
        pl.Series(key, [q[0][n] for q in questions], dtype=polars_type(kind)) for n, (key, kind) in enumerate(kinds)
    ]
    return evaluate_latest(asked_view, batches, pl.DataFrame(keys), np.array([t for _, t in questions], np.int64))


@given(rows_in_order(), st.sampled_from([["a"], ["a", "c"]]), st.sampled_from([None, "12h", "1d"]), st.data())
@settings(max_examples=150, deadline=None)
def test_every_value_is_what_the_reader_says(rows, keys, ttl, data):
    asked_view = view(keys, ttl)
    entity = st.tuples(*(numbers[key] for key in keys))
    questions = data.draw(st.lists(st.tuples(entity, instants), min_size=1, max_size=12))
    found = ask(asked_view, frames(rows, data.draw(st.lists(st.integers(1, 6), max_size=6))), questions)
    assert found is not None
    definition = view_to_dict(asked_view)
    for values, (whose, t) in zip(found.to_dicts(), questions, strict=True):
        expected = reader.read(definition, rows, whose, t, t)
        assert {n: bits(v) for n, v in values.items()} == {n: bits(v) for n, v in expected.items()}


def rows_at(*coordinates: tuple[int, int, int], **values) -> list[dict]:
    """Rows of entity 1 by event time, known-at time and offset."""
    empty = dict.fromkeys("acpiqdfsbw") | {"a": 1} | values
    places = {"_partition": 0, "_row": 0, "_release": None, "_known_at_assumed": False, "_contract_version": "v"}
    return [
        empty | places | {"_event_time": START + event, "_known_at": START + known, "_offset": offset}
        for event, known, offset in coordinates
    ]


def test_rows_out_of_order_are_not_answered_in_passing():
    for coordinates in (
        [(5, 5, 0), (4, 6, 1)],  # an event late
        [(5, 9, 0), (6, 7, 1)],  # known before the row that happened before
        [(5, 5, 0), (5, 5, 1)],  # two events at one time
    ):
        for sizes in ([2], [1, 1]):
            assert ask(view(["a"], None), frames(rows_at(*coordinates), list(sizes)), [((1,), START)]) is None


def test_a_value_that_is_not_finite_is_not_answered_in_passing():
    assert ask(view(["a"], None), frames(rows_at((1, 1, 0), f=math.nan), [1]), [((1,), START + 2)]) is None


def test_a_view_that_asks_for_more_is_not_answered_in_passing():
    store = FeatureStore({"o": dataset(())})
    for number, features in enumerate((lambda o: {"n": o.count()}, lambda o: {"x": o["i"].last("1d")})):
        more = store.create_feature_view(f"v{number}", [Entity("e", ["a"])])(features)
        assert ask(more, frames(rows_at((1, 1, 0)), [1]), [((1,), START + 2)]) is None
