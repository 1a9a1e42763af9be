"""A dataset that features are computed from: a processed or row-wise curated table, by its columns."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
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

ENGINE_COORDINATES = (
    names.EVENT_TIME, names.KNOWN_AT, names.PARTITION, names.OFFSET, names.ROW, names.RELEASE,
)  # fmt: skip
"""Those that every value is computed from."""


@dataclass(frozen=True)
class DatasetSchema:
    """What a feature view may know of a dataset.

    Attributes:
        name: What a view's function calls it: the name of its parameter.
        columns: Type of each column, without the coordinates that every dataset has.
        source: The stream or file source that the dataset maps row by row.
        table: The lake's table that holds it.
        primary_key: Columns of which a later row replaces the earlier one. Empty: every row counts.
        deletes: A condition: a row where it is true takes the row of its primary key away. None: nothing is deleted.
    """

    name: str
    columns: Mapping[str, ColumnType]
    source: str
    table: str
    primary_key: tuple[str, ...] = field(default=())
    deletes: str | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "primary_key", tuple(self.primary_key))
        for column in self.primary_key:
            self.type_of(column)
        if self.deletes is not None and not (self.primary_key and self.type_of(self.deletes) == BOOLEAN):
            raise DefinitionError(
                f"dataset {self.name}: deletes={self.deletes!r} has to be a boolean column, and of a primary key"
            )
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
        """The same dataset with these columns, its primary key and what deletes alone, in alphabetical order."""
        needed = self.primary_key if self.deletes is None else (*self.primary_key, self.deletes)
        wanted = {c for c in (*columns, *needed) if c not in COORDINATES}
        return replace(self, columns={c: self.type_of(c) for c in sorted(wanted)})


def nearest(word: str, known: Iterable[str]) -> str:
    """The end of an error message about an unknown name: the nearest known one, or all of them."""
    known = sorted(known)
    close = get_close_matches(word, known, n=1, cutoff=0.6)
    if close:
        return f"; did you mean {close[0]!r}?"
    return f"; there are {', '.join(known)}" if known else ""
