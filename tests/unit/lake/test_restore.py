from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from deltalake import DeltaTable

from mlinfra_assets.lake import epochs, log
from mlinfra_assets.lake.provenance import Provenance, from_metadata
from mlinfra_assets.lake.table import LakeTable, ProgressConflictError
from mlinfra_assets.positions import Positions
from tests.support.lake_rows import numbered, numbers, table


def by(number: int) -> Provenance:
    return Provenance("run", "code", positions={"lines": Positions({0: number})})


def add(to: LakeTable, number: int) -> None:
    progress = {"lines/0": (None if number == 0 else number - 1, number), "other": (None if number == 0 else 7, 7)}
    to.append(numbered(number, number), provenance=by(number), advance=progress)


@pytest.fixture
def lines(tmp_path: Path) -> LakeTable:
    """Rows 0 to 4, in versions 1 to 5."""
    made = table(tmp_path)
    for number in range(5):
        add(made, number)
    return made


def restore(lines: LakeTable, to: int | datetime) -> None:
    """What an operator does with Delta's own tool."""
    DeltaTable(lines.uri).restore(to)


@pytest.mark.parametrize("fresh", [True, False])
def test_progress_goes_back_with_the_rows(lines: LakeTable, tmp_path: Path, fresh: bool) -> None:
    restore(lines, 3)
    seen = table(tmp_path) if fresh else lines
    assert (numbers(seen), seen.progress("lines/0")) == ([0, 1, 2], 2)
    assert seen.provenance() == by(2)
    with pytest.raises(ProgressConflictError):
        add(seen, 5)
    add(seen, 3)
    add(seen, 4)
    assert (numbers(table(tmp_path)), table(tmp_path).progress("lines/0")) == ([0, 1, 2, 3, 4], 4)
    with pytest.raises(ProgressConflictError):
        add(table(tmp_path), 4)
    assert [seen.progress("lines/0", version) for version in range(1, 9)] == [0, 1, 2, 3, 4, 2, 3, 4]


def test_a_restore_to_a_moment_too(lines: LakeTable, tmp_path: Path) -> None:
    moment = DeltaTable(lines.uri).history()[2]["timestamp"]
    restore(lines, datetime.fromtimestamp(moment / 1000, UTC))
    progress = lines.progress("lines/0")
    assert progress is not None
    assert numbers(lines) == list(range(progress + 1))
    assert lines.provenance() == by(progress)


def test_restores_of_restores(lines: LakeTable, tmp_path: Path) -> None:
    restore(lines, 2)
    add(lines, 2)
    restore(lines, 5)
    assert (numbers(lines), lines.progress("lines/0")) == ([0, 1, 2, 3, 4], 4)
    restore(lines, 7)
    assert (numbers(table(tmp_path)), table(tmp_path).progress("lines/0")) == ([0, 1, 2], 2)
    add(table(tmp_path), 3)
    assert (numbers(lines), lines.progress("lines/0"), lines.progress("other")) == ([0, 1, 2, 3], 3, 7)


def test_a_restore_to_before_any_progress(lines: LakeTable) -> None:
    restore(lines, 0)
    assert (numbers(lines), lines.progress("lines/0")) == ([], None)
    assert lines.provenance() is None
    add(lines, 0)
    assert (numbers(lines), lines.progress("lines/0")) == ([0], 0)


def test_what_only_maintains_a_table_hides_no_restore(lines: LakeTable, tmp_path: Path) -> None:
    restore(lines, 4)
    lines.maintain(small_files=1)
    lines.note(Provenance("run", "code"))
    lines.checkpoint()
    assert table(tmp_path).progress("lines/0") == 3
    add(table(tmp_path), 4)
    assert numbers(table(tmp_path)) == [0, 1, 2, 3, 4]


def test_a_restore_between_a_writers_look_and_its_commit_makes_it_look_again(
    lines: LakeTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mlinfra_assets.lake import appending

    write = appending.write_deltalake

    def late(*arguments: object, **options: object) -> None:
        monkeypatch.setattr(appending, "write_deltalake", write)
        restore(lines, 3)
        write(*arguments, **options)  # pyright: ignore[reportCallIssue, reportArgumentType]

    monkeypatch.setattr(appending, "write_deltalake", late)
    with pytest.raises(ProgressConflictError):
        add(lines, 5)
    assert (numbers(lines), lines.progress("lines/0")) == ([0, 1, 2], 2)


def test_a_handle_that_others_have_left_behind_reads_the_log_under_the_right_numbers(lines: LakeTable) -> None:
    behind = DeltaTable(lines.uri)
    restore(lines, 3)
    add(lines, 3)
    assert [entry["version"] for entry in log.backwards(behind, behind.version())] == [5, 4, 3, 2, 1, 0]
    assert from_metadata(next(log.backwards(behind, 5))) == by(4)
    assert epochs.newest(behind, 5) == 0
    assert epochs.newest(behind, 7) == 6
