"""Values depend neither on the order of rows and questions, nor on how the rows are cut into frames."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import assume, given
from hypothesis import strategies as st

from mlinfra_assets.feature_store.canonical import view_from_dict
from mlinfra_assets.feature_store.engine.evaluate import evaluate_at
from mlinfra_assets.feature_store.engine.rows import PreparedRows
from mlinfra_assets.feature_store.errors import FeatureOverflowError
from tests.support.cases.questions import Case, LinearModel, Question, cases
from tests.support.cases.thorough import thorough
from tests.support.engine_answers import ask, bits, entities_of, prepared, request_of
from tests.support.verdicts import TOO_LARGE, verdicts


def answers(case: Case, questions: list[Question], tables: dict[str, list[dict]], chunk: int = 0) -> list[Any]:
    view = view_from_dict(case.definition)
    found = ask(view, prepared(view, tables, chunk), questions)
    return list(map(bits, found.rows()))


def answerable(case: Case) -> list[Question]:
    return [question for question, said in zip(case.questions, verdicts(case), strict=True) if said != TOO_LARGE]


@given(cases(), st.randoms(use_true_random=False), st.integers(1, 5))
@thorough(80)
def test_rows_in_another_order_and_in_several_frames_give_the_same(case: Case, random, chunk: int):
    questions = answerable(case)
    try:
        expected = answers(case, questions, dict(case.tables))
    except FeatureOverflowError:
        assume(False)
        return
    shuffled = {name: random.sample(rows, len(rows)) for name, rows in case.tables.items()}
    assert answers(case, questions, shuffled, chunk) == expected
    order = random.sample(range(len(questions)), len(questions))
    assert answers(case, [questions[n] for n in order], dict(case.tables), chunk) == [expected[n] for n in order]


@given(cases(), st.data())
@thorough(80)
def test_rows_of_the_entities_of_interest_alone_give_the_same(case: Case, data):
    view = view_from_dict(case.definition)
    questions = answerable(case)
    assume(questions)
    try:
        whole = prepared(view, case.tables)
    except FeatureOverflowError:
        assume(False)
        return
    chosen = data.draw(st.lists(st.sampled_from(questions), min_size=1, unique_by=id))
    some = prepared(view, case.tables, only=entities_of(view, chosen))
    assert list(map(bits, ask(view, some, chosen).rows())) == list(map(bits, ask(view, whole, chosen).rows()))


@given(cases(lookups=False), st.randoms(use_true_random=False))
@thorough(60)
def test_entities_taken_apart_and_put_together_in_another_order_give_the_same(case: Case, random):
    view = view_from_dict(case.definition)
    questions = answerable(case)
    try:
        whole = prepared(view, case.tables)
    except FeatureOverflowError:
        assume(False)
        return
    numbers = whole.index_of(entities_of(view, questions)).tolist()
    order = random.sample(range(len(questions)), len(questions))
    apart = PreparedRows.from_entities(
        view,
        [whole.entity(numbers[n]) if numbers[n] >= 0 else None for n in order],
        entities_of(view, [questions[n] for n in order]),
    )
    t = np.array([questions[n].t for n in order], np.int64)
    k = np.array([questions[n].k for n in order], np.int64)
    request = request_of(view, [questions[n] for n in order])
    again = evaluate_at(view, apart, np.arange(len(order)), t, k, LinearModel(), request=request).features
    expected = ask(view, whole, [questions[n] for n in order])
    assert list(map(bits, again.rows())) == list(map(bits, expected.rows()))
