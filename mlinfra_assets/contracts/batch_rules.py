"""The rules over a batch as a whole."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import polars as pl

from mlinfra_assets import names
from mlinfra_assets.contracts.batch_rows import Rows
from mlinfra_assets.contracts.contract import BatchRule, Contract, Operator
from mlinfra_assets.contracts.gathered import Gathered, gathers, only_valid
from mlinfra_assets.contracts.profile import COMPARISONS, DISTRIBUTIONS, KINDS, PROFILE_SCHEMA, baseline_rows
from mlinfra_assets.contracts.report import RuleResult

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
    "quantileDistance": "is the greatest distance of the cumulative shares of {field}",
}


@dataclass(frozen=True)
class Batch:
    """What the rules look at.

    Attributes:
        valid: The valid records, typed, with their coordinates.
        new: Those of them that say something new of their primary key.
        records: How many records there are, those that break the contract included.
        quarantined: How many of them break the contract.
        invalid: How many break a rule of a field, by field.
        profile: What earlier days were like, `PROFILE_SCHEMA`; None: nothing is known of them.
        gathered: Finds records that were published before: rules that need more than the batch has look at these too.
            None: there are none.
        also: How many of those are counted in already.
    """

    valid: Rows
    new: Rows
    records: int
    quarantined: int
    invalid: Mapping[str, int] = field(default_factory=dict)
    profile: pl.DataFrame | None = None
    gathered: Callable[[], Gathered] | None = None
    also: int = 0

    def enough_for(self, rule: BatchRule) -> Batch:
        """The batch with as many of the records before it as a rule needs, as far as there are any."""
        short = rule.min_rows - (self.new.height if only_valid(rule) else self.records)
        if short <= 0 or not self.records or self.gathered is None or not gathers(rule):
            return self
        chosen = self.gathered().last(short, valid=only_valid(rule))
        before, broken = Rows.of(chosen.valid), chosen.broken
        also = Counter(name for fields in broken for name in set(fields) if name is not None)
        return replace(
            self,
            valid=self.valid.behind(before),
            new=self.new.behind(before),
            records=self.records + chosen.records.height,
            quarantined=self.quarantined + len(broken),
            invalid=Counter(self.invalid) + also,
            also=chosen.records.height,
        )


def judged(contract: Contract, batch: Batch) -> tuple[RuleResult, ...]:
    """What each rule of a contract says of a batch."""
    return tuple(judge(rule, batch) for rule in contract.rules)


def judge(rule: BatchRule, batch: Batch) -> RuleResult:
    """What a rule says of a batch. It depends on the arguments alone."""
    batch = batch.enough_for(rule)
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
    return _result(rule, batch, float(value), f"{value:.6g}{unit} {what} ({count:,} of {total:,})", unit)


def _result(rule: BatchRule, batch: Batch, value: float, found: str, unit: str) -> RuleResult:
    found += f", {batch.also:,} published before the batch among them" if batch.also else ""
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
        return batch.quarantined if rule.field is None else batch.invalid.get(rule.field, 0), batch.records
    if rule.metric == "duplicateValues":
        return valid.repeated(rule.fields or [str(rule.field)]), valid.height
    assert rule.field is not None  # noqa: S101 - the declaration asks for it
    return sum(_none(rule, part) for part in valid.column(rule.field)), valid.height


def _none(rule: BatchRule, values: pl.Series) -> int:
    """How many values are null, or stand for none."""
    if rule.metric == "nullValues":
        return values.null_count()
    missing = values.cast(pl.String).is_in([v for v in rule.values if v is not None]).sum()
    return int(missing) + (values.null_count() if None in rule.values else 0)


def _freshness(rule: BatchRule, batch: Batch) -> RuleResult:
    """How long before the batch landed its newest record happened: by the records' own times, not by a clock."""
    landed, newest = (batch.valid.maximum(name) for name in (names.KNOWN_AT, names.EVENT_TIME))
    if landed is None:
        return _not_judged(rule, "no valid record")
    assert isinstance(landed, datetime) and isinstance(newest, datetime)  # noqa: S101, PT018 - tells the type checker
    age = (landed - newest).total_seconds()
    said = f"the newest record is of {newest.isoformat()}, {age:.6g} seconds before it landed"
    return _result(rule, batch, age, said, " seconds")


def _distribution(rule: BatchRule, batch: Batch) -> RuleResult:
    """How far a field is from what it was on the landing days before the batch's."""
    assert rule.field is not None  # noqa: S101 - the declaration asks for it
    if batch.new.height < max(rule.min_rows, 1):
        return _not_judged(rule, f"{batch.new.height} new valid records, and the rule needs {rule.min_rows}")
    landed = batch.new.maximum(names.KNOWN_AT)
    assert isinstance(landed, datetime)  # noqa: S101 - tells the type checker
    day = landed.date()
    before = (PROFILE_SCHEMA.to_frame() if batch.profile is None else batch.profile).filter(
        pl.col("field") == rule.field,
        pl.col("kind").is_in(KINDS[rule.metric]),
        pl.col("day").is_between(day - timedelta(days=rule.days), day, closed="left"),
    )
    rows = baseline_rows(before)
    days = f"the {rule.days} days before {day.isoformat()}"
    if rows < rule.min_rows:
        return _not_judged(rule, f"{rows:,} records of {days}, and the rule needs {rule.min_rows:,}")
    column = batch.new.column(rule.field)
    value = COMPARISONS[rule.metric](before, column)
    what = MEASURED[rule.metric].format(field=rule.field)
    return _result(rule, batch, value, f"{value:.6g} {what} against {rows:,} records of {days}", "")


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
