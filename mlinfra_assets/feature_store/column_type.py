"""The types that a dataset's columns and a view's features have."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, get_args

from mlinfra_assets.feature_store.errors import DefinitionError

Kind = Literal["int64", "float64", "decimal", "string", "boolean", "timestamp", "date", "list"]
KINDS: tuple[Kind, ...] = get_args(Kind)
MAX_SCALE = 18
_DECIMAL = re.compile(r"decimal\((\d{1,2})\)")
_LIST = re.compile(r"list\(([a-z0-9]+)\)")


@dataclass(frozen=True)
class ColumnType:
    """A type: `ColumnType("int64")`, `ColumnType("decimal", 3)`, `ColumnType("list", element="string")`.

    Attributes:
        kind: `timestamp` is UTC with microseconds, `date` has no zone, `decimal` is an integer over 10 ** scale.
        scale: Digits after the point of a decimal, 0 to 18; 0 for every other kind.
        element: Kind of a list's values, neither a decimal nor a list; None for every other kind. Only features are
            lists, never columns of a dataset.
    """

    kind: Kind
    scale: int = 0
    element: Kind | None = None

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise DefinitionError(f"{self.kind!r} is not a column type; the types are {', '.join(KINDS)}")
        if not 0 <= self.scale <= (MAX_SCALE if self.kind == "decimal" else 0):
            raise DefinitionError(f"the scale of {self.kind} cannot be {self.scale}: a decimal has 0 to {MAX_SCALE}")
        if (self.element in {*KINDS} - {"decimal", "list"}) != (self.kind == "list"):
            raise DefinitionError(f"{self.kind} of {self.element}: a list has plain elements, and nothing else has any")

    @property
    def exact(self) -> bool:
        """Whether values are integers, plain or scaled."""
        return self.kind in {"int64", "decimal"}

    @property
    def numeric(self) -> bool:
        """Whether values can be calculated with."""
        return self.kind in {"int64", "decimal", "float64"}

    def __str__(self) -> str:
        if self.kind == "list":
            return f"list({self.element})"
        return f"decimal({self.scale})" if self.kind == "decimal" else self.kind

    @classmethod
    def parse(cls, text: str) -> ColumnType:
        """The inverse of `str`: `int64`, `decimal(3)`.

        Raises:
            DefinitionError: Not a type.
        """
        decimal = _DECIMAL.fullmatch(text)
        if decimal:
            return cls("decimal", int(decimal.group(1)))
        listed = _LIST.fullmatch(text)
        if listed:
            return cls("list", element=listed.group(1))  # pyright: ignore[reportArgumentType]
        return cls(text)  # pyright: ignore[reportArgumentType]


INT64 = ColumnType("int64")
FLOAT64 = ColumnType("float64")
STRING = ColumnType("string")
BOOLEAN = ColumnType("boolean")
TIMESTAMP = ColumnType("timestamp")
DATE = ColumnType("date")
