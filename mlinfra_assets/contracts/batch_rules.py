"""The rules over a batch as a whole."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import polars as pl

from mlinfra_assets import names
from mlinfra_assets.contracts.contract import BatchRule, Contract, Operator
from mlinfra_assets.contracts.profile import (
    DISTRIBUTIONS,
    MEAN,
    NULL,
    OTHERS,
    PROFILE_SCHEMA,
    VALUE,
    mean_shift,
    stability,
)
from mlinfra_assets.contracts.report import RuleResult
from mlinfra_assets.contracts.verdicts import Broken

WORDS: dict[Operator, str] = {
    "mustBe": "has to be {0:g}",
    "mustNotBe": "must not be {0:g}",
    "mustBeGreaterThan": "has to be above {0:g}",
    "mustBeGreaterOrEqualTo": "has to be {0:g} or more",
    "mustBeLessThan": "has to be below {0:g}",
    "mustBeLessOrEqualTo": "has to be {0:g} or less",
    "mustBeBetween": "has to be between {0:g} and {1:g}",
    "mustNotBeBetween": "must not be between {0:g} and {1:g}",
}
MEASURED = {
    "rowCount": "records",
    "invalidValues": "records that break the contract",
    "nullValues": "nulls in {field}",
    "missingValues": "values of {field} that stand for none",
    "duplicateValues": "records that repeat a value of {field}",
    "populationStability": "is the stability index of {field}",
    "meanShift": "standard deviations is the mean of {field} away",
}


@dataclass(frozen=True)
class Batch:
    """What the rules look at.

    Attributes:
        valid: The valid records, typed, with their coordinates.
        new: Those of them that say something new of their primary key.
        records: All records, those that break the contract included.
        broken: What records break, by their number.
        failed: Records that could not be decoded.
        profile: What earlier days were like, `PROFILE_SCHEMA`; None: nothing is known of them.
    """

    valid: pl.DataFrame
    new: pl.DataFrame
    records: int
    broken: Broken
    failed: int
    profile: pl.DataFrame | None = None

    @property
    def quarantined(self) -> int:
        """Records that break the contract."""
        return len(self.broken) + self.failed


def judged(contract: Contract, batch: Batch) -> tuple[RuleResult, ...]:
    """What each rule of a contract says of a batch."""
    return tuple(judge(rule, batch) for rule in contract.rules)


def judge(rule: BatchRule, batch: Batch) -> RuleResult:
    """What a rule says of a batch. It depends on the arguments alone."""
    if batch.records < max(rule.min_rows, 1 if rule.unit == "percent" else 0):
        return _not_judged(rule, f"{batch.records} records, and the rule needs {max(rule.min_rows, 1)}")
    if rule.metric == "freshness":
        return _freshness(rule, batch)
    if rule.metric in DISTRIBUTIONS:
        return _distribution(rule, batch)
    count, total = _count(rule, batch)
    value = count if rule.unit == "rows" else 100 * count / total if total else 0.0
    what = MEASURED[rule.metric].format(field=rule.field or ", ".join(rule.fields))
    if rule.metric == "invalidValues" and rule.field is not None:
        what += f" in {rule.field}"
    unit = "%" if rule.unit == "percent" else ""
    return _result(rule, float(value), f"{value:.6g}{unit} {what} ({count:,} of {total:,})", unit)


def _result(rule: BatchRule, value: float, found: str, unit: str) -> RuleResult:
    return RuleResult(
        name=rule.name,
        passed=_holds(rule.operator, value, rule.threshold),
        severity=rule.severity,
        message=f"{rule.name}: {found}, {WORDS[rule.operator].format(*rule.threshold)}{unit}",
        value=value,
    )


def _not_judged(rule: BatchRule, why: str) -> RuleResult:
    return RuleResult(rule.name, passed=True, severity=rule.severity, message=f"{rule.name}: not judged: {why}")


def _count(rule: BatchRule, batch: Batch) -> tuple[int, int]:
    """What is counted, and of how many."""
    valid = batch.valid
    if rule.metric == "rowCount":
        return batch.records, batch.records
    if rule.metric == "invalidValues":
        if rule.field is None:
            return batch.quarantined, batch.records
        return sum(any(v.field == rule.field for v in found) for found in batch.broken.values()), batch.records
    if rule.metric == "duplicateValues":
        known = valid.select(rule.fields or [rule.field]).drop_nulls()
        return known.height - known.n_unique(), valid.height
    assert rule.field is not None  # noqa: S101 - the declaration asks for it
    column = valid[rule.field]
    if rule.metric == "nullValues":
        return column.null_count(), valid.height
    missing = column.cast(pl.String).is_in([v for v in rule.values if v is not None]).sum()
    return int(missing) + (column.null_count() if None in rule.values else 0), valid.height


def _freshness(rule: BatchRule, batch: Batch) -> RuleResult:
    """How long before the batch landed its newest record happened: by the records' own times, not by a clock."""
    if batch.valid.is_empty():
        return _not_judged(rule, "no valid record")
    landed, newest = (batch.valid[name].max() for name in (names.KNOWN_AT, names.EVENT_TIME))
    assert isinstance(landed, datetime) and isinstance(newest, datetime)  # noqa: S101, PT018 - tells the type checker
    age = (landed - newest).total_seconds()
    said = f"the newest record is of {newest.isoformat()}, {age:.6g} seconds before it landed"
    return _result(rule, age, said, " seconds")


def _distribution(rule: BatchRule, batch: Batch) -> RuleResult:
    """How far a field is from what it was on the landing days before the batch's."""
    assert rule.field is not None  # noqa: S101 - the declaration asks for it
    if batch.new.height < max(rule.min_rows, 1):
        return _not_judged(rule, f"{batch.new.height} new valid records, and the rule needs {rule.min_rows}")
    landed = batch.new[names.KNOWN_AT].max()
    assert isinstance(landed, datetime)  # noqa: S101 - tells the type checker
    day = landed.date()
    kinds = [MEAN] if rule.metric == "meanShift" else [VALUE, NULL, OTHERS]
    before = (PROFILE_SCHEMA.to_frame() if batch.profile is None else batch.profile).filter(
        pl.col("field") == rule.field,
        pl.col("kind").is_in(kinds),
        pl.col("day").is_between(day - timedelta(days=rule.days), day, closed="left"),
    )
    rows = int(before["rows"].sum())
    days = f"the {rule.days} days before {day.isoformat()}"
    if rows < rule.min_rows:
        return _not_judged(rule, f"{rows:,} records of {days}, and the rule needs {rule.min_rows:,}")
    column = batch.new[rule.field]
    value = (mean_shift if rule.metric == "meanShift" else stability)(before, column)
    what = MEASURED[rule.metric].format(field=rule.field)
    return _result(rule, value, f"{value:.6g} {what} against {rows:,} records of {days}", "")


def _holds(operator: Operator, value: float, threshold: tuple[float, ...]) -> bool:
    first, last = threshold[0], threshold[-1]
    return {
        "mustBe": value == first,
        "mustNotBe": value != first,
        "mustBeGreaterThan": value > first,
        "mustBeGreaterOrEqualTo": value >= first,
        "mustBeLessThan": value < first,
        "mustBeLessOrEqualTo": value <= first,
        "mustBeBetween": first <= value <= last,
        "mustNotBeBetween": not first <= value <= last,
    }[operator]
