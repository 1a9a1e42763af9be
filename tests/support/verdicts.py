"""What the judge says of whole cases, in a form that the engine's answers can be held against."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tests.support.cases.definitions import walk
from tests.support.cases.questions import Case, Question, score_one
from tests.support.engine_answers import bits
from tests.support.judge.kinds import expression_of
from tests.support.reader import Reader, TooLargeError

Verdict = dict[str, Any]
TOO_LARGE: Verdict = {"": "does not fit in 64 bits"}
"""The verdict on a question that has no answer."""


def reader_of(case: Case) -> Reader:
    """The judge of a case."""
    return Reader(case.definition, case.tables, score_one)


def verdict(reader: Reader, question: Question, names: Sequence[str] | None = None) -> Verdict:
    """Every feature (or those of these names) as bits; `TOO_LARGE` if an exact result has no room."""
    try:
        found = reader.read(question.entity, question.t, question.k, question.request, names)
    except TooLargeError:
        return TOO_LARGE
    return {name: bits(value) for name, value in found.items()}


def verdicts(case: Case) -> list[Verdict]:
    """Of every question of a case."""
    reader = reader_of(case)
    return [verdict(reader, question) for question in case.questions]


def too_large_in_rows(definition: dict, tables: Mapping[str, Sequence[dict]]) -> bool:
    """Whether a row expression of the view, or of one that it looks up, has no room in some row, whosever it is."""
    if any(too_large_in_rows(other, tables) for other in definition.get("uses", {}).values()):
        return True
    nodes = [
        node[part]
        for feature in definition["features"]
        for node in walk(feature["expression"])
        for part in ("of", "where")
        if "aggregate" in node and part in node
    ]
    try:
        for row in Reader(definition, tables).table.rows:
            for node in nodes:
                row.value(node)
    except TooLargeError:
        return True
    return False


def stored_features(definition: dict) -> list[str]:
    """The features that need nothing from a request, directly or through other views."""
    return [f["name"] for f in definition["features"] if not _requests(f["expression"], definition)]


def _requests(expression: dict, definition: dict) -> bool:
    for node in walk(expression):
        if "request" in node:
            return True
        if "lookup" in node:
            other = definition["uses"][node["view"]]
            if _requests(expression_of(other, node["lookup"]), other):
                return True
    return False
