"""Whole cases: a view, the rows of every table that it rests on, and questions."""

from __future__ import annotations

import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import numpy as np
from hypothesis import strategies as st

from tests.support.cases.definitions import Definer, only, related
from tests.support.cases.grammar import DAY, START
from tests.support.cases.tables import INSTANTS, cell, real, row
from tests.support.judge.kinds import key_kinds

T = TypeVar("T")
FOREVER = 2**63 - 1
KNOWN = ("as_of", "hindsight", "mixed")
MODEL_SINCE = START + DAY


@dataclass(frozen=True)
class Question:
    """Whose features are asked for, at which time, as known when, and what comes with the question."""

    entity: tuple
    t: int
    k: int
    request: Mapping[str, Any]


@dataclass(frozen=True)
class Case:
    """A stored view, rows by dataset, and questions."""

    definition: dict
    tables: Mapping[str, list[dict]]
    questions: list[Question]


@st.composite
def cases(draw: st.DrawFn, *, large: bool = False, lookups: bool = True) -> Case:
    """A view over everything that a view may be made of, small tables and a few questions.

    What is drawn is a seed and which features, rows and questions of those that follow from it there are: so a failing
    case is cut down to few of them.
    """
    seed = draw(st.integers(0, 2**32))
    case = draw(view_and_rows(seed, large=large, lookups=lookups))
    known = draw(st.sampled_from(KNOWN))
    numbers = draw(some(range(100), 15))
    questions = [question_of(f"{seed}/{n}", case.definition, case.tables, known) for n in numbers]
    return placed(seed, replace(case, questions=questions))


@st.composite
def long_cases(draw: st.DrawFn) -> Case:
    """Many questions about one entity in any order: what can be computed from the neighbours' answers."""
    seed = draw(st.integers(0, 2**32))
    case = draw(view_and_rows(seed))
    known = draw(st.sampled_from(KNOWN))
    entity = question_of(f"{seed}/whose", case.definition, case.tables, known).entity
    rng = random.Random(seed)
    moments = draw(st.permutations(INSTANTS))
    questions = [Question(entity, t, known_at(rng, t, known), request_of(rng)) for t in moments]
    return placed(seed, replace(case, questions=questions))


@st.composite
def view_and_rows(draw: st.DrawFn, seed: int, *, large: bool = False, lookups: bool = True) -> Case:
    """A case without questions."""
    definition = draw(parts_of(definition_of(seed, large=large, lookups=lookups)))
    tables = {name: draw(rows_of(f"{seed}/{name}")) for name in sorted(datasets_of(definition))}
    return Case(definition, tables, [])


def placed(seed: int, case: Case) -> Case:
    """A case as it is, or around 1970: times on both sides of zero."""
    return case if seed % 4 else shifted(case, -START - 2 * DAY)


def shifted(case: Case, micros: int) -> Case:
    """A case at another time."""
    tables = {
        name: [row | {at: row[at] + micros for at in ("_event_time", "_known_at")} for row in rows]
        for name, rows in case.tables.items()
    }
    questions = [replace(q, t=q.t + micros, k=q.k if q.k == FOREVER else q.k + micros) for q in case.questions]
    return Case(case.definition, tables, questions)


def some(options: Sequence[T], most: int) -> st.SearchStrategy[list[T]]:
    """A few or many of several, each at most once."""
    return st.one_of(
        st.lists(st.sampled_from(options), min_size=1, max_size=3, unique=True),
        st.lists(st.sampled_from(options), min_size=min(most, len(options)) // 2, max_size=most, unique=True),
    )


@st.composite
def rows_of(draw: st.DrawFn, seed: str) -> list[dict[str, Any]]:
    """Rows of a table, in any order."""
    numbers = draw(st.one_of(st.just([]), some(range(64), 12), some(range(64), 40), some(range(64), 40)))
    return [row(seed, number) for number in numbers]


@st.composite
def parts_of(draw: st.DrawFn, definition: dict) -> dict:
    """One feature of a view, or all."""
    features = definition["features"]
    kept = draw(st.one_of(st.sampled_from(features).map(lambda one: [one]), st.just(features), st.just(features)))
    return only(definition, kept)


def definition_of(seed: int, *, large: bool = False, lookups: bool = True) -> dict:
    """A stored view, perhaps with others that it looks up."""
    rng = random.Random(seed)
    uses = related(rng.choice, large=large) if lookups and rng.random() < 0.6 else []
    return Definer(rng.choice, uses=uses, large=large).view(rng.randint(3, 10))


def question_of(seed: str, definition: dict, tables: Mapping[str, list[dict]], known: str) -> Question:
    """A question, mostly about an entity that has rows."""
    rng = random.Random(seed)
    keys = list(key_kinds(definition))
    entities = [tuple(row[key] for key in keys) for row in tables[definition["dataset"]["name"]]]
    entity = tuple(cell(rng, key) for key in keys)
    if entities and rng.random() < 0.8:
        entity = rng.choice(sorted(entities, key=lambda e: (None in e, str(e)))[: len(entities) // 2 + 1])
    t = rng.choice((rng.choice(INSTANTS), rng.choice(INSTANTS[len(INSTANTS) // 2 :])))
    return Question(entity, t, known_at(rng, t, known), request_of(rng))


def known_at(rng: random.Random, t: int, known: str) -> int:
    """As known when: at the time itself, at the end of time, or at any time."""
    moment = rng.choice((t, t, rng.choice(INSTANTS), FOREVER))
    return {"as_of": t, "hindsight": FOREVER}.get(known, moment)


def request_of(rng: random.Random) -> dict[str, Any]:
    """What comes with a question."""
    return {
        "r_int64": rng.choice((None, -3, 0, 1, 7, 2**63 - 1, -(2**63))),
        "r_float64": rng.choice((None, 0.5, -0.0, math.inf, math.nan, real(rng))),
        "r_string": cell(rng, "s"),
        "r_boolean": cell(rng, "b"),
        "r_timestamp": cell(rng, "w"),
        "r_date": cell(rng, "e"),
    }


def datasets_of(definition: dict) -> set[str]:
    """The datasets that a view and the views that it looks up are about."""
    return {definition["dataset"]["name"]}.union(*map(datasets_of, definition.get("uses", {}).values()))


class LinearModel:
    """In production from `MODEL_SINCE` on: first + 2 * second, -1 for a null."""

    def score(self, model: str, k: np.ndarray, matrix: np.ndarray) -> np.ndarray:
        assert model == "m"
        filled = np.where(np.isnan(matrix), -1.0, matrix)
        with np.errstate(over="ignore"):
            return np.where(k >= MODEL_SINCE, filled[:, 0] + 2 * filled[:, 1], np.nan)


def score_one(model: str, k: int, inputs: list[float | None]) -> float | None:
    """As `LinearModel`, for one row."""
    assert model == "m"
    first, second = (-1.0 if value is None else value for value in inputs)
    return first + 2 * second if k >= MODEL_SINCE else None
