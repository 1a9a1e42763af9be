"""Preparing rows: what is left out and counted, and what is refused."""

from __future__ import annotations

import math
from decimal import Decimal

import numpy as np
import polars as pl
import pytest

from mlinfra_assets.feature_store import Entity, FeatureStore
from mlinfra_assets.feature_store.engine.evaluate import evaluate
from mlinfra_assets.feature_store.engine.prepare import prepare
from mlinfra_assets.feature_store.engine.rows import PreparedRows
from mlinfra_assets.feature_store.errors import FeatureOverflowError, RetrievalError
from mlinfra_assets.positions import Positions
from tests.support.feature_cases import START, dataset, to_frame


def make(features, keys=("a",), primary_key=(), ttl=None):
    store = FeatureStore({"o": dataset(primary_key)})
    return store.create_feature_view("v", [Entity("e", list(keys))], ttl)(features)


def row(offset: int, *, event: int = 0, late: int = 0, **values) -> dict:
    empty = dict.fromkeys("acpiqdfsbw")
    places = {"_partition": 0, "_offset": offset, "_row": 0, "_release": None}
    times = {"_event_time": START + event, "_known_at": START + event + late}
    return empty | {"a": 1} | values | times | {"_known_at_assumed": False, "_contract_version": "v"} | places


VIEW = make(lambda o: {"n": o.count(), "s": o["s"].last(), "d": o["d"].sum()})


def values_of(view, rows: list[dict], key=(1,), at: int = 1000) -> dict:
    prepared = prepare(view, to_frame(rows))
    keys = pl.DataFrame({name: [part] for name, part in zip(view.join_keys, key, strict=True)})
    return evaluate(view, prepared, keys, np.array([START + at])).to_dicts()[0]


def test_rows_left_out_are_counted():
    rows = [row(0), row(1, a=None), row(2, f=math.inf), row(2, f=math.inf), row(3, f=math.nan), row(9)]
    view = make(lambda o: {"x": o["f"].sum()})
    prepared = prepare(view, to_frame(rows), covered=Positions({0: 5}))
    report = prepared.report
    assert (report.rows, report.not_covered, report.repeated, report.without_key, report.not_finite) == (6, 1, 1, 1, 2)
    assert len(prepared) == 3


def test_a_watermark_covers_partitions_and_releases():
    rows = [row(0), row(4), row(1) | {"_release": 1}, row(2) | {"_release": 2}, row(0) | {"_partition": 1}]
    kept = prepare(VIEW, to_frame(rows), covered=Positions({0: 3}, releases=1))
    assert len(kept) == 2
    assert len(prepare(VIEW, to_frame(rows), covered=Positions())) == 0


def test_the_first_copy_of_a_position_says_when_it_was_known():
    rows = [row(0, late=50, s="copy"), row(0, late=0, s="first")]
    assert values_of(VIEW, rows, at=10) == {"n": 1, "s": "first", "d": None}


def test_strings_of_entities_apart_have_their_own_dictionaries():
    prepared = prepare(VIEW, to_frame([row(0, s="b"), row(1, a=2, s="é"), row(2, a=2, s="a"), row(3, a=2)]))
    second = prepared.entity(1)
    assert second.inputs[0].dictionary == ("a", "é")
    assert second.inputs[0].values.tolist() == [1, 0, 0]
    assert second.inputs[0].validity.tolist() == [1, 1, 0]
    joined = PreparedRows.from_entities(VIEW, [None, second, prepared.entity(0)])
    assert joined.inputs[0].dictionary == ("a", "b", "é")
    assert joined.starts.tolist() == [0, 0, 3, 4]


def test_a_composite_key_is_a_tuple():
    view = make(lambda o: {"n": o.count()}, keys=("c", "s"))
    rows = [row(0, c="1", s="23"), row(1, c="12", s="3"), row(2, c="12", s="3"), row(3, c="12", s=None)]
    assert values_of(view, rows, ("1", "23")) == {"n": 1}
    assert values_of(view, rows, ("12", "3")) == {"n": 2}


def test_an_upsert_takes_the_row_away_from_the_entity_that_had_it():
    view = make(lambda o: {"n": o.count(), "q": o["q"].sum()}, primary_key=("p",))
    rows = [row(0, p=7, q=1), row(1, p=7, a=2, q=5, event=10), row(2, p=8, q=3)]
    assert values_of(view, rows, (1,), at=9) == {"n": 2, "q": 4}
    assert values_of(view, rows, (1,), at=10) == {"n": 1, "q": 3}
    assert values_of(view, rows, (2,), at=10) == {"n": 1, "q": 5}


def test_an_entity_never_seen_has_counts_of_zero():
    assert values_of(VIEW, [row(0)], (99,)) == {"n": 0, "s": None, "d": None}
    assert values_of(VIEW, [], (1,)) == {"n": 0, "s": None, "d": None}
    assert values_of(make(lambda o: {"n": o.count()}, ttl="1d"), [row(0)], (99,)) == {"n": None}


def test_only_the_entities_of_interest_are_kept():
    rows = to_frame([row(0), row(1, a=2), row(2, a=None)])
    prepared = prepare(VIEW, rows, only=pl.DataFrame({"a": [2, 2, None, 5]}))
    assert prepared.keys is not None
    assert prepared.keys.to_series().to_list() == [2]


def test_an_overflow_in_a_row_names_the_numbers():
    view = make(lambda o: {"x": (o["d"] * o["q"]).sum()})
    with pytest.raises(FeatureOverflowError, match="view v, in a row of o: 90000000000000000 \\* 1000 does not fit"):
        prepare(view, to_frame([row(0, d=Decimal("90000000000000.000"), q=1000)]))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (pl.exclude("d"), "came without d"),
        (pl.col("*").exclude("_offset"), "came without _offset"),
    ],
)
def test_a_missing_column_is_named(change, message):
    with pytest.raises(RetrievalError, match=message):
        prepare(VIEW, to_frame([row(0)]).select(change))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (pl.col("d").cast(pl.Float64), "column 'd' is a Float64, and the dataset declares it as decimal"),
        (pl.col("d").cast(pl.Decimal(18, 2)), "declares it as decimal"),
        (pl.col("a").cast(pl.String), "column 'a' is a String"),
        (pl.col("_event_time").dt.replace_time_zone(None), "column '_event_time' is a Datetime"),
        (pl.lit(None, pl.Datetime("us", "UTC")).alias("_known_at"), "has nulls in _known_at"),
    ],
)
def test_nothing_is_cast_silently(change, message):
    with pytest.raises(RetrievalError, match=message):
        prepare(VIEW, to_frame([row(0, d=Decimal("0.005"))]).with_columns(change))
