import pytest

from bench.harness.command import measure
from bench.windows.benchmark import BENCHMARK


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    return measure(
        BENCHMARK,
        0.0003,
        repeat=1,
        cache=tmp_path_factory.mktemp("bench"),
        methods=["duckdb", "polars"],
        first_use=False,
    )


@pytest.mark.parametrize("asked", ["count_sum_mean", "distinct", "max"])
def test_every_method_agrees_with_the_project(report, asked):
    (case,) = [case for case in report.cases if case.name == asked]
    assert [(line.name, line.outcome) for line in case.lines] == [
        ("project", "agrees"),
        ("DuckDB RANGE window", "agrees"),
        ("DuckDB range join", "agrees"),
        ("Polars rolling", "agrees"),
    ]
    assert all(line.ratio is not None for line in case.lines)


def test_each_kind_of_aggregate_has_its_target(report):
    assert [target.text for target in report.targets] == [
        "count, sum and mean: at most 3 CPU s",
        "different values: at most 4 CPU s",
        "max: at most 4 CPU s",
    ]
