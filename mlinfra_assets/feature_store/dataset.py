"""A dataset that features are computed from: a processed or row-wise curated table, by its columns."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches

from mlinfra_assets import names
from mlinfra_assets.feature_store.column_type import BOOLEAN, INT64, STRING, TIMESTAMP, ColumnType
from mlinfra_assets.feature_store.errors import DefinitionError

COORDINATES: Mapping[str, ColumnType] = {
    names.EVENT_TIME: TIMESTAMP,
    names.KNOWN_AT: TIMESTAMP,
    names.ASSUMED: BOOLEAN,
    names.PARTITION: INT64,
    names.OFFSET: INT64,
    names.ROW: INT64,
    names.RELEASE: INT64,
    names.CONTRACT: STRING,
}
"""The columns that every dataset has beside its own."""


@dataclass(frozen=True)
class DatasetSchema:
    """What a feature view may know of a dataset.

    Attributes:
        name: What a view's function calls it: the name of its parameter.
        columns: Type of each column, without the coordinates that every dataset has.
        source: The stream or file source that the dataset maps row by row.
        table: The lake's table that holds it.
        primary_key: Columns of which a later row replaces the earlier one. Empty: every row counts.
    """

    name: str
    columns: Mapping[str, ColumnType]
    source: str
    table: str
    primary_key: tuple[str, ...] = field(default=())

    def __post_init__(self) -> None:
        object.__setattr__(self, "primary_key", tuple(self.primary_key))
        for column in self.primary_key:
            self.type_of(column)
        clash = sorted(set(self.columns) & set(COORDINATES))
        if clash:
            raise DefinitionError(f"dataset {self.name}: {', '.join(clash)}: the name belongs to a row's coordinates")

    def type_of(self, column: str) -> ColumnType:
        """The type of a column, a coordinate too.

        Raises:
            DefinitionError: There is no such column; the message names the nearest.
        """
        known = self.columns.get(column) or COORDINATES.get(column)
        if known is None:
            raise DefinitionError(f"dataset {self.name} has no column {column!r}{nearest(column, self.columns)}")
        return known

    def only(self, columns: Iterable[str]) -> DatasetSchema:
        """The same dataset with these columns (and its primary key) alone, in alphabetical order."""
        wanted = {c for c in (*columns, *self.primary_key) if c not in COORDINATES}
        kept = {c: self.type_of(c) for c in sorted(wanted)}
        return DatasetSchema(self.name, kept, self.source, self.table, self.primary_key)


def nearest(word: str, known: Iterable[str]) -> str:
    """The end of an error message about an unknown name: the nearest known one, or all of them."""
    known = sorted(known)
    close = get_close_matches(word, known, n=1, cutoff=0.6)
    if close:
        return f"; did you mean {close[0]!r}?"
    return f"; there are {', '.join(known)}" if known else ""
