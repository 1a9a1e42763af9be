"""The benchmark of streams on a few events: both systems and the plain loop come to the same rows."""

import os

import pytest

from bench.harness.command import measure
from bench.ingest.benchmark import BENCHMARK
from bench.ingest.data import BYTES, earlier

pytestmark = pytest.mark.service("kafka")


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    patch = pytest.MonkeyPatch()
    patch.setenv("MLINFRA_KAFKA_SERVERS", os.environ["MLINFRA_TEST_KAFKA"])
    cache = tmp_path_factory.mktemp("bench")
    yield measure(BENCHMARK, 0.0005, repeat=1, cache=cache, cases=["kafka", "redis"], first_use=False)
    patch.undo()


def test_the_plain_loop_agrees_with_the_project(report):
    lines = {case.name: [(line.name, line.outcome) for line in case.lines] for case in report.cases}
    assert lines["kafka"] == [("project", "agrees"), ("plain loop", "agrees")]
    assert [name for name, _ in lines["redis"]] == ["project"]


def test_events_have_the_size_that_is_said():
    assert set(earlier(50)["payload"].bin.size()) == {BYTES}
