"""What cleaning up removes, what it leaves, and what it says of what is gone."""

from __future__ import annotations

import json
import os
import time
from datetime import timedelta
from pathlib import Path

import polars as pl
import pytest

from mlinfra_assets.errors import InvalidInputError, UnavailableError
from mlinfra_assets.lake.table import LakeTable
from tests.support.lake_rows import BY, numbered, numbers, table

NOW = timedelta()
MONTH = timedelta(days=30)


def parquet(lines: LakeTable) -> set[str]:
    return {path.name for path in Path(lines.uri).rglob("*.parquet") if path.parent.name != "_delta_log"}


def grown(tmp_path: Path, commits: int = 6) -> LakeTable:
    """A table of so many commits of one row each."""
    lines = table(tmp_path)
    for number in range(commits):
        advance = {"lines/0": (number - 1 if number else None, number)}
        lines.append(numbered(number, number), provenance=BY, advance=advance, stats_columns=["number"])
    return lines


def test_files_that_only_old_versions_need_go_and_nothing_else(tmp_path: Path) -> None:
    lines = grown(tmp_path)
    small = parquet(lines)
    lines.maintain(small_files=2)

    assert lines.clean_up(MONTH).files == ()
    cleaned = lines.clean_up(NOW)

    assert set(cleaned.files) == small
    assert len(parquet(lines)) == 1
    assert numbers(table(tmp_path)) == list(range(6))
    assert table(tmp_path).progress("lines/0") == 5
    assert table(tmp_path).provenance() == BY


def test_a_dry_run_says_the_same_and_does_nothing(tmp_path: Path) -> None:
    lines = grown(tmp_path)
    lines.maintain(small_files=2)
    before, version = parquet(lines), lines.version()

    said = lines.clean_up(NOW, dry_run=True)

    assert (parquet(lines), lines.version()) == (before, version)
    assert lines.clean_up(NOW).files == said.files


def test_versions_that_are_needed_stay_readable_and_others_say_what_is_gone(tmp_path: Path) -> None:
    lines = grown(tmp_path)
    lines.maintain(small_files=2)
    oldest = lines.version()

    cleaned = lines.clean_up(NOW, keep={3})

    assert (cleaned.readable.oldest, cleaned.readable.kept) == (oldest, {3})
    for reader in (lines, table(tmp_path)):
        assert reader.read(version=3)["number"].sort().to_list() == [0, 1, 2]
        assert reader.upkeep().oldest_readable == oldest
        assert reader.upkeep().kept == (3,)
        for ask in (lambda r: r.read(version=4), lambda r: r.files(version=4), lambda r: list(r.batches(version=4))):
            with pytest.raises(
                UnavailableError, match=rf"version 4 of table raw/lines .* Versions {oldest} and later .*, and 3"
            ):
                ask(reader)
    assert lines.count(4) == 4, "the log itself is kept"


def test_what_is_kept_no_longer_goes_with_the_next_cleanup(tmp_path: Path) -> None:
    lines = grown(tmp_path)
    lines.maintain(small_files=2)
    lines.clean_up(NOW, keep={3})

    assert len(lines.clean_up(NOW).files) == 3
    assert lines.upkeep().kept == ()


def test_a_file_goes_by_when_it_was_replaced_not_by_its_age(tmp_path: Path) -> None:
    lines = grown(tmp_path)
    old = time.time() - timedelta(days=90).total_seconds()
    for path in Path(lines.uri).glob("*.parquet"):
        os.utime(path, (old, old))
    lines.clean_up(MONTH)  # says how long removals are remembered
    lines.maintain(small_files=2)
    lines.checkpoint()

    assert lines.clean_up(MONTH).files == ()
    assert lines.read(version=6)["number"].sort().to_list() == list(range(6))


def test_what_a_killed_writer_left_goes_once_it_is_old(tmp_path: Path) -> None:
    lines = grown(tmp_path, 1)
    for name, days in (("old", 90), ("new", 0)):
        path = Path(lines.uri) / f"{name}.parquet"
        path.write_bytes(b"PAR1")
        then = time.time() - timedelta(days=days).total_seconds()
        os.utime(path, (then, then))

    assert lines.clean_up(MONTH).files == ("old.parquet",)
    assert (Path(lines.uri) / "new.parquet").exists()


def test_a_cleanup_with_nothing_to_do_commits_nothing(tmp_path: Path) -> None:
    lines = grown(tmp_path)
    lines.maintain(small_files=2)
    lines.clean_up(NOW)
    version = lines.version()
    assert lines.clean_up(NOW).files == ()
    assert lines.version() == version


def test_a_negative_retention_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match="-5 hours"):
        grown(tmp_path, 1).clean_up(timedelta(hours=-5))


def test_many_small_commits_keep_files_and_log_entries_bounded(tmp_path: Path) -> None:
    lines = table(tmp_path)
    for number in range(300):
        advance = {"lines/0": (number - 1 if number else None, number)}
        lines.append(numbered(number, number), provenance=BY, advance=advance, stats_columns=["number"])
        if number % 30 == 29:
            lines.maintain(small_files=16)
            lines.clean_up(NOW)
            lines.checkpoint(after=20)
            standing = lines.upkeep()
            assert standing.files <= 16
            assert standing.log_entries is not None
            assert standing.log_entries <= 20
            assert len(parquet(lines)) <= 16
    assert numbers(table(tmp_path)) == list(range(300))


def test_the_log_holds_no_personal_data_of_rows_that_were_replaced(tmp_path: Path) -> None:
    lines = table(tmp_path)
    rows = pl.DataFrame({"customer": ["Ada Lovelace", "Alan Turing"], "day": [1, 2]})
    lines.replace(rows, provenance=BY, stats_columns=("day",))
    lines.replace(rows.head(1), provenance=BY, where="day = 1", stats_columns=("day",))
    lines.append(rows, provenance=BY)
    lines.maintain(small_files=2)
    lines.checkpoint()

    log = Path(lines.uri) / "_delta_log"
    assert [p.name for p in log.iterdir() if b"Lovelace" in p.read_bytes() or b"Turing" in p.read_bytes()] == []
    adds = [json.loads(x) for p in log.glob("*.json") for x in p.read_text().splitlines() if '"add"' in x]
    assert any(json.loads(a["add"]["stats"])["minValues"] == {"day": 1} for a in adds)


def test_a_table_that_kept_statistics_of_everything_stops_when_it_is_replaced(tmp_path: Path) -> None:
    lines = table(tmp_path)
    rows = pl.DataFrame({"customer": ["Ada"], "day": [1]})
    lines.replace(rows, provenance=BY)
    lines.replace(rows, provenance=BY, stats_columns=())

    newest = Path(lines.uri) / "_delta_log" / f"{lines.version():020d}.json"
    [added] = [json.loads(x)["add"] for x in newest.read_text().splitlines() if '"add"' in x]
    assert json.loads(added["stats"])["minValues"] == {}
