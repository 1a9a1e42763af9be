"""Which rows of a dataset count for an entity, in which order, and what an expression is in one of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tests.support.judge.kinds import key_kinds, row_kind
from tests.support.judge.operators import operate
from tests.support.judge.values import from_cell, from_literal

Cells = dict[str, Any]


class Row:
    """One row of a dataset as one view sees it, and the values of expressions in it, each computed once."""

    __slots__ = ("arrival", "cells", "columns", "computed", "entity", "event_time", "key", "known_at", "position")

    def __init__(self, cells: Cells, definition: dict) -> None:
        dataset = definition["dataset"]
        self.cells = cells
        self.columns: dict[str, str] = dataset["columns"]
        self.event_time: int = cells["_event_time"]
        self.known_at: int = cells["_known_at"]
        self.position = (cells["_partition"], cells["_offset"], cells["_row"])
        self.arrival = (self.known_at, *self.position)
        self.entity = tuple(cells[name] for name in key_kinds(definition))
        key = tuple(cells[name] for name in dataset["primary_key"])
        # A row with a null in its primary key is a row of its own.
        self.key = ("no key", self.position) if None in key else ("key", key)
        self.computed: dict[int, Any] = {}

    def value(self, node: dict) -> Any:
        """The value of an expression. The caller keeps the node alive."""
        known = id(node)
        if known not in self.computed:
            self.computed[known] = self._compute(node)
        return self.computed[known]

    def _compute(self, node: dict) -> Any:
        if "column" in node:
            return from_cell(self.cells[node["column"]], row_kind(node, self.columns))
        if "literal" in node:
            return from_literal(node)
        args = [self._compute(arg) for arg in node["args"]]
        return operate(node["call"], args, [row_kind(arg, self.columns) for arg in node["args"]])


class Table:
    """The rows of a dataset as one view sees them."""

    def __init__(self, definition: dict, rows: Sequence[Cells]) -> None:
        self.primary_key: list[str] = definition["dataset"]["primary_key"]
        self.deletes: str | None = definition["dataset"].get("deletes")
        once: dict[tuple, Row] = {}
        for row in sorted((Row(cells, definition) for cells in rows), key=lambda row: row.arrival):
            once.setdefault(row.position, row)
        # In the order of arrival.
        self.rows = list(once.values())
        self.cut: dict[tuple, list[Row]] = {}

    def rows_of(self, entity: tuple, t: int, k: int) -> list[Row]:
        """The rows that count for an entity at t as known at k, in order."""
        if None in entity:
            return []
        if entity not in self.cut:
            self.cut[entity] = self._concerning(entity)
        known = [row for row in self.cut[entity] if row.event_time <= t and row.known_at <= k]
        if self.primary_key:
            known = [row for row in self._newest(known) if row.entity == entity]
        return sorted(known, key=lambda row: (row.event_time, row.arrival))

    def _concerning(self, entity: tuple) -> list[Row]:
        """The rows that are or were the entity's, and all versions of them, in the order of arrival."""
        mine = [row for row in self.rows if row.entity == entity]
        if not self.primary_key:
            return mine
        keys = {row.key for row in mine}
        return [row for row in self.rows if row.key in keys]

    def _newest(self, rows: list[Row]) -> list[Row]:
        """The last version of each primary key to arrive, unless it deletes."""
        newest: dict[Any, Row] = {}
        for row in rows:
            newest[row.key] = row
        return [row for row in newest.values() if self.deletes is None or row.cells[self.deletes] is not True]
