"""Daily snapshots: who is in them, and that their size does not change what they say."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from mlinfra_assets.clock import to_micros
from mlinfra_assets.feature_store import Entity, FeatureStore
from mlinfra_assets.feature_store.engine.prepare import prepare
from mlinfra_assets.feature_store.engine.rows import PreparedRows
from mlinfra_assets.feature_store.errors import RetrievalError
from mlinfra_assets.feature_store.snapshot import end_of, iterate_snapshots, snapshot
from tests.support.feature_cases import DAY, START, dataset, to_frame

FIRST = date(2011, 3, 26)
EMPTY = dict.fromkeys("acpiqdfsbw") | {"_known_at_assumed": False, "_contract_version": "v"}


def make(ttl=None):
    store = FeatureStore({"o": dataset(())})
    return store.create_feature_view("v", [Entity("e", ["a"])], ttl)(lambda o: {"n": o.count(), "last": o["q"].last()})


def row(offset: int, a: int, day: float, late: float = 0) -> dict:
    event = START + int(day * DAY)
    places = {"_partition": 0, "_offset": offset, "_row": 0, "_release": None}
    return EMPTY | {"a": a, "q": offset, "_event_time": event, "_known_at": event + int(late * DAY)} | places


ROWS = to_frame([row(0, 1, 0), row(1, 2, 0.5), row(2, 1, 3), row(3, 3, 1, late=2), row(4, 4, 100)])


def found(ttl, days: int = 5, **settings) -> list[tuple]:
    view = make(ttl)
    wanted = [FIRST + timedelta(n) for n in range(days)]
    return snapshot(view, prepare(view, ROWS), wanted, **settings).rows()


def test_a_day_ends_with_its_last_microsecond():
    assert end_of(date(2011, 3, 26)) == to_micros(datetime(2011, 3, 27, tzinfo=UTC)) - 1


def test_an_entity_is_there_from_the_day_it_was_known_on():
    days = {entity: [d.day for d, a, *_ in found(None) if a == entity] for entity in (1, 2, 3, 4)}
    assert days == {1: [26, 27, 28, 29, 30], 2: [26, 27, 28, 29, 30], 3: [29, 30], 4: []}


def test_an_entity_past_its_ttl_is_not_there():
    assert [(d.day, a, n) for d, a, n, _ in found("24h")] == [(26, 1, 1), (26, 2, 1), (29, 1, 2)]


def test_chunks_say_what_the_whole_says():
    view = make()
    prepared = prepare(view, ROWS)
    days = [FIRST + timedelta(n) for n in range(10)]
    whole = snapshot(view, prepared, list(reversed(days)) + days)
    for size in (1, 3, 100):
        chunks = list(iterate_snapshots(view, prepared, days, chunk_rows=size))
        assert pl.concat(chunks).equals(whole)
        assert max(chunk.height for chunk in chunks) <= max(size, 4)


def test_a_snapshot_of_nothing_has_its_columns():
    view = make()
    assert snapshot(view, prepare(view, ROWS.head(0)), [FIRST]).schema == snapshot(view, prepare(view, ROWS), []).schema


def test_rows_without_keys_cannot_be_a_snapshot():
    view = make()
    with pytest.raises(RetrievalError, match="has to name its entities"):
        snapshot(view, PreparedRows.from_entities(view, [None]), [FIRST])


def test_entities_by_number_need_keys():
    with pytest.raises(RetrievalError, match="by number"):
        PreparedRows.from_entities(make(), [None]).index_of(pl.DataFrame({"a": np.array([1])}))
