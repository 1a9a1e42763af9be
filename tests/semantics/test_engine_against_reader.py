"""The engine judged by the brute-force reader: the same value, to the last bit, for every question."""

from __future__ import annotations

import struct
from datetime import UTC, date, datetime

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings

from mlinfra_assets.clock import to_micros
from mlinfra_assets.feature_store.canonical import view_from_dict, view_to_dict
from mlinfra_assets.feature_store.engine.evaluate import evaluate, evaluate_at
from mlinfra_assets.feature_store.engine.prepare import prepare
from mlinfra_assets.feature_store.engine.rows import PreparedRows, polars_type
from mlinfra_assets.feature_store.errors import FeatureOverflowError
from mlinfra_assets.feature_store.snapshot import end_of, snapshot
from tests.support import reader
from tests.support.feature_cases import Case, LinearModel, cases, score_one

THOROUGH = settings(
    max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
DAYS = [date(2011, 3, day) for day in (25, 26, 27, 28, 29, 31)]


def bits(value):
    if isinstance(value, float):
        return "double", struct.pack(">d", value)
    if isinstance(value, datetime):
        return "int", to_micros(value.astimezone(UTC))
    return type(value).__name__, value


def judge(case: Case, entity, t, k):
    """What the reader says, as bits; TooLargeError if an exact result does not fit."""
    try:
        return {n: bits(v) for n, v in reader.read(view_to_dict(case.view), case.rows, entity, t, k, score_one).items()}
    except reader.TooLargeError:
        return reader.TooLargeError


def keys_of(case: Case, entities) -> pl.DataFrame:
    kinds = case.view.key_schema.items()
    return pl.DataFrame(
        [pl.Series(key, [e[n] for e in entities], dtype=polars_type(kind)) for n, (key, kind) in enumerate(kinds)]
    )


def micros(values) -> np.ndarray:
    return np.array(list(values), np.int64)


@given(cases())
@THOROUGH
def test_every_value_is_what_the_reader_says(case: Case):
    prepared = prepare(case.view, case.frame)
    expected = [judge(case, *question) for question in case.questions]
    for question, verdict in zip(case.questions, expected, strict=True):
        if verdict is reader.TooLargeError:
            with pytest.raises(FeatureOverflowError, match="v:"):
                ask(case, prepared, [question])
    fine = [n for n, verdict in enumerate(expected) if verdict is not reader.TooLargeError]
    found = ask(case, prepared, [case.questions[n] for n in fine])
    assert [{n: bits(v) for n, v in row.items()} for row in found.to_dicts()] == [expected[n] for n in fine]


@given(cases())
@THOROUGH
def test_a_stored_definition_over_rows_taken_apart_gives_the_same(case: Case):
    view = view_from_dict(view_to_dict(case.view))
    prepared = prepare(case.view, case.frame)
    questions = [q for q in case.questions if judge(case, *q) is not reader.TooLargeError]
    whole = ask(case, prepared, questions)
    numbers = prepared.index_of(keys_of(case, [q[0] for q in questions]))
    apart = PreparedRows.from_entities(view, [prepared.entity(n) if n >= 0 else None for n in numbers])
    t, k = micros(q[1] for q in questions), micros(q[2] for q in questions)
    again = evaluate_at(view, apart, np.arange(len(questions)), t, k, LinearModel()).features
    assert [list(map(bits, row)) for row in again.rows()] == [list(map(bits, row)) for row in whole.rows()]


@given(cases())
@THOROUGH
def test_a_snapshot_has_the_entities_that_are_served_and_their_values(case: Case):
    prepared = prepare(case.view, case.frame)
    entities = sorted({e for row in case.rows if None not in (e := tuple(row[key] for key in case.view.join_keys))})
    definition = view_to_dict(case.view)
    served = [(d, e) for d in DAYS for e in entities if reader.serves(definition, case.rows, e, end_of(d))]
    expected = [judge(case, e, end_of(d), end_of(d)) for d, e in served]
    if reader.TooLargeError in expected:
        with pytest.raises(FeatureOverflowError):
            snapshot(case.view, prepared, DAYS, LinearModel())
        return
    found = snapshot(case.view, prepared, DAYS, LinearModel()).to_dicts()
    assert [(row["day"], tuple(row[key] for key in case.view.join_keys)) for row in found] == served
    assert [{n: bits(row[n]) for n in case.view.schema} for row in found] == expected


def ask(case: Case, prepared: PreparedRows, questions) -> pl.DataFrame:
    entities = keys_of(case, [q[0] for q in questions])
    t, k = micros(q[1] for q in questions), micros(q[2] for q in questions)
    return evaluate(case.view, prepared, entities, t, k, LinearModel())
