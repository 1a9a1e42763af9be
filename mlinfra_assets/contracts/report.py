"""What validation says of a batch."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import polars as pl

from mlinfra_assets.contracts.contract import Severity


@dataclass(frozen=True)
class RuleResult:
    """What one batch rule says.

    Attributes:
        name: The rule's name.
        passed: Whether the batch keeps it.
        severity: `error` holds the batch if it fails, `warning` tells.
        message: The measure and what it has to be.
        value: The measure; None: the batch was too small to judge.
    """

    name: str
    passed: bool
    severity: Severity
    message: str
    value: float | None = None


@dataclass(frozen=True)
class BatchReport:
    """What validation says of a batch.

    Attributes:
        records: Records decoded from the batch, those that cannot be decoded included.
        valid: Records that keep the contract, unchanged re-deliveries not counted.
        quarantined: Records that break it.
        unchanged: Valid records that say of their primary key what was known already; they are left out.
        reasons: How often each rule is broken, as `field: rule`, most frequent first.
        invalid: How many records break a rule of a field, by field.
        ambiguous_times: Local times that a clock change makes ambiguous or non-existent.
        unknown_fields: How many records carry a field that the contract does not name; it is kept in raw only.
        null_values: Nulls among the valid records, by field; fields without nulls are left out.
        warnings: How many records break each row rule of severity `warning`; they are valid all the same.
        assumed: Records whose known-at time is assumed.
        checks: The batch rules.
    """

    records: int
    valid: int
    quarantined: int
    unchanged: int = 0
    reasons: Mapping[str, int] = field(default_factory=dict)
    ambiguous_times: int = 0
    unknown_fields: Mapping[str, int] = field(default_factory=dict)
    null_values: Mapping[str, int] = field(default_factory=dict)
    warnings: Mapping[str, int] = field(default_factory=dict)
    assumed: int = 0
    checks: tuple[RuleResult, ...] = ()
    invalid: Mapping[str, int] = field(default_factory=dict)

    @property
    def passed(self) -> bool:
        """Whether the batch may be published: no rule of severity `error` fails."""
        return all(check.passed or check.severity != "error" for check in self.checks)

    def __add__(self, other: BatchReport) -> BatchReport:
        """What is said of two parts of a batch together; of the batch as a whole neither says anything."""
        return BatchReport(
            records=self.records + other.records,
            valid=self.valid + other.valid,
            quarantined=self.quarantined + other.quarantined,
            unchanged=self.unchanged + other.unchanged,
            reasons=_sum(self.reasons, other.reasons),
            ambiguous_times=self.ambiguous_times + other.ambiguous_times,
            unknown_fields=_sum(self.unknown_fields, other.unknown_fields),
            null_values=_sum(self.null_values, other.null_values),
            warnings=_sum(self.warnings, other.warnings),
            assumed=self.assumed + other.assumed,
            invalid=_sum(self.invalid, other.invalid),
        )

    def with_checks(self, checks: tuple[RuleResult, ...]) -> BatchReport:
        """The same with what the batch rules say."""
        return replace(self, checks=checks)

    @property
    def broken_rules(self) -> str:
        """What each rule of severity `error` that fails says, in one line; empty if none does."""
        return "; ".join(check.message for check in self.checks if not check.passed and check.severity == "error")


def _sum(first: Mapping[str, int], then: Mapping[str, int]) -> dict[str, int]:
    """The counts of both, the greatest first."""
    return dict(sorted((Counter(first) + Counter(then)).items(), key=lambda item: (-item[1], item[0])))


@dataclass(frozen=True)
class Processed:
    """A batch after validation.

    Attributes:
        valid: Typed records with their coordinates: `Contract.polars_schema()`.
        quarantined: Records that break the contract: `QUARANTINE_SCHEMA`.
        report: What validation says of the batch.
    """

    valid: pl.DataFrame
    quarantined: pl.DataFrame
    report: BatchReport
