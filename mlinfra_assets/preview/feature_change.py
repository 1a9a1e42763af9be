"""What becomes of one feature: how many values are others, by how much, and which."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import polars as pl

from mlinfra_assets.feature_store.column_type import ColumnType

State = Literal["added", "removed", "changed", "same"]
MOST_EXAMPLES = 3


@dataclass(frozen=True)
class Example:
    """One value before and after.

    Attributes:
        at: Whose it is and of which day, by column.
        before: As the version before has it.
        after: As the version after has it.
    """

    at: Mapping[str, Any]
    before: Any
    after: Any


@dataclass(frozen=True)
class FeatureChange:
    """What becomes of one feature at the questions that were compared.

    Attributes:
        name: The feature.
        state: `added` and `removed` are of the definition, `changed` and `same` of the values.
        before: Its type before; None if it is added.
        after: Its type after; None if it is removed.
        compared: Number of questions.
        changed: Values that are not the same to the last bit, null against a value among them.
        becomes_null: Values that are null after and were not before.
        stops_being_null: Values that were null and are not.
        nulls: Nulls after; before, if it is removed.
        mean_difference: Mean of the absolute differences of changed numbers, where both are there.
        largest_difference: The largest of them.
        examples: A few changed values: numbers by their difference, others in the order of the entities; of a feature
            that is added some values.
    """

    name: str
    state: State
    before: str | None
    after: str | None
    compared: int = 0
    changed: int = 0
    becomes_null: int = 0
    stops_being_null: int = 0
    nulls: int = 0
    mean_difference: float | None = None
    largest_difference: float | None = None
    examples: tuple[Example, ...] = field(default=())

    @property
    def share(self) -> float:
        """Share of the questions whose value changes, 0 to 1."""
        return self.changed / self.compared if self.compared else 0.0


def only_before(name: str, kind: ColumnType, values: pl.Series) -> FeatureChange:
    """A feature that is removed."""
    return FeatureChange(name, "removed", str(kind), None, compared=len(values), nulls=values.null_count())


def only_after(name: str, kind: ColumnType, values: pl.Series, at: pl.DataFrame) -> FeatureChange:
    """A feature that is added."""
    places = np.flatnonzero(values.is_not_null().to_numpy())[:MOST_EXAMPLES]
    examples = tuple(Example(at.row(int(i), named=True), None, values[int(i)]) for i in places)
    return FeatureChange(
        name, "added", None, str(kind), compared=len(values), nulls=values.null_count(), examples=examples
    )


def compared(
    name: str, kinds: tuple[ColumnType, ColumnType], before: pl.Series, after: pl.Series, at: pl.DataFrame
) -> FeatureChange:
    """A feature of both versions.

    Args:
        name: The feature.
        kinds: Its type before and after. Numbers of two types are compared as doubles, other values of
            two types are never the same.
        before: Its values before.
        after: Its values after, of the same questions.
        at: Whose and when, one row a question.
    """
    was, now = before.is_not_null().to_numpy(), after.is_not_null().to_numpy()
    differs = ~_same(kinds, before, after)
    differences = _differences(kinds, before, after)
    moved = differs & was & now
    sizes = None if differences is None else differences[moved & np.isfinite(differences)]
    some = sizes is not None and len(sizes) > 0
    order = np.flatnonzero(differs)
    if differences is not None:
        order = order[np.argsort(-np.nan_to_num(differences[order], nan=-1.0), kind="stable")]
    return FeatureChange(
        name=name,
        state="changed" if differs.any() or kinds[0] != kinds[1] else "same",
        before=str(kinds[0]),
        after=str(kinds[1]),
        compared=len(before),
        changed=int(differs.sum()),
        becomes_null=int((was & ~now).sum()),
        stops_being_null=int((~was & now).sum()),
        nulls=int((~now).sum()),
        mean_difference=float(sizes.mean()) if sizes is not None and some else None,
        largest_difference=float(sizes.max()) if sizes is not None and some else None,
        examples=tuple(
            Example(at.row(int(i), named=True), before[int(i)], after[int(i)]) for i in order[:MOST_EXAMPLES]
        ),
    )


def _same(kinds: tuple[ColumnType, ColumnType], before: pl.Series, after: pl.Series) -> np.ndarray:
    if kinds[0] == kinds[1] and kinds[0].kind == "float64":
        bits = [series.fill_null(0.0).to_numpy().view(np.int64) for series in (before, after)]
        return (bits[0] == bits[1]) & (before.is_null() == after.is_null()).to_numpy()
    if kinds[0] == kinds[1]:
        return before.eq_missing(after).to_numpy()
    if kinds[0].numeric and kinds[1].numeric:
        return before.cast(pl.Float64).eq_missing(after.cast(pl.Float64)).to_numpy()
    return (before.is_null() & after.is_null()).to_numpy()


def _differences(kinds: tuple[ColumnType, ColumnType], before: pl.Series, after: pl.Series) -> np.ndarray | None:
    """Absolute differences of numbers; NaN where one is null."""
    if not (kinds[0].numeric and kinds[1].numeric):
        return None
    values = [series.cast(pl.Float64).fill_null(np.nan).to_numpy() for series in (before, after)]
    return np.abs(values[1] - values[0])
