"""Predictions of many watermarks, evaluated along chains, beside one evaluation for each: the same bits."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, cast

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlinfra_assets import names
from mlinfra_assets.audit.bits import as_logged, same
from mlinfra_assets.audit.chains import Watermarks, chains
from mlinfra_assets.audit.questions import Questions, answers
from mlinfra_assets.audit.raw_datasets import RawDatasets
from mlinfra_assets.feature_store import ColumnType, DatasetSchema, Entity, FeatureStore, FeatureView
from mlinfra_assets.feature_store.engine.evaluate import evaluate
from mlinfra_assets.feature_store.engine.related import prepare_view
from mlinfra_assets.lake.lake import Lake
from mlinfra_assets.positions import Positions

TIME = pl.Datetime("us", "UTC")
COLUMNS = {"who": ColumnType("int64"), "n": ColumnType("int64"), "x": ColumnType("float64"), "s": ColumnType("string")}
SCHEMA = {
    "who": pl.Int64(),
    "n": pl.Int64(),
    "x": pl.Float64(),
    "s": pl.String(),
    names.EVENT_TIME: TIME,
    names.KNOWN_AT: TIME,
    names.PARTITION: pl.Int32(),
    names.OFFSET: pl.Int64(),
    names.ROW: pl.Int64(),
    names.RELEASE: pl.Int64(),
}
NO_LAKE = cast("Lake", None)


def us(micros: int) -> timedelta:
    return timedelta(microseconds=micros)


def declared(primary_key: tuple[str, ...] = (), *, others: bool = False) -> FeatureView:
    store = FeatureStore({"rows": DatasetSchema("rows", COLUMNS, "source", "processed/source", primary_key)})

    @store.create_feature_view("everybody", [Entity("text", ["s"])])
    def everybody(rows):
        return {"total": rows["n"].sum(), "newest": rows["n"].last()}

    @store.create_feature_view("view", [Entity("who", ["who"])], ttl=us(40) if not others else None)
    def view(rows):
        own = {
            "count": rows.count(),
            "recent": rows.count(us(7)),
            "stepped": rows["n"].sum(us(9), hop=us(4)),
            "mean": rows["x"].mean(),
            "last": rows["s"].last(),
            "last_n": rows["n"].last_n(3),
            "first": rows["n"].first(),
            "distinct": rows["s"].count_distinct(us(11)),
            "largest": rows["n"].max(where=rows["x"] > 0),
            "since": rows.since_last(),
        }
        return {**own, "shared": everybody["newest"].at(s=rows["s"].last())} if others else own

    return view


VIEW = declared()


@st.composite
def worlds(draw: st.DrawFn) -> tuple[pl.DataFrame, list[dict[str, Any]]]:
    count = draw(st.integers(0, 14))
    places = draw(
        st.lists(st.tuples(st.integers(0, 1), st.integers(0, 12)), min_size=count, max_size=count, unique=True)
    )
    rows = []
    for partition, offset in places:
        event = draw(st.integers(0, 30))
        rows.append(
            {
                "who": draw(st.integers(1, 2)),
                "n": draw(st.integers(-3, 3)),
                "x": draw(st.sampled_from([0.1, -0.2, 1e16, 1.0, None])),
                "s": draw(st.sampled_from(["a", "b", None])),
                names.EVENT_TIME: event,
                names.KNOWN_AT: event + draw(st.integers(-2, 12)),
                names.PARTITION: partition,
                names.OFFSET: offset,
                names.ROW: 0,
                names.RELEASE: draw(st.sampled_from([None, None, None, 1, 2])),
            }
        )
    asked = draw(
        st.lists(
            st.fixed_dictionaries(
                {
                    "who": st.integers(1, 3),
                    "t": st.integers(0, 45),
                    "offsets": st.dictionaries(st.integers(0, 1), st.integers(-1, 13), max_size=2),
                    "releases": st.integers(0, 2),
                }
            ),
            min_size=1,
            max_size=10,
        )
    )
    frame = pl.DataFrame(rows, schema={n: pl.Int64() if t == TIME else t for n, t in SCHEMA.items()})
    return frame.with_columns(pl.col(names.EVENT_TIME, names.KNOWN_AT).cast(TIME)), asked


def marks(asked: Mapping[str, Any]) -> dict[str, Positions]:
    return {"source": Positions({p: o for p, o in asked["offsets"].items() if o >= 0}, asked["releases"])}


def together(view: FeatureView, rows: pl.DataFrame, asked: list[dict[str, Any]]) -> list[dict[str, Any]]:
    questions = Questions(
        tuple(feature.name for feature in view.features),
        pl.DataFrame({"who": [one["who"] for one in asked]}),
        np.array([one["t"] for one in asked]),
        Watermarks.of([marks(one) for one in asked]),
        {},
        None,
    )
    ((places, found),) = answers(view, questions, RawDatasets({"rows": rows}), NO_LAKE)
    assert isinstance(found, pl.DataFrame)
    assert places.tolist() == list(range(len(asked)))
    return found.to_dicts()


def one_by_one(view: FeatureView, rows: pl.DataFrame, asked: list[dict[str, Any]]) -> list[dict[str, Any]]:
    found = []
    for one in asked:
        entity = pl.DataFrame({"who": [one["who"]]})
        prepared = prepare_view(view, RawDatasets({"rows": rows}), only=entity, covered=marks(one))
        found += evaluate(view, prepared, entity, np.array([one["t"]])).to_dicts()
    return found


def assert_same_bits(view: FeatureView, rows: pl.DataFrame, asked: list[dict[str, Any]]) -> None:
    for here, there in zip(together(view, rows, asked), one_by_one(view, rows, asked), strict=True):
        assert all(same(as_logged(here[name]), as_logged(there[name])) for name in there), (here, there)


@settings(max_examples=60, deadline=None)
@given(worlds())
def test_along_chains_the_bits_are_those_of_each_watermark(world) -> None:
    assert_same_bits(VIEW, *world)


@settings(max_examples=20, deadline=None)
@given(worlds())
def test_rows_that_replace_each_other_too(world) -> None:
    assert_same_bits(declared(("n",)), *world)


@settings(max_examples=20, deadline=None)
@given(worlds())
def test_what_is_looked_up_in_other_views_too(world) -> None:
    assert_same_bits(declared(others=True), *world)


@given(worlds())
def test_a_chain_never_goes_back(world) -> None:
    _, asked = world
    t = np.array([one["t"] for one in asked])
    all_marks = Watermarks.of([marks(one) for one in asked])
    found = chains(t, all_marks)
    assert sorted(place for chain in found for place in chain.places.tolist()) == list(range(len(asked)))
    for chain in found:
        assert (np.diff(chain.t) >= 0).all()
        assert (np.diff(chain.marks.values, axis=0) >= 0).all()
        equal = np.diff(chain.t) == 0
        assert not np.diff(chain.marks.values, axis=0)[equal].any()
        assert (t[chain.places] == chain.t).all()
        assert (all_marks.values[chain.places] == chain.marks.values).all()


@pytest.mark.parametrize("predictions", [1, 5_000])
def test_a_store_that_only_moves_on_is_one_chain(predictions: int) -> None:
    t = np.arange(predictions, dtype=np.int64)
    many = [{"source": Positions({0: 2 * i, 1: i // 3}, i // 1_000)} for i in range(predictions)]
    assert len(chains(t[::-1], Watermarks.of(many[::-1]))) == 1


def test_two_stores_that_differ_by_a_little_are_few_chains() -> None:
    t = np.arange(1_000, dtype=np.int64)
    many = [{"source": Positions({0: max(0, i - (3 if i % 2 else 0))})} for i in range(1_000)]
    assert len(chains(t, Watermarks.of(many))) == 2
