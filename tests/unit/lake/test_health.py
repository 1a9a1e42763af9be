from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from mlinfra_assets.lake import health
from mlinfra_assets.lake.errors import ForeignFormatError, LakeCorruptError
from mlinfra_assets.lake.table import LakeTable
from tests.support.lake_rows import BY, numbered, numbers, table


@pytest.fixture
def raw(tmp_path: Path) -> LakeTable:
    made = table(tmp_path)
    for batch in range(4):
        progress = {"lines/0": (None if batch == 0 else batch - 1, batch)}
        made.append(numbered(batch, batch), provenance=BY, advance=progress)
    return made


def commit_file(raw: LakeTable, version: int) -> Path:
    return health.log_file(Path(raw.uri), version)


def cut(path: Path, share: float) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])


def test_every_commit_is_confirmed(raw: LakeTable) -> None:
    assert health.confirmed(Path(raw.uri)) == raw.version() == 4


@pytest.mark.parametrize("share", [0.0, 0.5, 0.99])
def test_a_torn_last_commit_that_was_never_confirmed_can_be_deleted(
    raw: LakeTable, tmp_path: Path, share: float
) -> None:
    (Path(raw.uri) / health.CONFIRMED).write_text(f"{3:020d}")
    cut(commit_file(raw, 4), share)
    reopened = table(tmp_path)
    for use in (
        reopened.version,
        reopened.read,
        lambda: reopened.append(numbered(9, 9), provenance=BY, advance={"lines/0": (2, 3)}),
    ):
        with pytest.raises(LakeCorruptError, match="never confirmed to anyone: delete that file and run again"):
            use()
    commit_file(raw, 4).unlink()
    assert reopened.progress("lines/0") == 2
    reopened.append(numbered(3, 3), provenance=BY, advance={"lines/0": (2, 3)})
    assert numbers(reopened) == [0, 1, 2, 3]


@pytest.mark.parametrize("share", [0.0, 0.5])
@pytest.mark.parametrize("version", [2, 4])
def test_a_torn_commit_that_was_confirmed_asks_for_a_copy(
    raw: LakeTable, tmp_path: Path, share: float, version: int
) -> None:
    cut(commit_file(raw, version), share)
    with pytest.raises(LakeCorruptError, match=rf"{version:020d}\.json is cut or empty.*restore the table's folder"):
        table(tmp_path).version()


def test_a_lost_commit_is_noticed(raw: LakeTable, tmp_path: Path) -> None:
    commit_file(raw, 4).unlink()
    with pytest.raises(LakeCorruptError, match="ends at version 3, but version 4 had reached the disk"):
        table(tmp_path).progress("lines/0")


def test_an_open_table_notices_a_torn_commit_too(raw: LakeTable, tmp_path: Path) -> None:
    other = table(tmp_path)
    assert other.version() == 4
    raw.append(numbered(4, 4), provenance=BY)
    cut(commit_file(raw, 5), 0.5)
    with pytest.raises(LakeCorruptError, match="is cut or empty"):
        other.version()


def test_a_torn_checkpoint_can_be_deleted(raw: LakeTable, tmp_path: Path) -> None:
    raw.checkpoint()
    checkpoint = next((Path(raw.uri) / "_delta_log").glob("*.checkpoint.parquet"))
    cut(checkpoint, 0.0)
    with pytest.raises(LakeCorruptError, match="all commits are there: delete it and"):
        table(tmp_path).version()
    checkpoint.unlink()
    (checkpoint.parent / "_last_checkpoint").unlink()
    assert numbers(table(tmp_path)) == [0, 1, 2, 3]


@pytest.mark.parametrize("share", [0.0, 0.5, None])
def test_a_torn_data_file_is_named(raw: LakeTable, share: float | None) -> None:
    broken = Path(raw.files()[2])
    if share is None:
        broken.unlink()
    else:
        cut(broken, share)
    with pytest.raises(LakeCorruptError, match=f"data files are damaged: {broken}"):
        raw.read()
    assert raw.read(where=[("number", "==", 0)]).height == 1


def test_without_the_confirmed_number_a_sound_table_opens(raw: LakeTable, tmp_path: Path) -> None:
    (Path(raw.uri) / health.CONFIRMED).write_text("")
    assert table(tmp_path).version() == 4
    (Path(raw.uri) / health.CONFIRMED).unlink()
    assert table(tmp_path).version() == 4
    raw.append(numbered(9, 9), provenance=BY)
    assert health.confirmed(Path(raw.uri)) == 5


def test_text_with_line_separators_is_no_damage(tmp_path: Path) -> None:
    texts = ["a\x85b", "c\u2028d", "e\u2029", "f\x1c", "g\r\nh"]
    notes = table(tmp_path)
    for text in texts:
        notes.append(pl.DataFrame({"text": [text], "part": [text]}), provenance=BY, partition_by=["part"])
    assert sorted(table(tmp_path).read()["part"]) == sorted(texts)
    cut(commit_file(notes, notes.version()), 0.0)
    with pytest.raises(LakeCorruptError, match=rf"{notes.version():020d}\.json is cut or empty"):
        table(tmp_path).read()


def test_a_table_with_deletion_vectors_is_refused(raw: LakeTable, tmp_path: Path) -> None:
    protocol = (
        '{"protocol":{"minReaderVersion":3,"minWriterVersion":7,"readerFeatures":["deletionVectors"],'
        '"writerFeatures":["deletionVectors"]}}\n'
    )
    commit_file(raw, 5).write_text(protocol)
    with pytest.raises(ForeignFormatError, match="deletion vectors"):
        table(tmp_path).read()


def test_a_file_that_holds_no_row_group_reads(tmp_path: Path) -> None:
    raw = table(tmp_path)
    raw.append(pl.DataFrame({"number": pl.Series([], dtype=pl.Int64)}), provenance=BY, advance={"a": (None, 1)})
    assert raw.read().height == 0
