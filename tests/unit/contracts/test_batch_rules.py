"""Rules over a batch: what holds it, what only warns."""

from __future__ import annotations

import orjson
import pytest

from mlinfra_assets.contracts.contract import BatchRule, Field
from tests.support.declared import declared, line, processed, stream_source

SHOP = declared("order_lines")
AT = "2011-01-01T00:00:00Z"


def test_a_batch_with_too_many_broken_lines_must_not_be_published() -> None:
    broken = processed(SHOP, *[line()] * 440, *[b"?"] * 60)
    assert not broken.report.passed
    result = next(c for c in broken.report.checks if not c.passed)
    assert result.name == "few lines break the contract"
    assert result.value == 12.0
    assert "12% records that break the contract (60 of 500), has to be below 10%" in result.message


def test_a_small_batch_is_not_judged_by_shares() -> None:
    found = processed(SHOP, b"?", b"?")
    assert found.report.passed
    assert found.report.quarantined == 2


@pytest.mark.parametrize(
    ("metric", "operator", "threshold", "unit", "passed"),
    [
        ("rowCount", "mustBe", (4,), "rows", True),
        ("rowCount", "mustNotBe", (4,), "rows", False),
        ("rowCount", "mustBeBetween", (1, 3), "rows", False),
        ("rowCount", "mustNotBeBetween", (1, 3), "rows", True),
        ("nullValues", "mustBeLessOrEqualTo", (1,), "rows", True),
        ("nullValues", "mustBeGreaterOrEqualTo", (34,), "percent", False),
        ("nullValues", "mustBeGreaterThan", (33,), "percent", True),
        ("duplicateValues", "mustBe", (0,), "rows", False),
        ("invalidValues", "mustBeLessThan", (25,), "percent", False),
        ("invalidValues", "mustBeLessOrEqualTo", (25,), "percent", True),
    ],
)
def test_batch_rules(metric, operator, threshold, unit, passed: bool) -> None:
    rule = BatchRule(
        "rule", metric, "x" if metric in {"nullValues", "duplicateValues"} else None, operator, threshold, unit
    )
    source = stream_source(Field("x", "x", "integer"), rules=(rule,))
    payloads = [orjson.dumps({"x": x, "at": AT}) for x in (None, 5, 5, "?")]
    assert processed(source, *payloads).report.passed is passed


@pytest.mark.parametrize(("allowed", "passed"), [(2, True), (1, False)])
def test_values_that_stand_for_none_are_counted(allowed: int, passed: bool) -> None:
    rule = BatchRule("some", "missingValues", "x", "mustBeLessOrEqualTo", (allowed,), values=("N/A", None))
    source = stream_source(Field("x", "x", "string"), rules=(rule,))
    report = processed(source, *(orjson.dumps({"x": x, "at": AT}) for x in ("N/A", None, "fine"))).report
    assert report.passed is passed
    assert "2 values of x that stand for none (2 of 3)" in report.checks[0].message


@pytest.mark.parametrize(("allowed", "passed"), [(25, True), (24, False)])
def test_a_field_has_its_own_share_of_what_is_broken(allowed: int, passed: bool) -> None:
    rule = BatchRule("few", "invalidValues", "x", "mustBeLessOrEqualTo", (allowed,), "percent")
    source = stream_source(Field("x", "x", "integer"), Field("y", "y", "integer"), rules=(rule,))
    values = [(1, 1), ("?", "?"), (1, "?"), (1, 1)]
    report = processed(source, *(orjson.dumps({"x": x, "y": y, "at": AT}) for x, y in values)).report
    assert report.passed is passed
    assert "25% records that break the contract in x (1 of 4)" in report.checks[0].message


@pytest.mark.parametrize(("allowed", "passed"), [(1, True), (0, False)])
def test_several_fields_are_compared_together(allowed: int, passed: bool) -> None:
    rule = BatchRule("once", "duplicateValues", None, "mustBeLessOrEqualTo", (allowed,), fields=("x", "y"))
    source = stream_source(Field("x", "x", "integer"), Field("y", "y", "integer"), rules=(rule,))
    values = [(1, 1), (1, 2), (1, 1), (None, 1), (None, 1)]
    report = processed(source, *(orjson.dumps({"x": x, "y": y, "at": AT}) for x, y in values)).report
    assert report.passed is passed
    assert "1 records that repeat a value of x, y" in report.checks[0].message


@pytest.mark.parametrize(("at", "passed"), [("2011-12-10T06:00:00Z", True), ("2011-12-10T05:59:59Z", False)])
def test_a_batch_is_as_fresh_as_its_newest_record_was_at_landing(at: str, passed: bool) -> None:
    rule = BatchRule("fresh", "freshness", None, "mustBeLessOrEqualTo", (3 * 3600,), "seconds")
    report = processed(stream_source(rules=(rule,)), orjson.dumps({"at": "2001-01-01T00:00:00Z"}), event(at)).report
    assert report.passed is passed
    assert report.checks[0].value == (10_800 if passed else 10_801)
    assert "fresh: the newest record is of 2011-12-10T0" in report.checks[0].message
    assert report.checks[0].message.endswith("has to be 10800 or less seconds")


def test_a_batch_without_a_valid_record_has_no_freshness() -> None:
    rule = BatchRule("fresh", "freshness", None, "mustBeLessOrEqualTo", (0,), "seconds")
    (found,) = processed(stream_source(rules=(rule,)), b"?").report.checks
    assert found.passed
    assert found.message == "fresh: not judged: no valid record"


def event(at: str) -> bytes:
    return orjson.dumps({"at": at})


def test_a_warning_does_not_hold_a_batch() -> None:
    rule = BatchRule("some", "rowCount", None, "mustBe", (0,), severity="warning")
    report = processed(stream_source(rules=(rule,)), orjson.dumps({"at": AT})).report
    assert report.passed
    assert not report.checks[0].passed
