import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from bench.backfill.benchmark import BENCHMARK
from bench.backfill.digest import Digest
from bench.harness.command import measure


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    cache = tmp_path_factory.mktemp("bench")
    return measure(BENCHMARK, 0.0002, repeat=1, cache=cache, methods=["polars"], first_use=False)


@pytest.mark.parametrize("asked", ["windowed", "newest"])
def test_every_method_agrees_with_the_project(report, asked):
    (case,) = [case for case in report.cases if case.name == asked]
    assert [(line.name, line.outcome) for line in case.lines] == [("project", "agrees"), ("Polars, in parts", "agrees")]
    assert all(line.rows_per_s and line.cpu_us_per_row for line in case.lines)


def test_memory_is_a_target(report):
    assert [target.text for target in report.targets] == ["memory is bounded: at most 4 GB of an answer of 5.8 GB"]


def test_a_digest_keeps_one_entity_in_a_hundred_and_the_totals_of_all(tmp_path):
    digest = Digest(["n", "x"])
    for keys in ([6, 7], [107, 8]):
        digest.add(pa.table({"day": [None, None], "customer_id": keys, "n": keys, "x": [1.5, None]}))
    digest.save(tmp_path / "kept.parquet")
    assert pq.read_table(tmp_path / "kept.parquet").select(["customer_id", "n", "x"]).to_pylist() == [
        {"customer_id": 7, "n": 7, "x": None},
        {"customer_id": 107, "n": 107, "x": 1.5},
        {"customer_id": -1, "n": 128, "x": 2.0},
    ]
