import json

import pytest

from bench.harness.command import main, measure
from bench.harness.report import Report
from bench.point_in_time.benchmark import BENCHMARK

SCALE = 0.0002


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Report:
    cache = tmp_path_factory.mktemp("bench")
    return measure(BENCHMARK, SCALE, repeat=2, cache=cache, methods=["polars", "duckdb asof"], first_use=False)


def test_every_method_agrees_with_the_project_and_has_its_cost(report):
    (case,) = report.cases
    assert [line.name for line in case.lines] == ["project", "Polars join_asof, streaming", "DuckDB ASOF"]
    for line in case.lines:
        assert (line.outcome, line.runs) == ("agrees", 2)
        assert None not in (line.cpu_s, line.wall_s, line.memory_gb, line.ratio)
    assert case.lines[0].ratio == 1.0


def test_targets_are_not_judged_at_another_scale(report):
    assert [(target.text, target.met) for target in report.targets] == [
        ("at most 4.5 CPU s", None),
        ("at most 1.2 GB", None),
        ("Feast's best store takes at least 5 times the CPU", None),
    ]


def test_the_table_names_every_method_the_machine_and_the_libraries(report):
    text = report.as_text()
    for word in ("| project ", "| DuckDB ASOF ", "polars 2.", f"{report.machine.cores} cores", "## Targets"):
        assert word in text


def test_json_is_printed_alone(tmp_path, capsys):
    arguments = ["--json", "--no-first-use", "--scale", "0.0001", "--repeat", "1", "--cache", str(tmp_path)]
    assert main(BENCHMARK, [*arguments, "--methods", "polars"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed["benchmark"] == "point_in_time"
    first = printed["cases"][0]["lines"][0]
    assert {"name", "cpu_s", "wall_s", "memory_gb", "ratio"} <= first.keys()
