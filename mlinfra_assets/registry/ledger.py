"""An append-only table of numbered entries: each content once, whoever of several writers was first."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import polars as pl

from mlinfra_assets.lake.predicate import Condition
from mlinfra_assets.lake.provenance import Provenance
from mlinfra_assets.lake.table import LakeTable, ProgressConflictError

NUMBER = "number"
Row = Mapping[str, Any]


class Ledger:
    """Numbered entries in one table, which may have been begun with fewer columns.

    Args:
        table: The table; it need not exist.
        schema: Its columns, `number` (int64) first.
        key: The columns that together name an entry's content.
    """

    def __init__(self, table: LakeTable, schema: pl.Schema, key: Sequence[str]) -> None:
        self._table = table
        self._schema = schema
        self._key = tuple(key)

    def record(self, key: Row, rows: Callable[[], Sequence[Row]], provenance: Provenance) -> bool:
        """Append the rows of one content in one commit, unless rows with this key are there. False if they are.

        Args:
            key: Value of each key column.
            rows: Makes the rows, without their numbers; called only if they are to be written, and again if another
                writer came first.
            provenance: Kept in the commit.
        """
        while True:
            last = self._table.progress(self._table.name)
            if not self.find(key, columns=[]).is_empty():
                return False
            first = (last or 0) + 1
            numbered = [{NUMBER: number, **key, **row} for number, row in enumerate(rows(), first)]
            try:
                self._table.append(
                    pl.DataFrame(numbered, schema=self._schema),
                    provenance=provenance,
                    advance={self._table.name: (last, first + len(numbered) - 1)},
                    stats_columns=[NUMBER, *self._key],
                    schema_mode="merge",
                )
            except ProgressConflictError:
                continue  # another process recorded something in between: look again
            return True

    def find(self, equal: Row | None = None, columns: Sequence[str] | None = None) -> pl.DataFrame:
        """Entries in the order of their numbers; columns that the table does not have yet are null.

        Args:
            equal: Values by column: only the entries that have them.
            columns: Which columns beside `number`; default all.
        """
        wanted = list(dict.fromkeys((NUMBER, *(self._schema.names() if columns is None else columns))))
        schema = pl.Schema({name: self._schema[name] for name in wanted})
        if not self._table.exists():
            return schema.to_frame()
        there = set(self._table.schema().names)
        where: list[Condition] = [(column, "==", value) for column, value in (equal or {}).items()]
        found = self._table.read(columns=[name for name in wanted if name in there], where=where)
        absent = [pl.lit(None).cast(schema[name]).alias(name) for name in wanted if name not in there]
        return found.with_columns(absent).select(wanted).sort(NUMBER)
