"""The engine judged by the brute-force reader: the same value, to the last bit, for every question."""

from __future__ import annotations

import pytest
from hypothesis import given

from mlinfra_assets.feature_store.canonical import view_from_dict, view_to_dict
from mlinfra_assets.feature_store.engine.rows import dtypes
from mlinfra_assets.feature_store.errors import FeatureOverflowError
from tests.support.cases.questions import Case, cases, long_cases
from tests.support.cases.thorough import thorough
from tests.support.engine_answers import ask, bits, prepared
from tests.support.judge.kinds import feature_kinds
from tests.support.verdicts import TOO_LARGE, too_large_in_rows, verdicts


def check(case: Case) -> None:
    """The engine answers as the judge does, and refuses where the judge does."""
    view = view_from_dict(case.definition)
    expected = verdicts(case)
    try:
        rows = prepared(view, case.tables)
    except FeatureOverflowError:
        assert too_large_in_rows(case.definition, case.tables)
        return
    for question, said in zip(case.questions, expected, strict=True):
        if said == TOO_LARGE:
            with pytest.raises(FeatureOverflowError, match="feature "):
                ask(view, rows, [question])
    fine = [n for n, said in enumerate(expected) if said != TOO_LARGE]
    found = ask(view, rows, [case.questions[n] for n in fine])
    assert found.schema == dtypes(view.schema)
    assert [{name: bits(value) for name, value in row.items()} for row in found.to_dicts()] == [
        expected[n] for n in fine
    ]


@given(cases())
@thorough(300)
def test_every_value_is_what_the_reader_says(case: Case):
    check(case)


@given(cases(large=True))
@thorough(120)
def test_what_does_not_fit_in_64_bits_is_refused_and_nothing_else_is(case: Case):
    check(case)


@given(long_cases())
@thorough(60)
def test_many_questions_about_one_entity_in_any_order(case: Case):
    check(case)


@given(cases())
@thorough(60)
def test_a_view_is_what_was_stored_and_has_the_types_that_the_reader_says(case: Case):
    view = view_from_dict(case.definition)
    assert view_to_dict(view) == case.definition
    assert {name: str(kind) for name, kind in view.schema.items()} == feature_kinds(case.definition)
