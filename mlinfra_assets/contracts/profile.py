"""What a day's records were like, field by field: how often each value, mean and spread. Batches are compared with it.

The formulas are those of docs/contracts.md; every sum is the correctly rounded one, so that no order of rows and no
engine changes a verdict.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from math import fsum, log, sqrt

import polars as pl

from mlinfra_assets.contracts.contract import BatchRule, Contract

VALUE, NULL, OTHERS, MEAN, QUANTILE = "value", "null", "others", "mean", "quantile"
MOST_VALUES = 200
SMOOTHING = 0.5
WITHOUT_SPREAD = 1e9
PERCENT = 100
PROFILE_SCHEMA = pl.Schema(
    {
        "day": pl.Date(),
        "field": pl.String(),
        "kind": pl.String(),
        "value": pl.String(),
        "rows": pl.Int64(),
        "mean": pl.Float64(),
        "deviations": pl.Float64(),
    }
)


@dataclass(frozen=True)
class Spread:
    """Numbers in short: how many, their mean, and the sum of the squares of their distances from it."""

    rows: int
    mean: float
    deviations: float


def distribution_rules(contract: Contract) -> list[BatchRule]:
    """The rules that compare with the days before."""
    return [rule for rule in contract.rules if rule.metric in DISTRIBUTIONS]


def profile(rule: BatchRule, column: Iterable[pl.Series], day: date) -> pl.DataFrame:
    """What the values of one landing day were like, as a distribution rule compares them: `PROFILE_SCHEMA`."""
    found: list[tuple[object, ...]] = []
    if rule.metric == "meanShift":
        spread = spread_of(column)
        found.append((day, rule.field, MEAN, None, spread.rows, spread.mean, spread.deviations))
    elif rule.metric == "quantileDistance":
        rows, points = quantiles(column)
        found += [(day, rule.field, QUANTILE, str(percent), rows, x, None) for percent, x in enumerate(points)]
    else:
        found += [(day, rule.field, *key, count, None, None) for key, count in shares(column).items()]
    return pl.DataFrame(found, schema=PROFILE_SCHEMA, orient="row")


def shares(column: Iterable[pl.Series]) -> dict[tuple[str, str | None], int]:
    """How often each value occurs.

    Of more than 200 the most frequent ones (of equally frequent ones the first by code point), the others together.

    Args:
        column: The values, series by series.
    """
    counts = pl.DataFrame(schema={"value": pl.String(), "len": pl.UInt32()})
    for part in column:
        found = part.cast(pl.String).alias("value").to_frame().group_by("value").len()
        counts = pl.concat([counts, found]).group_by("value").agg(pl.col("len").sum()) if counts.height else found
    known = counts.drop_nulls("value").sort("len", "value", descending=[True, False])
    frequent: dict[tuple[str, str | None], int] = {(VALUE, v): n for v, n in known.head(MOST_VALUES).iter_rows()}
    others = int(known[MOST_VALUES:]["len"].sum())
    if others:
        frequent[(OTHERS, None)] = others
    if nulls := int(counts.filter(pl.col("value").is_null())["len"].sum()):
        frequent[(NULL, None)] = nulls
    return frequent


def spread_of(column: Iterable[pl.Series]) -> Spread:
    """Count, mean and squared deviations of the finite numbers.

    Args:
        column: The values, series by series; gone through twice.
    """
    rows = 0

    def counted() -> Iterator[float]:
        nonlocal rows
        for number in _finite(column):
            rows += 1
            yield number

    total = fsum(counted())
    if not rows:
        return Spread(0, 0.0, 0.0)
    mean = total / rows
    return Spread(rows, mean, fsum((x - mean) ** 2 for x in _finite(column)))


def _finite(column: Iterable[pl.Series]) -> Iterator[float]:
    for part in column:
        known = part.drop_nulls().cast(pl.Float64)
        yield from known.filter(known.is_finite()).to_list()


def stability(before: pl.DataFrame, column: Iterable[pl.Series]) -> float:
    """The population stability index of a batch against the days before: 0 if all shares are the same.

    Args:
        before: The field's shares on the days before, `PROFILE_SCHEMA`.
        column: The batch's values, series by series.
    """
    base: dict[tuple[str, str | None], int] = {}
    for kind, value, count in before.select("kind", "value", "rows").iter_rows():
        base[(kind, value)] = base.get((kind, value), 0) + count
    batch: dict[tuple[str, str | None], int] = {}
    for key, count in shares(column).items():
        known = key if key in base or key[0] == NULL else (OTHERS, None)
        batch[known] = batch.get(known, 0) + count
    keys = sorted({*base, *batch}, key=str)
    return stability_index([base.get(key, 0) for key in keys], [batch.get(key, 0) for key in keys])


def stability_index(before: Sequence[int], after: Sequence[int]) -> float:
    """The population stability index of two counts of the same categories; half a case is added to each count."""
    old, new = _smoothed(before), _smoothed(after)
    return fsum((q - p) * log(q / p) for p, q in zip(old, new, strict=True))


def mean_shift(before: pl.DataFrame, column: Iterable[pl.Series]) -> float:
    """How many standard deviations of the days before a batch's mean is from theirs.

    Args:
        before: The field's mean and spread on the days before, `PROFILE_SCHEMA`.
        column: The batch's values, series by series.
    """
    days = [Spread(*row) for row in before.select("rows", "mean", "deviations").iter_rows() if row[0]]
    batch = spread_of(column)
    if not days or not batch.rows:
        return 0.0
    rows = sum(day.rows for day in days)
    mean = fsum(day.rows * day.mean for day in days) / rows
    variance = fsum([*(d.deviations for d in days), *(d.rows * (d.mean - mean) ** 2 for d in days)]) / rows
    distance = abs(batch.mean - mean)
    if variance == 0:
        return 0.0 if distance == 0 else WITHOUT_SPREAD
    return distance / sqrt(variance)


def quantiles(column: Iterable[pl.Series]) -> tuple[int, list[float]]:
    """How many finite numbers there are, and of each percent from 0 to 100 the least that so many are not above."""
    numbers = sorted(_finite(column))
    rows = len(numbers)
    return rows, [numbers[max(0, -(-percent * rows // PERCENT) - 1)] for percent in range(PERCENT + 1) if rows]


def quantile_distance(before: pl.DataFrame, column: Iterable[pl.Series]) -> float:
    """The greatest distance of a batch's cumulative shares from those of the days before, at the days' quantiles.

    0 if all are the same, 1 if all numbers of one lie above all of the other.
    """
    points = before["mean"].unique().sort()
    parts = [pl.Series(list(_finite([part])), dtype=pl.Float64).sort() for part in column]
    rows = sum(len(part) for part in parts)
    if points.is_empty() or not rows:
        return 0.0
    at_points = [part.search_sorted(points, side="right").to_list() for part in parts]
    batch = [sum(counts) / rows for counts in zip(*at_points, strict=True)]
    days = [(int(day["rows"][0]), day["mean"].sort()) for day in before.partition_by("day")]
    shares_of = [n * (kept.search_sorted(points, side="right") / len(kept)) for n, kept in days]
    base = [fsum(at) / fsum(n for n, _ in days) for at in zip(*shares_of, strict=True)]
    return max(abs(p - q) for p, q in zip(base, batch, strict=True))


def baseline_rows(before: pl.DataFrame) -> int:
    """How many records of the days before a field's kept values are of."""
    of_quantiles = before.filter(pl.col("kind") == QUANTILE).unique("day")
    return int(before.filter(pl.col("kind") != QUANTILE)["rows"].sum()) + int(of_quantiles["rows"].sum())


def _smoothed(counts: Sequence[int]) -> list[float]:
    total = sum(counts) + SMOOTHING * len(counts)
    return [(count + SMOOTHING) / total for count in counts]


COMPARISONS = {"populationStability": stability, "meanShift": mean_shift, "quantileDistance": quantile_distance}
"""How a batch's values of a field are compared with those of the days before, by the rule's metric."""
KINDS = {"populationStability": [VALUE, NULL, OTHERS], "meanShift": [MEAN], "quantileDistance": [QUANTILE]}
"""The kinds of rows of a profile that each of them reads."""
DISTRIBUTIONS = tuple(COMPARISONS)
