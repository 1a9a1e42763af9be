"""The judge: the value of a feature, read off the definition row by row. Slow, obvious, and without the engine's code.

It takes a view in its stored form (a dictionary), the rows of its datasets as dictionaries (times in microseconds,
dates in days, decimals as `Decimal`), and an (entity, t, k); it follows the project's definition of a feature value
sentence by sentence.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tests.support.judge.aggregates import aggregate
from tests.support.judge.kinds import expression_of, key_kinds, value_kind
from tests.support.judge.operators import operate
from tests.support.judge.python import call
from tests.support.judge.rows import Cells, Row, Table
from tests.support.judge.values import (
    Exact,
    TooLargeError,
    finite,
    from_cell,
    from_literal,
    plain,
    to_float,
)

__all__ = ["Reader", "TooLargeError", "read", "serves"]

Scorer = Callable[[str, int, list[float | None]], float | None]
Tables = Mapping[str, Sequence[Cells]]


def read(
    definition: dict,
    rows: Sequence[Cells],
    entity: tuple,
    t: int,
    k: int,
    scorer: Scorer | None = None,
    request: Mapping[str, Any] | None = None,
    tables: Tables | None = None,
) -> dict[str, Any]:
    """Every feature of the entity at t as known at k, by name; None is null.

    Args:
        definition: The view.
        rows: Those of the view's dataset.
        entity: A value for each join key.
        t: Microseconds.
        k: Microseconds.
        scorer: What models are asked: the name, k, and the inputs.
        request: What came with the question, by name.
        tables: Rows of the datasets of the views that are looked up, by name.
    """
    return Reader(definition, {**(tables or {}), definition["dataset"]["name"]: rows}, scorer).read(
        entity, t, k, request
    )


def serves(definition: dict, rows: Sequence[Cells], entity: tuple, t: int) -> bool:
    """Whether a snapshot at t has the entity."""
    return Reader(definition, {definition["dataset"]["name"]: rows}).serves(entity, t)


class Reader:
    """Reads one view many times: the rows are cut by entity once.

    Args:
        definition: The view.
        tables: Rows of every dataset that it or a view that it looks up is about, by name.
        scorer: What models are asked.
    """

    def __init__(self, definition: dict, tables: Tables, scorer: Scorer | None = None) -> None:
        self.definition = definition
        self.scorer = scorer
        self.table = Table(definition, tables[definition["dataset"]["name"]])
        self.used = {name: Reader(other, tables, scorer) for name, other in definition.get("uses", {}).items()}

    def read(
        self,
        entity: tuple,
        t: int,
        k: int,
        request: Mapping[str, Any] | None = None,
        names: Collection[str] | None = None,
    ) -> dict[str, Any]:
        """Every feature (or those of these names), by name; None is null."""
        features = [f for f in self.definition["features"] if names is None or f["name"] in names]
        rows = self.table.rows_of(entity, t, k)
        question = Question(self, entity, t, k, request or {}, rows)
        return {feature["name"]: plain(self.feature(feature["expression"], question)) for feature in features}

    def feature(self, node: dict, question: Question) -> Any:
        """A feature of whoever is asked about; its default, if it declares one, where the view does not serve them."""
        expired = self.expired(question.rows, question.t)
        if node.get("call") == "default" and (expired or not question.rows):
            kinds = [value_kind(arg, self.definition) for arg in node["args"]]
            value = operate("coalesce", [None, from_literal(node["args"][1])], kinds)
            return to_float(value) if value_kind(node, self.definition).startswith("decimal") else value
        return None if expired else question.feature(node)

    def serves(self, entity: tuple, t: int) -> bool:
        """Whether a snapshot at t has the entity."""
        rows = self.table.rows_of(entity, t, t)
        return bool(rows) and not self.expired(rows, t)

    def expired(self, rows: list[Row], t: int) -> bool:
        """Whether the view's TTL keeps the entity from being served."""
        ttl = self.definition["ttl_us"]
        return ttl is not None and (not rows or t - rows[-1].event_time > ttl)

    def looked_up(self, name: str, entity: tuple, t: int, k: int, request: Mapping[str, Any]) -> Any:
        """One feature as another view sees it: null for an entity of which nothing is known."""
        rows = self.table.rows_of(entity, t, k)
        if not rows or self.expired(rows, t):
            return None
        return Question(self, entity, t, k, request, rows).feature(expression_of(self.definition, name))


@dataclass(frozen=True)
class Question:
    """What is asked of one entity at one (t, k), and the rows that count for the answer, in order."""

    reader: Reader
    entity: tuple
    t: int
    k: int
    request: Mapping[str, Any]
    rows: list[Row]

    def feature(self, node: dict) -> Any:
        """The value of a feature: a decimal leaves it as a double."""
        value = self.value(node)
        return to_float(value) if value_kind(node, self.reader.definition).startswith("decimal") else value

    def value(self, node: dict) -> Any:
        """The value of an expression over aggregates. A double that is not finite is null."""
        return finite(self._value(node))

    def _value(self, node: dict) -> Any:
        if "aggregate" in node:
            return aggregate(node, self.rows, self.t, self.reader.definition["dataset"]["columns"])
        if "literal" in node:
            return from_literal(node)
        if "key" in node:
            kinds = key_kinds(self.reader.definition)
            return from_cell(self.entity[list(kinds).index(node["key"])], kinds[node["key"]])
        if "moment" in node:
            return Exact(self.t)
        if "request" in node:
            return from_cell(self.request[node["request"]], node["type"])
        if "lookup" in node:
            entity = tuple(plain(self.value(key)) for _, key in node["keys"])
            other = self.reader.used[node["view"]]
            return other.looked_up(node["lookup"], entity, self.t, self.k, self.request)
        if "score" in node:
            inputs = [to_float(self.value(child)) for _, child in node["inputs"]]
            assert self.reader.scorer is not None
            return self.reader.scorer(node["score"], self.k, inputs)
        args = [self.value(child) for child in node["args"]]
        kinds = [value_kind(child, self.reader.definition) for child in node["args"]]
        return call(node, args, kinds) if "python" in node else operate(node["call"], args, kinds)
