"""What a dataset's rows are reduced by: columns as symbols, and the aggregations that they have."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import NoReturn, TypeAlias

from mlinfra_assets.feature_store.duration import format_duration, parse_duration
from mlinfra_assets.feature_store.errors import DefinitionError
from mlinfra_assets.feature_store.expressions import Expression, FeatureExpression, as_node
from mlinfra_assets.feature_store.inference import MILLION
from mlinfra_assets.feature_store.nodes import Aggregate, Column, Function, Invalid, Node

Length: TypeAlias = str | timedelta


class RowExpression(Expression["RowExpression"]):
    """One value for each row: a column or something calculated from columns of the same row."""

    __slots__ = ()

    def count(
        self, window: Length | None = None, *, where: RowExpression | None = None, hop: Length | None = None
    ) -> FeatureExpression:
        """Number of rows with a value."""
        return aggregate("count", self.node, window, where, hop)

    def count_distinct(
        self, window: Length | None = None, *, where: RowExpression | None = None, hop: Length | None = None
    ) -> FeatureExpression:
        """Number of different values."""
        return aggregate("count_distinct", self.node, window, where, hop)

    def sum(
        self, window: Length | None = None, *, where: RowExpression | None = None, hop: Length | None = None
    ) -> FeatureExpression:
        """Exact sum; of decimals and floats as a double, rounded once."""
        return aggregate("sum", self.node, window, where, hop)

    def mean(
        self, window: Length | None = None, *, where: RowExpression | None = None, hop: Length | None = None
    ) -> FeatureExpression:
        """Mean as a double; of integers and decimals rounded once."""
        return aggregate("mean", self.node, window, where, hop)

    def variance(
        self, window: Length | None = None, *, where: RowExpression | None = None, hop: Length | None = None
    ) -> FeatureExpression:
        """Sample variance (over n - 1) as a double; null with fewer than two values."""
        return aggregate("variance", self.node, window, where, hop)

    def std(
        self, window: Length | None = None, *, where: RowExpression | None = None, hop: Length | None = None
    ) -> FeatureExpression:
        """Sample standard deviation: the square root of `variance`."""
        return aggregate("std", self.node, window, where, hop)

    def min(
        self, window: Length | None = None, *, where: RowExpression | None = None, hop: Length | None = None
    ) -> FeatureExpression:
        """Smallest value; of strings by code point."""
        return aggregate("min", self.node, window, where, hop)

    def max(
        self, window: Length | None = None, *, where: RowExpression | None = None, hop: Length | None = None
    ) -> FeatureExpression:
        """Largest value; of strings by code point."""
        return aggregate("max", self.node, window, where, hop)

    def most_frequent(
        self, window: Length | None = None, *, where: RowExpression | None = None, hop: Length | None = None
    ) -> FeatureExpression:
        """The value that occurs most often; of several the smallest."""
        return aggregate("most_frequent", self.node, window, where, hop)

    def first(
        self, window: Length | None = None, *, where: RowExpression | None = None, hop: Length | None = None
    ) -> FeatureExpression:
        """First value that is not null, by event time, known-at time and position."""
        return aggregate("first", self.node, window, where, hop)

    def last(
        self, window: Length | None = None, *, where: RowExpression | None = None, hop: Length | None = None
    ) -> FeatureExpression:
        """Last value that is not null, by event time, known-at time and position."""
        return aggregate("last", self.node, window, where, hop)

    def latest(
        self, window: Length | None = None, *, where: RowExpression | None = None, hop: Length | None = None
    ) -> FeatureExpression:
        """Value in the last row, by event time, known-at time and position: null if it is null there."""
        return aggregate("latest", self.node, window, where, hop)

    def quantile(
        self,
        share: float | Decimal,
        window: Length | None = None,
        *,
        where: RowExpression | None = None,
        hop: Length | None = None,
    ) -> FeatureExpression:
        """The smallest value that at least this share of the values is at most: 0.5 is the (lower) median."""
        try:
            millionths = _millionths(share)
        except DefinitionError as error:
            return FeatureExpression(Invalid(str(error)))
        return aggregate("quantile", self.node, window, where, hop, millionths)

    def last_n(
        self, n: int, window: Length | None = None, *, where: RowExpression | None = None, hop: Length | None = None
    ) -> FeatureExpression:
        """List of the last `n` values (1 to 1,000) that are not null, oldest first; null if there is none."""
        return aggregate("last_n", self.node, window, where, hop, n)


class SymbolicDataset:
    """A dataset by its columns: `orders["order_value"]`."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __getitem__(self, column: str) -> RowExpression:
        return RowExpression(Column(column))

    def __getattr__(self, name: str) -> NoReturn:
        raise DefinitionError(
            f'write {self._name}["{name}"] for a column; a dataset itself has count(), since_last() and mean_interval()'
        )

    def count(
        self, window: Length | None = None, *, where: RowExpression | None = None, hop: Length | None = None
    ) -> FeatureExpression:
        """Number of rows."""
        return aggregate("count", None, window, where, hop)

    def since_last(self, where: RowExpression | None = None) -> FeatureExpression:
        """Seconds from the latest row's event time to the time asked about."""
        return aggregate("since_last", None, None, where, None)

    def mean_interval(
        self, window: Length | None = None, *, where: RowExpression | None = None, hop: Length | None = None
    ) -> FeatureExpression:
        """Mean seconds between the event times of rows that follow each other; null with fewer than two rows."""
        return aggregate("mean_interval", None, window, where, hop)


def aggregate(
    function: Function,
    of: Node | None,
    window: Length | None,
    where: object,
    hop: Length | None,
    parameter: int | None = None,
) -> FeatureExpression:
    """An aggregate as an expression, its lengths of time in microseconds."""
    try:
        width, step = _lengths(function, window, hop)
    except DefinitionError as error:
        return FeatureExpression(Invalid(str(error)))
    condition = None if where is None else as_node(where)
    return FeatureExpression(Aggregate(function, of, condition, width, step, parameter))


def _lengths(function: Function, window: Length | None, hop: Length | None) -> tuple[int | None, int | None]:
    width = None if window is None else parse_duration(window, "window")
    step = None if hop is None else parse_duration(hop, "hop")
    if width is not None and step is not None and step > width:
        raise DefinitionError(
            f"hop={format_duration(step)} of {function}() is longer than its window of {format_duration(width)}"
        )
    return width, step


def _millionths(share: object) -> int:
    """A share of 0 to 1 in millionths.

    Raises:
        DefinitionError: Not a number from 0 to 1 with at most six digits behind the point.
    """
    if isinstance(share, int | float | Decimal) and not isinstance(share, bool):
        # The shortest text of a float is what was written: 0.95, not the double next to it.
        exact = Decimal(repr(share)) if isinstance(share, float) else Decimal(share)
        if exact.is_finite() and 0 <= exact <= 1 and exact * MILLION == int(exact * MILLION):
            return int(exact * MILLION)
    raise DefinitionError(f"quantile({share!r}): a share is a number from 0 to 1 with at most six digits behind")
