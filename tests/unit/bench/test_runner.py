import sys
from dataclasses import replace
from pathlib import Path

import pytest

from bench.harness.case import Benchmark, Case, Target
from bench.harness.command import main
from bench.harness.compare import WrongResultsError
from bench.harness.method import Environment, Limits, Method
from bench.harness.process import Cost, run
from bench.harness.runner import Runner, judge

PROJECT = Method("project", "tests.unit.bench.methods")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    (tmp_path / "full").mkdir()
    (tmp_path / "small").mkdir()
    return tmp_path


def case(data: Path, *methods: Method) -> Case:
    return Case("case", "A case", data / "full", data / "small", (PROJECT, *methods), ("id",))


def runner(peers: str = "no uv") -> Runner:
    pythons = {Environment.PROJECT: Path(sys.executable), Environment.PEERS: peers}
    return Runner(pythons, repeat=1, say=lambda _: None, first_use=False)


def peer(variant: str, limits: Limits = PROJECT.limits, environment: Environment = Environment.PROJECT) -> Method:
    return Method(variant, "tests.unit.bench.methods", variant, environment, limits)


def test_a_method_that_answers_alike_has_a_line(data):
    report = runner().run(case(data, peer("same")))
    assert [(line.name, line.outcome) for line in report.lines] == [("project", "agrees"), ("same", "agrees")]


def test_a_wrong_answer_ends_the_benchmark(data):
    with pytest.raises(
        WrongResultsError, match=r"wrong: 1 of 1 rows differ, in a; the project has id=1; a=1, wrong has"
    ):
        runner().run(case(data, peer("wrong")))


def test_a_method_that_breaks_off_has_failed_with_its_own_words(data):
    line = runner().run(case(data, peer("broken"))).line("broken")
    assert line is not None
    assert (line.outcome, line.cpu_s) == ("failed", None)
    assert "there is no such table" in line.note


def test_the_project_has_to_answer(data):
    broken = replace(PROJECT, variant="broken")
    with pytest.raises(WrongResultsError, match=r"(?s)project: stopped with code 1:.*there is no such table"):
        runner().run(replace(case(data), methods=[broken]))


def test_the_command_fails_where_a_method_broke_off(data, capsys):
    benchmark = Benchmark("bad", "A bad one.", lambda _cache, _scale: [case(data, peer("broken"))])
    assert main(benchmark, ["--no-first-use", "--repeat", "1", "--cache", str(data)]) == 1
    assert "| broken " in capsys.readouterr().out


def test_a_method_past_its_time_did_not_finish(data):
    report = runner().run(case(data, peer("slow", Limits(seconds=2.0))))
    line = report.line("slow")
    assert line is not None
    assert (line.outcome, line.note, line.cpu_s) == ("did not finish", "did not finish in 2 s", None)


@pytest.mark.skipif(sys.platform != "linux", reason="resident memory of another process is read from /proc")
def test_a_method_past_its_memory_did_not_finish(data):
    report = runner().run(case(data, peer("large", Limits(seconds=25.0, gigabytes=0.3))))
    line = report.line("large")
    assert line is not None
    assert (line.outcome, line.note) == ("did not finish", "did not finish in 0.3 GB")


def test_a_method_without_its_libraries_is_not_run_and_says_why(data):
    line = runner("there is no uv").run(case(data, peer("same", environment=Environment.PEERS))).line("same")
    assert line is not None
    assert (line.outcome, line.note) == ("not run", "there is no uv")


def test_the_cost_of_a_run_is_that_of_the_work_alone(data):
    cost = run(PROJECT, Path(sys.executable), data / "small", data / "full")
    assert isinstance(cost, Cost)
    assert 0 <= cost.cpu_s < cost.start_cpu_s
    assert cost.memory_gb > 0.01


@pytest.mark.parametrize(
    ("measured", "at_least", "met"), [(4.5, False, True), (4.6, False, False), (4.5, True, True), (4.4, True, False)]
)
def test_a_target_is_met_at_its_bound(measured, at_least, met):
    judged = judge(Target("bound", lambda _: measured, 4.5, at_least=at_least), {}, 1.0)
    assert (judged.measured, judged.met) == (measured, met)


def test_the_command_fails_before_it_speaks_of_speed(data, capsys):
    benchmark = Benchmark("bad", "A bad one.", lambda _cache, _scale: [case(data, peer("wrong"))])
    assert main(benchmark, ["--no-first-use", "--repeat", "1", "--cache", str(data)]) == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "wrong: 1 of 1 rows differ" in printed.err
