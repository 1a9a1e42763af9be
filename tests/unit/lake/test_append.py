from __future__ import annotations

import pickle
import threading
from pathlib import Path

import polars as pl
import pytest
from deltalake import DeltaTable

from mlinfra_assets.errors import InvalidInputError
from mlinfra_assets.lake.errors import MissingTableError
from mlinfra_assets.lake.lake import Lake
from mlinfra_assets.lake.table import ProgressConflictError
from tests.support.lake_rows import BY, numbered, numbers, table


def test_the_first_append_makes_the_table(tmp_path: Path) -> None:
    raw = table(tmp_path)
    assert not raw.exists()
    commit = raw.append(numbered(0, 4), provenance=BY)
    assert raw.exists()
    assert (commit.table, commit.rows, commit.version) == ("raw/lines", 5, raw.version())
    assert raw.count() == 5
    assert raw.read().sort("number").equals(numbered(0, 4))


def test_an_append_without_rows_makes_the_table_and_then_nothing_more(tmp_path: Path) -> None:
    raw = table(tmp_path)
    first = raw.append(numbered(0, 4).clear(), provenance=BY)
    again = raw.append(numbered(0, 4).clear(), provenance=BY)
    assert (first.version, again.version, raw.version(), raw.count()) == (0, 0, 0, 0)
    assert raw.provenance() == BY
    assert raw.read().schema == numbered(0, 4).schema


def test_progress_is_committed_with_the_rows(tmp_path: Path) -> None:
    raw = table(tmp_path)
    raw.append(numbered(0, 4), provenance=BY, advance={"lines/0": (None, 4), "lines/1": (None, 7)})
    before = raw.version()
    raw.append(numbered(5, 5), provenance=BY, advance={"lines/0": (4, 5)})
    assert (raw.progress("lines/0"), raw.progress("lines/1"), raw.progress("other")) == (5, 7, None)
    assert raw.progress("lines/0", version=before) == 4


def test_progress_moves_without_rows_too(tmp_path: Path) -> None:
    raw = table(tmp_path)
    raw.append(numbered(0, 4).clear(), provenance=BY, advance={"lines/0": (None, 4)})
    assert (raw.progress("lines/0"), raw.count()) == (4, 0)


def test_a_table_that_is_not_there_has_no_progress(tmp_path: Path) -> None:
    assert table(tmp_path).progress("lines/0") is None


def test_a_repeated_batch_is_refused_and_nothing_is_written(tmp_path: Path) -> None:
    raw = table(tmp_path)
    raw.append(numbered(0, 4), provenance=BY, advance={"lines/0": (None, 4)})
    version = raw.version()
    with pytest.raises(ProgressConflictError) as refused:
        raw.append(numbered(0, 4), provenance=BY, advance={"lines/0": (None, 4)})
    assert refused.value.expected == {"lines/0": None}
    assert refused.value.found == {"lines/0": 4}
    assert (raw.version(), raw.count()) == (version, 5)
    assert str(pickle.loads(pickle.dumps(refused.value))) == str(refused.value)  # noqa: S301 - crosses processes


def test_a_demanded_progress_that_is_not_moved_is_checked(tmp_path: Path) -> None:
    raw = table(tmp_path)
    raw.append(numbered(0, 4), provenance=BY, advance={"lines/0": (None, 4)})
    raw.append(numbered(5, 5), provenance=BY, advance={"lines/0": (4, 4), "releases": (None, 1)})
    with pytest.raises(ProgressConflictError):
        raw.append(numbered(6, 6), provenance=BY, advance={"lines/0": (3, 3), "releases": (1, 2)})
    assert raw.count() == 6


def test_progress_cannot_go_back(tmp_path: Path) -> None:
    raw = table(tmp_path)
    raw.append(numbered(0, 4), provenance=BY, advance={"lines/0": (None, 4)})
    with pytest.raises(InvalidInputError, match="cannot go back"):
        raw.append(numbered(5, 5), provenance=BY, advance={"lines/0": (4, 3)})


def test_of_writers_with_stale_handles_one_wins(tmp_path: Path) -> None:
    lake = Lake(str(tmp_path))
    writers = [lake.table("raw/lines") for _ in range(3)]
    writers[0].append(numbered(0, 0), provenance=BY, advance={"lines/0": (None, 0)})
    assert all(writer.progress("lines/0") == 0 for writer in writers)
    writers[1].append(numbered(1, 1), provenance=BY, advance={"lines/0": (0, 1)})
    with pytest.raises(ProgressConflictError):
        writers[2].append(numbered(1, 1), provenance=BY, advance={"lines/0": (0, 1)})
    assert numbers(writers[0]) == [0, 1]


@pytest.mark.parametrize("shared", [True, False])
def test_racing_threads_write_each_batch_once(tmp_path: Path, shared: bool) -> None:
    lake = Lake(str(tmp_path))
    one = lake.table("raw/lines")
    failures: list[BaseException] = []

    def work() -> None:
        raw = one if shared else lake.table("raw/lines")
        try:
            while (done := raw.progress("lines/0")) != 11:
                batch = 0 if done is None else done + 1
                try:
                    rows = numbered(batch, batch)
                    raw.append(rows, provenance=BY, advance={"lines/0": (done, batch)}, stats_columns=["number"])
                except ProgressConflictError:
                    continue
        except BaseException as error:  # noqa: BLE001 - handed to the test's own thread
            failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert numbers(one) == list(range(12))


def test_appends_of_different_applications_do_not_disturb_each_other(tmp_path: Path) -> None:
    lake = Lake(str(tmp_path))
    left, right = lake.table("raw/lines"), lake.table("raw/lines")
    left.append(numbered(0, 0), provenance=BY, advance={"lines/0": (None, 0)})
    right.append(numbered(1, 1), provenance=BY, advance={"lines/1": (None, 1)})
    left.append(numbered(2, 2), provenance=BY, advance={"lines/0": (0, 2)})
    assert (right.progress("lines/0"), right.progress("lines/1"), numbers(right)) == (2, 1, [0, 1, 2])


def test_the_log_keeps_statistics_of_the_chosen_columns_only(tmp_path: Path) -> None:
    raw = table(tmp_path)
    people = pl.DataFrame({"number": [1, 2], "name": ["Ada Lovelace", "Alan Turing"]})
    raw.append(people.clear(), provenance=BY)
    raw.append(people, provenance=BY, stats_columns=["number"])
    DeltaTable(raw.uri).create_checkpoint()
    logs = b"".join(path.read_bytes() for path in (Path(raw.uri) / "_delta_log").iterdir())
    assert b"Lovelace" not in logs
    assert b"Turing" not in logs
    assert raw.files(where=[("number", ">", 2)]) == []


def test_a_table_that_is_not_there_says_what_to_do(tmp_path: Path) -> None:
    raw = table(tmp_path)
    for use in (raw.version, raw.count, raw.schema, raw.read, raw.files, raw.history):
        with pytest.raises(MissingTableError, match=r"no table raw/lines .* materialize"):
            use()


def test_a_version_that_is_not_there_is_refused(tmp_path: Path) -> None:
    raw = table(tmp_path)
    raw.append(numbered(0, 4), provenance=BY)
    with pytest.raises(MissingTableError, match="has no version 9: it has the versions 0 to 1"):
        raw.read(version=9)
