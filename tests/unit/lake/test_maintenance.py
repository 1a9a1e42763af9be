from __future__ import annotations

from pathlib import Path

from tests.support.lake_rows import BY, numbered, numbers, table


def test_compaction_keeps_rows_progress_and_old_versions(tmp_path: Path) -> None:
    raw = table(tmp_path)
    for number in range(6):
        raw.append(
            numbered(number, number),
            provenance=BY,
            advance={"lines/0": (number - 1 if number else None, number)},
        )
    before = raw.version()
    done = raw.maintain(small_files=6)
    assert (done.merged, done.into, done.version) == (6, 1, before + 1)
    assert len(raw.files()) == 1
    assert len(raw.files(before)) == 6
    assert numbers(raw) == list(range(6))
    assert raw.read(version=before)["number"].sort().to_list() == list(range(6))
    reopened = table(tmp_path)
    assert reopened.progress("lines/0") == 5
    reopened.append(numbered(6, 6), provenance=BY, advance={"lines/0": (5, 6)})
    assert numbers(raw) == list(range(7))


def test_few_small_files_are_left_alone(tmp_path: Path) -> None:
    raw = table(tmp_path)
    raw.append(numbered(0, 0), provenance=BY)
    assert raw.maintain() == raw.maintain(small_files=2)
    assert raw.version() == 1


def test_compaction_between_anothers_check_and_append_does_no_harm(tmp_path: Path) -> None:
    raw, other = table(tmp_path), table(tmp_path)
    for number in range(4):
        raw.append(numbered(number, number), provenance=BY, advance={"a": (number - 1 if number else None, number)})
    assert other.progress("a") == 3
    raw.maintain(small_files=2)
    other.append(numbered(4, 4), provenance=BY, advance={"a": (3, 4)})
    assert numbers(raw) == [0, 1, 2, 3, 4]
