"""Distribution rules: a batch against the days before, by formulas that are worked out here by hand."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from math import inf, log, nan, sqrt

import orjson
import polars as pl
import pytest

from mlinfra_assets.contracts.contract import BatchRule, Field
from mlinfra_assets.contracts.profile import WITHOUT_SPREAD, mean_shift, profile, quantile_distance, shares, stability
from mlinfra_assets.contracts.report import RuleResult
from mlinfra_assets.contracts.validate import process
from tests.support.declared import LANDED, LIMIT, raw_rows, stream_source

TODAY = LANDED.date()
SHARES = BatchRule("shares", "populationStability", "c", "mustBeLessOrEqualTo", (0.2,), "number", min_rows=4, days=3)
MEAN = BatchRule("mean", "meanShift", "x", "mustBeLessOrEqualTo", (2,), "number", min_rows=4, days=3)


def days(rule: BatchRule, values: Sequence[object], kind: pl.DataType, ago: int = 1) -> pl.DataFrame:
    return profile(rule, [pl.Series("v", values, dtype=kind)], TODAY - timedelta(days=ago))


def judged(rule: BatchRule, values: Sequence[object], before: pl.DataFrame | None) -> RuleResult:
    kind = "string" if rule.field == "c" else "number"
    source = stream_source(Field(rule.field or "", rule.field or "", kind), rules=(rule,))
    payloads = [orjson.dumps({rule.field or "": v, "at": "2011-01-01T00:00:00Z"}) for v in values]
    return process(source, raw_rows(payloads), profile=before, max_payload_bytes=LIMIT).report.checks[0]


def test_the_stability_index_is_the_sum_over_smoothed_shares() -> None:
    before = days(SHARES, ["a", "a", "a", "b"], pl.String())
    found = judged(SHARES, ["a", "b", "b", "c"], before)
    old, new = (3.5 / 5.5, 1.5 / 5.5, 0.5 / 5.5), (1.5 / 5.5, 2.5 / 5.5, 1.5 / 5.5)
    expected = sum((q - p) * log(q / p) for p, q in zip(old, new, strict=True))
    assert found.value == pytest.approx(expected, rel=1e-12)
    assert not found.passed
    assert found.message.startswith("shares: 0.600733 is the stability index of c")
    assert "against 4 records of the 3 days before 2011-12-10, has to be 0.2 or less" in found.message


def test_equal_shares_pass() -> None:
    before = days(SHARES, ["a", "b", None] * 10, pl.String())
    found = judged(SHARES, ["b", None, "a"] * 10, before)
    assert (found.passed, found.value) == (True, 0.0)


def test_a_mean_is_compared_in_standard_deviations_of_all_days_together() -> None:
    before = pl.concat([days(MEAN, [1.0, 3.0], pl.Float64(), 1), days(MEAN, [5.0, 7.0], pl.Float64(), 3)])
    spread = sqrt((9 + 1 + 1 + 9) / 4)
    passing, failing = judged(MEAN, [5.0] * 4, before), judged(MEAN, [9.0] * 4, before)
    assert (passing.passed, failing.passed) == (True, False)
    assert (passing.value, failing.value) == (pytest.approx(1 / spread), pytest.approx(5 / spread))


@pytest.mark.parametrize("rule", [SHARES, MEAN])
def test_too_few_records_on_either_side_are_not_judged(rule: BatchRule) -> None:
    many, few = (["a"] * 4, ["a"] * 3) if rule is SHARES else ([1.0] * 4, [1.0] * 3)
    kind = pl.String() if rule is SHARES else pl.Float64()
    for batch, before in ((few, days(rule, many, kind)), (many, days(rule, few, kind)), (many, None)):
        found = judged(rule, batch, before)
        assert found.passed
        assert found.value is None
        assert "not judged" in found.message


def test_only_the_days_that_are_asked_for_count() -> None:
    old = days(MEAN, [100.0] * 9, pl.Float64(), 4)
    today = days(MEAN, [100.0] * 9, pl.Float64(), 0)
    assert judged(MEAN, [1.0] * 4, pl.concat([old, today])).value is None


def test_numbers_without_spread_let_no_other_mean_pass() -> None:
    before = days(MEAN, [2.0] * 4, pl.Float64())
    assert mean_shift(before, [pl.Series([2.0] * 4)]) == 0.0
    assert mean_shift(before, [pl.Series([2.0, 2.5])]) == WITHOUT_SPREAD


def test_what_is_not_finite_has_no_part_in_a_mean() -> None:
    before = days(MEAN, [1.0, 3.0, nan, inf, None], pl.Float64())
    assert before.select("rows", "mean", "deviations").rows() == [(2, 2.0, 2.0)]
    assert mean_shift(before, [pl.Series([nan, 2.0])]) == 0.0


def test_the_order_of_rows_changes_no_bit() -> None:
    numbers = [1e16, 1.0, -1e16, 3.0, 0.1, 0.2, 0.3]
    forward, backward = (days(MEAN, order, pl.Float64()) for order in (numbers, numbers[::-1]))
    assert forward.equals(backward)


def test_of_many_values_the_most_frequent_are_kept_and_the_others_together() -> None:
    column = pl.Series([f"v{n:03}" for n in range(250)] + ["v249", None])
    found = shares([column])
    assert len(found) == 202
    assert found["value", "v249"] == 2
    assert ("value", "v198") in found
    assert ("value", "v199") not in found
    assert (found["others", None], found["null", None]) == (50, 1)


def test_values_that_the_days_before_did_not_keep_are_others() -> None:
    before = days(SHARES, [f"v{n:03}" for n in range(250)], pl.String())
    same = stability(before, [pl.Series([f"v{n:03}" for n in range(250)])])
    assert same == 0.0


def test_a_day_is_a_date() -> None:
    assert days(MEAN, [1.0], pl.Float64())["day"].to_list() == [date(2011, 12, 9)]


QUANTILES = BatchRule("quantiles", "quantileDistance", "x", "mustBeLessOrEqualTo", (0.2,), "number", min_rows=4, days=3)


def test_equal_numbers_have_no_distance_whatever_their_order() -> None:
    before = days(QUANTILES, [4.0, 1.0, 3.0, 2.0] * 25, pl.Float64())
    assert before["rows"].unique().to_list() == [100]
    assert before.sort(pl.col("value").cast(pl.Int64))["mean"].to_list() == [
        *[1.0] * 26,
        *[2.0] * 25,
        *[3.0] * 25,
        *[4.0] * 25,
    ]
    found = judged(QUANTILES, [1.0, 2.0, 3.0, 4.0], before)
    assert found.passed
    assert found.value == pytest.approx(0.0, abs=0.01)


def test_a_change_of_spread_is_seen_where_the_mean_is_the_same() -> None:
    numbers = [float(n) for n in range(1, 101)]
    before = days(QUANTILES, numbers, pl.Float64())
    narrow = [50.0, 51.0] * 20
    assert judged(MEAN, narrow, days(MEAN, numbers, pl.Float64())).passed
    found = judged(QUANTILES, narrow, before)
    assert not found.passed
    assert found.value == pytest.approx(
        50 / 101, abs=1e-12
    )  # below 50 are 50 of the 101 kept values, and none of the batch
    assert "against 100 records of the 3 days before" in found.message


def test_days_weigh_as_many_numbers_as_they_have() -> None:
    before = pl.concat([days(QUANTILES, [1.0] * 30, pl.Float64(), 1), days(QUANTILES, [2.0] * 10, pl.Float64(), 2)])
    assert judged(QUANTILES, [2.0] * 8, before).value == pytest.approx(0.75)
    assert judged(QUANTILES, [1.0] * 6 + [2.0] * 2, before).value == pytest.approx(0.0)


def test_what_is_not_finite_has_no_quantile_and_nothing_no_distance() -> None:
    before = days(QUANTILES, [1.0, nan, inf, None, 1.0], pl.Float64())
    assert before["rows"].unique().to_list() == [2]
    assert quantile_distance(before, [pl.Series([nan, None, 1.0])]) == 0.0
    assert quantile_distance(before.clear(), [pl.Series([1.0])]) == 0.0
