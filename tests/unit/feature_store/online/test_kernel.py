"""The compiled evaluator says what the engine says, bit for bit, or leaves it to the engine."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mlinfra_assets.feature_store import Entity, FeatureStore, lit, now
from mlinfra_assets.feature_store.engine.evaluate import evaluate_at
from mlinfra_assets.feature_store.engine.prepare import prepare
from mlinfra_assets.feature_store.errors import FeatureOverflowError
from mlinfra_assets.feature_store.online.codec import BaseEncoder
from mlinfra_assets.feature_store.online.kernel.compile import compile_question, compiles
from mlinfra_assets.feature_store.online.kernel.evaluate import Answer, DamagedError, evaluate_bases
from mlinfra_assets.feature_store.online.kernel.memory import checksum_of
from mlinfra_assets.feature_store.view import FeatureView
from tests.support.feature_cases import START, aggregates, dataset, instants, row_lists, to_frame
from tests.support.online import bits
from tests.support.shop_lines import shop_lines
from tests.support.shop_models import shop_view

MANY = settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)


def arithmetic(o) -> dict:
    """Every operator that has an instruction, over every kind of value."""
    count, total, money = o.count("1d"), o["q"].sum(), o["d"].sum("36h")
    high, time, flag = o["f"].max("1d"), o["w"].last(), o["b"].last()
    exact = count * lit(Decimal("1.25"))
    return {
        "add": count + total, "sub": count - exact, "mul": exact * total, "neg": -total, "abs": abs(total),
        "div": money / count, "exact_div": exact / total, "float_add": high + money, "float_mul": high * 1e300,
        "neg_float": -high, "floor": high.floor(), "ceil": exact.ceil(), "ceil_float": high.ceil(),
        "floor_exact": (exact - 3).floor(), "eq": exact == count, "ne": total != 1, "lt": high < money,
        "le": count <= 2,
        "gt": time > datetime(2011, 3, 27, tzinfo=UTC), "ge": exact >= Decimal("2.5"), "and": flag & (count > 1),
        "or": flag | money.is_null(), "not": ~flag, "coalesce": o["i"].last("12h").coalesce(exact, 7),
        "if_else": flag.if_else(count, money), "isin": total.isin([1, 2, Decimal("0.5")]),
        "bucket": exact.bucket([0, 1, Decimal("2.5")]), "bucket_time": time.bucket([datetime(2011, 3, 27, tzinfo=UTC)]),
        "cast": high.cast("int64"), "cast_exact": (exact - 3).cast("int64"), "cast_flag": flag.cast("int64"),
        "to_float": exact.to_float(), "big": o["i"].max() * total, "overflow": o["i"].sum() + o["i"].max(),
        "year": time.year(), "month": now().month(), "day_of": time.day(), "weekday": now().weekday(),
        "hour": time.hour(),
        "minute": time.minute(), "seconds": now().seconds_between(time), "constant": lit(3), "exact_constant": exact,
        "spread": o["q"].std("1d"), "spread_float": o["f"].variance(), "text": o["s"].latest(), "when": time,
        "gap": o.mean_interval(), "since": o.since_last(o["b"]), "different": o["s"].count_distinct("1d", hop="7h"),
        "no_text": o["s"].last().is_null(),
    }  # fmt: skip


@st.composite
def views(draw) -> FeatureView:
    """Views whose every feature has a program."""

    def features(o):
        found = {f"a{n}": draw(aggregates(o)) for n in range(draw(st.integers(1, 6)))}
        some = arithmetic(o)
        return found | {name: some[name] for name in draw(st.lists(st.sampled_from(sorted(some)), max_size=8))}

    primary_key = draw(st.sampled_from([(), (), ("p",), ("p", "c")]))
    ttl = draw(st.sampled_from([None, None, "12h", "1d"]))
    view = FeatureStore({"o": dataset(primary_key)}).create_feature_view("v", [Entity("one", ["a"])], ttl)(features)
    return replace(view, features=tuple(f for f in view.features if compiles(view, f)))


def engine(view: FeatureView, prepared, t: int) -> Answer:
    count = prepared.entities
    found = evaluate_at(view, prepared, np.arange(count), np.full(count, t, np.int64))
    columns = [found.features.get_column(f.name).to_list() for f in view.features]
    return Answer(columns, found.status.tolist(), found.latest.tolist())


def comparable(answer: Answer) -> tuple:
    return [[bits(value) for value in column] for column in answer.columns], answer.status, answer.latest


@given(view=views(), rows=row_lists(), t=instants)
@MANY
def test_the_kernel_says_what_the_engine_says(view: FeatureView, rows, t):
    judge(view, rows, t, [])


@given(view=views(), rows=row_lists(finite=True), t=instants, chosen=st.lists(st.integers(0, 13), unique=True))
@MANY
def test_some_features_are_those_of_the_whole_view(view: FeatureView, rows, t, chosen):
    judge(view, rows, t, chosen)


def judge(whole: FeatureView, rows: list[dict], t: int, chosen: Sequence[int]) -> None:
    features = [whole.features[j] for j in chosen if j < len(whole.features)] or whole.features
    view = replace(whole, features=tuple(features))
    program = compile_question(view, whole)
    assert program is not None
    try:
        prepared = prepare(whole, to_frame(rows))
    except FeatureOverflowError:
        return
    bases = BaseEncoder(prepared).encode_many(0, prepared.entities)
    found = evaluate_bases(program, bases, t)
    try:
        expected = engine(view, prepare(view, to_frame(rows)), t) if found else None
    except FeatureOverflowError:
        pytest.fail("the kernel answers what does not fit in 64 bits")
    if found is not None and expected is not None and bases:
        assert comparable(found) == comparable(expected)
        alone = evaluate_bases(program, [None, *bases[:1]], t)
        assert alone is not None
        assert [column[1:] for column in alone.columns] == [column[:1] for column in found.columns]
        assert alone.status[0] == 1


@pytest.fixture(scope="module")
def shop():
    view = shop_view()
    view = replace(view, features=tuple(f for f in view.features if compiles(view, f)))
    prepared = prepare(view, shop_lines(customers=20, days=90))
    return view, prepared, BaseEncoder(prepared).encode_many(0, prepared.entities)


def test_ordinary_rows_never_need_the_engine(shop):
    view, prepared, bases = shop
    program = compile_question(view, view)
    assert program is not None
    for t in range(int(prepared.event_time.min()), int(prepared.event_time.max()) + 10**12, 10**12):
        found = evaluate_bases(program, bases, t)
        assert found is not None
        assert comparable(found) == comparable(engine(view, prepared, t))


@given(data=st.data())
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_cut_or_changed_bytes_are_refused(shop, data):
    view, _, bases = shop
    program = compile_question(view, view)
    assert program is not None
    at = data.draw(st.integers(0, len(bases[0]) - 1))
    flipped = bytearray(bases[0])
    flipped[at] ^= 1 << data.draw(st.integers(0, 7))
    for bad in (bases[0][: at or 1], bytes(flipped), bases[0] + b"\0", bases[0] + bases[1]):
        with pytest.raises(DamagedError) as found:
            evaluate_bases(program, [bases[1], bad, bases[2]], START)
        assert found.value.entity == 1


@given(data=st.data())
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_nonsense_with_a_right_checksum_is_refused_or_read(shop, data):
    view, _, bases = shop
    program = compile_question(view, view)
    assert program is not None
    body = bytearray(bases[0][8:])
    for _ in range(data.draw(st.integers(1, 3))):
        body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    body = bytes(body[: data.draw(st.integers(0, len(body)))])
    made = checksum_of(body, program.seed).to_bytes(8, "little", signed=True) + body
    with contextlib.suppress(DamagedError):
        evaluate_bases(program, [bases[1], made], START)
