"""What a day's records were like, field by field: how often each value, mean and spread. Batches are compared with it.

The formulas are those of docs/contracts.md; every sum is the correctly rounded one, so that no order of rows and no
engine changes a verdict.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from math import fsum, log, sqrt

import polars as pl

from mlinfra_assets.contracts.contract import BatchRule, Contract

VALUE, NULL, OTHERS, MEAN = "value", "null", "others", "mean"
MOST_VALUES = 200
SMOOTHING = 0.5
WITHOUT_SPREAD = 1e9
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
DISTRIBUTIONS = ("populationStability", "meanShift")


@dataclass(frozen=True)
class Spread:
    """Numbers in short: how many, their mean, and the sum of the squares of their distances from it."""

    rows: int
    mean: float
    deviations: float


def distribution_rules(contract: Contract) -> list[BatchRule]:
    """The rules that compare with the days before."""
    return [rule for rule in contract.rules if rule.metric in DISTRIBUTIONS]


def profile(rule: BatchRule, column: pl.Series, day: date) -> pl.DataFrame:
    """What the values of one landing day were like, as a distribution rule compares them: `PROFILE_SCHEMA`."""
    found: list[tuple[object, ...]] = []
    if rule.metric == "meanShift":
        spread = spread_of(column)
        found.append((day, rule.field, MEAN, None, spread.rows, spread.mean, spread.deviations))
    else:
        found += [(day, rule.field, *key, count, None, None) for key, count in shares(column).items()]
    return pl.DataFrame(found, schema=PROFILE_SCHEMA, orient="row")


def shares(column: pl.Series) -> dict[tuple[str, str | None], int]:
    """How often each value occurs.

    Of more than 200 the most frequent ones (of equally frequent ones the first by code point), the others together.
    """
    values = column.cast(pl.String).alias("value").to_frame()
    counts = values.group_by("value").len().sort("len", "value", descending=[True, False])
    known = counts.drop_nulls("value")
    found: dict[tuple[str, str | None], int] = {(VALUE, v): n for v, n in known.head(MOST_VALUES).iter_rows()}
    others = int(known[MOST_VALUES:]["len"].sum())
    if others:
        found[(OTHERS, None)] = others
    if nulls := column.null_count():
        found[(NULL, None)] = nulls
    return found


def spread_of(column: pl.Series) -> Spread:
    """Count, mean and squared deviations of the finite numbers."""
    known = column.drop_nulls().cast(pl.Float64)
    numbers = known.filter(known.is_finite()).to_list()
    if not numbers:
        return Spread(0, 0.0, 0.0)
    mean = fsum(numbers) / len(numbers)
    return Spread(len(numbers), mean, fsum((x - mean) ** 2 for x in numbers))


def stability(before: pl.DataFrame, column: pl.Series) -> float:
    """The population stability index of a batch against the days before: 0 if all shares are the same.

    Args:
        before: The field's shares on the days before, `PROFILE_SCHEMA`.
        column: The batch's values.
    """
    base: dict[tuple[str, str | None], int] = {}
    for kind, value, count in before.select("kind", "value", "rows").iter_rows():
        base[(kind, value)] = base.get((kind, value), 0) + count
    batch: dict[tuple[str, str | None], int] = {}
    for key, count in shares(column).items():
        known = key if key in base or key[0] == NULL else (OTHERS, None)
        batch[known] = batch.get(known, 0) + count
    keys = sorted({*base, *batch}, key=str)
    old, new = (_smoothed([counts.get(key, 0) for key in keys]) for counts in (base, batch))
    return fsum((q - p) * log(q / p) for p, q in zip(old, new, strict=True))


def mean_shift(before: pl.DataFrame, column: pl.Series) -> float:
    """How many standard deviations of the days before a batch's mean is from theirs."""
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


def _smoothed(counts: list[int]) -> list[float]:
    total = sum(counts) + SMOOTHING * len(counts)
    return [(count + SMOOTHING) / total for count in counts]
