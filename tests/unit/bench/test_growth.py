import pytest

from bench.growth.benchmark import benchmark, growth
from bench.harness.command import measure
from bench.harness.report import CaseReport, Line


def test_each_size_is_answered_and_compared(tmp_path):
    report = measure(benchmark(3_000_000), 0.001, repeat=1, cache=tmp_path, first_use=False)
    assert [case.name for case in report.cases] == ["1000", "3000"]
    for case in report.cases:
        assert [(line.name, line.outcome) for line in case.lines] == [("project", "agrees"), ("DuckDB ASOF", "agrees")]


def test_growth_is_the_cost_of_an_event_at_the_largest_size_over_that_at_the_smallest():
    reports = {
        name: CaseReport(name, name, [Line("project", cpu_us_per_row=cost)])
        for name, cost in (("1000", 2.0), ("20000", 3.0), ("3000", 7.0))
    }
    assert growth(reports) == pytest.approx(1.5)
    assert growth({"1000": reports["1000"]}) is None
