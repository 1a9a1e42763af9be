"""A landing folder yields complete new files, oldest first."""

from __future__ import annotations

import os
from hashlib import blake2b
from pathlib import Path

import pytest

from mlinfra_assets.connectors.files import new_files
from mlinfra_assets.contracts.source import FilesIngest
from mlinfra_assets.errors import InvalidInputError, UnavailableError

ZIPS = FilesIngest("*.zip", max_bytes=1000)


def put(folder: Path, name: str, content: bytes, second: int = 0) -> None:
    (folder / name).write_bytes(content)
    os.utime(folder / name, (second, second))


def test_new_files_come_oldest_first_with_their_hash(tmp_path: Path) -> None:
    for name, second in (("b.zip", 10), ("a.zip", 20), ("d.zip", 5), ("c.zip", 5)):
        put(tmp_path, name, name.encode(), second)
    files = new_files(str(tmp_path), ZIPS, set())
    assert [f.name for f in files] == ["c.zip", "d.zip", "b.zip", "a.zip"]
    assert files[0].content == b"c.zip"
    assert files[0].content_hash == blake2b(b"c.zip", digest_size=16).hexdigest()


def test_a_held_file_is_left_alone_until_its_bytes_change(tmp_path: Path) -> None:
    put(tmp_path, "a.zip", b"one")
    held = {(f.name, f.content_hash) for f in new_files(str(tmp_path), ZIPS, set())}
    assert new_files(str(tmp_path), ZIPS, held) == []
    put(tmp_path, "a.zip", b"two")
    assert [f.content for f in new_files(str(tmp_path), ZIPS, held)] == [b"two"]


def test_what_is_incomplete_or_foreign_is_left_alone(tmp_path: Path) -> None:
    for name in ("a.zip.part", ".a.zip", "a.csv", "b.zip~", "c.tmp"):
        put(tmp_path, name, b"x")
    put(tmp_path, "empty.zip", b"")
    (tmp_path / "folder.zip").mkdir()
    (tmp_path / "link.zip").symlink_to("/etc/hostname")
    os.mkfifo(tmp_path / "pipe.zip")
    assert new_files(str(tmp_path), ZIPS, set()) == []
    assert [f.name for f in new_files(str(tmp_path), FilesIngest("*"), set())] == ["a.csv"]


def test_no_folder_holds_nothing(tmp_path: Path) -> None:
    assert new_files(str(tmp_path / "none"), ZIPS, set()) == []


def test_a_file_in_place_of_the_folder_is_an_error(tmp_path: Path) -> None:
    put(tmp_path, "landing", b"x")
    with pytest.raises(UnavailableError, match="cannot be read"):
        new_files(str(tmp_path / "landing"), ZIPS, set())


def test_a_file_that_is_too_large_is_refused_with_what_to_do(tmp_path: Path) -> None:
    put(tmp_path, "a.zip", b"x" * 1001)
    with pytest.raises(
        InvalidInputError, match=r"a\.zip has 1,001 bytes, more than the 1,000 .* raise ingest\.maxBytes"
    ):
        new_files(str(tmp_path), ZIPS, set())


def test_a_file_that_changes_after_it_was_listed_is_not_taken(tmp_path: Path) -> None:
    put(tmp_path, "a.zip", b"one")
    file = new_files(str(tmp_path), ZIPS, set())[0]
    put(tmp_path, "a.zip", b"two")
    with pytest.raises(UnavailableError, match="was changed while it was read"):
        _ = file.content
    (tmp_path / "a.zip").unlink()
    with pytest.raises(UnavailableError, match="cannot be read"):
        _ = file.content
