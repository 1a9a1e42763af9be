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


def test_a_warning_does_not_hold_a_batch() -> None:
    rule = BatchRule("some", "rowCount", None, "mustBe", (0,), severity="warning")
    report = processed(stream_source(rules=(rule,)), orjson.dumps({"at": AT})).report
    assert report.passed
    assert not report.checks[0].passed
