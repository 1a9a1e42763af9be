from __future__ import annotations

from pathlib import Path

from mlinfra_assets.lake.provenance import Provenance, from_metadata
from mlinfra_assets.positions import Positions
from tests.support.lake_rows import numbered, table


def run(number: int) -> Provenance:
    return Provenance(
        run_id=f"run-{number}",
        code_version="abc",
        inputs={"raw/order_lines": number},
        positions={"order_lines": Positions({0: number << 40, 1: 2}, releases=3)},
        extra={"größe": "ü", "contract": "f00"},
    )


def test_provenance_survives_the_metadata() -> None:
    assert from_metadata(run(7).to_metadata()) == run(7)
    assert from_metadata({"operation": "OPTIMIZE"}) is None


def test_equal_provenance_gives_equal_metadata() -> None:
    one = Provenance("r", "c", {"b": 1, "a": 2})
    other = Provenance("r", "c", {"a": 2, "b": 1})
    assert one.to_metadata() == other.to_metadata()


def test_a_version_says_where_it_comes_from(tmp_path: Path) -> None:
    raw = table(tmp_path)
    first = raw.append(numbered(0, 0), provenance=run(1)).version
    second = raw.replace(numbered(0, 3), provenance=run(2)).version
    for number in range(8):
        raw.append(numbered(number, number), provenance=run(3))
    maintained = raw.maintain(small_files=2).version
    assert raw.provenance(first) == run(1)
    assert raw.provenance(second) == run(2)
    assert raw.provenance(maintained) == run(3)
    assert raw.provenance() == run(3)
    assert raw.provenance(0) is None


def test_history_runs_from_the_newest_version(tmp_path: Path) -> None:
    raw = table(tmp_path)
    for number in range(3):
        raw.append(numbered(number, number + 1), provenance=run(number))
    entries = raw.history()
    assert [e.version for e in entries] == [3, 2, 1, 0]
    assert [e.rows for e in entries] == [2, 2, 2, 0]
    assert [e.version for e in raw.history(limit=2)] == [3, 2]
    assert [e.version for e in raw.commits("run-1")] == [2]
    assert table(tmp_path, "raw/none").commits("run-1") == []


def test_provenance_stays_after_checkpoints(tmp_path: Path) -> None:
    raw = table(tmp_path)
    for number in range(12):
        raw.append(numbered(number, number), provenance=run(number))
    raw.checkpoint()
    reopened = table(tmp_path)
    assert [reopened.provenance(version) for version in range(1, 13)] == [run(n) for n in range(12)]
