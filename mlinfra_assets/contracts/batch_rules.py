"""The rules over a batch as a whole."""

from __future__ import annotations

import polars as pl

from mlinfra_assets.contracts.contract import BatchRule, Operator
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
    "duplicateValues": "records that repeat a value of {field}",
}


def judge(rule: BatchRule, valid: pl.DataFrame, records: int, quarantined: int) -> RuleResult:
    """What a rule says of a batch.

    Args:
        rule: The rule.
        valid: The valid records.
        records: All records, those that break the contract included.
        quarantined: Records that break the contract.
    """
    if records < max(rule.min_rows, 1 if rule.unit == "percent" else 0):
        message = f"not judged: {records} records, and the rule needs {max(rule.min_rows, 1)}"
        return RuleResult(rule.name, passed=True, severity=rule.severity, message=message)
    count, total = _count(rule, valid, records, quarantined)
    value = count if rule.unit == "rows" else 100 * count / total if total else 0.0
    what = MEASURED[rule.metric].format(field=rule.field)
    unit = "%" if rule.unit == "percent" else ""
    asked = WORDS[rule.operator].format(*rule.threshold)
    return RuleResult(
        name=rule.name,
        passed=_holds(rule.operator, value, rule.threshold),
        severity=rule.severity,
        message=f"{rule.name}: {value:.6g}{unit} {what} ({count:,} of {total:,}), {asked}{unit}",
        value=float(value),
    )


def _count(rule: BatchRule, valid: pl.DataFrame, records: int, quarantined: int) -> tuple[int, int]:
    if rule.metric == "rowCount":
        return records, records
    if rule.metric == "invalidValues":
        return quarantined, records
    assert rule.field is not None  # noqa: S101 - the declaration asks for it
    column = valid[rule.field]
    if rule.metric == "nullValues":
        return column.null_count(), valid.height
    known = column.drop_nulls()
    return len(known) - known.n_unique(), valid.height


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
