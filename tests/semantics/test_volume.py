"""A million values of seeded tables, in the order that they are asked in and in others: not a bit differs."""

from __future__ import annotations

import random
from typing import Any

import pytest

from mlinfra_assets.feature_store.canonical import view_from_dict
from mlinfra_assets.feature_store.engine import probes
from mlinfra_assets.feature_store.errors import FeatureOverflowError
from mlinfra_assets.feature_store.nodes import FUNCTIONS, OPERATORS
from tests.support.cases.definitions import walk
from tests.support.cases.questions import Case, Question
from tests.support.cases.volume import volume_case
from tests.support.engine_answers import ask, bits, prepared
from tests.support.verdicts import TOO_LARGE, Verdict, reader_of, verdict

SEEDS = range(24)
ENTITIES, PROBES = 12, 250
VALUES = 1_000_000
REFUSALS = 5


def test_a_million_values_are_what_the_reader_says():
    compared = present = 0
    drawn: set[str] = set()
    wrong = []
    for seed in SEEDS:
        case = volume_case(seed, ENTITIES, PROBES)
        drawn |= {kind for feature in case.definition["features"] for kind in kinds_of(feature["expression"])}
        for question, said, row in answered(case):
            compared += len(row)
            present += sum(value is not None for value in row.values())
            wrong += [(seed, name, question) for name, value in row.items() if bits(value) != said[name]]
    assert len(wrong) == 0, f"{len(wrong)} values differ, the first of them at {wrong[:3]}"
    assert compared >= VALUES
    assert present > compared / 2
    assert drawn >= {*FUNCTIONS, *OPERATORS, "key", "moment", "request", "lookup", "python", "score"}


def answered(case: Case) -> list[tuple[Question, Verdict, dict[str, Any]]]:
    """What the reader says and what the engine answers. What the reader refuses, the engine refuses."""
    view = view_from_dict(case.definition)
    rows = prepared(view, case.tables, chunk=1_000)
    reader = reader_of(case)
    refused, fine = [], []
    for question in case.questions:
        said = verdict(reader, question)
        if said == TOO_LARGE:
            refused.append(question)
        else:
            fine.append((question, said))
    for question in refused[:REFUSALS]:
        with pytest.raises(FeatureOverflowError):
            ask(view, rows, [question])
    found = ask(view, rows, [question for question, _ in fine])
    return [(question, said, row) for (question, said), row in zip(fine, found.to_dicts(), strict=True)]


@pytest.mark.parametrize("seed", [1, 3, 5])
def test_rows_and_questions_in_another_order_give_the_same_bits(seed):
    case = volume_case(seed, ENTITIES, 40)
    reader = reader_of(case)
    questions = [question for question in case.questions if verdict(reader, question) != TOO_LARGE]
    expected = rows_of(case, questions)
    shuffle = random.Random(seed + 100)
    for chunk in (7, 640, 0):
        mixed = shuffle.sample(range(len(questions)), len(questions))
        tables = {name: shuffle.sample(rows, len(rows)) for name, rows in case.tables.items()}
        again = rows_of(Case(case.definition, tables, []), [questions[n] for n in mixed], chunk)
        assert again == [expected[n] for n in mixed]


@pytest.mark.parametrize("seed", [0, 2, 3, 7])
def test_questions_answered_a_part_at_a_time_get_the_same_bits(seed, monkeypatch):
    case = volume_case(seed, ENTITIES, 40)
    reader = reader_of(case)
    questions = [question for question in case.questions if verdict(reader, question) != TOO_LARGE]
    expected = rows_of(case, questions)
    monkeypatch.setattr(probes, "CHUNK_ROWS", 150)
    assert rows_of(case, questions) == expected


def rows_of(case: Case, questions: list[Question], chunk: int = 0) -> list[tuple]:
    view = view_from_dict(case.definition)
    return list(map(bits, ask(view, prepared(view, case.tables, chunk), questions).rows()))


def kinds_of(expression: dict) -> list[str]:
    """Every function, operator and kind of node in an expression."""
    return [node.get("call") or node.get("aggregate") or next(iter(node)) for node in walk(expression)]
