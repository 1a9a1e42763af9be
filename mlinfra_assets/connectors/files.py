"""A landing folder: which of its files have arrived completely and are new."""

from __future__ import annotations

import stat
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from fnmatch import fnmatchcase
from hashlib import blake2b
from pathlib import Path

from mlinfra_assets.contracts.source import FilesIngest
from mlinfra_assets.errors import InvalidInputError, UnavailableError

UNFINISHED = (".part", ".partial", ".tmp", ".crdownload", ".filepart", "~")
CHUNK = 1024 * 1024


@dataclass(frozen=True)
class ArrivedFile:
    """A file that stands in a landing folder.

    Attributes:
        name: Its name within the folder.
        path: Where it is.
        size: Its size in bytes.
        content_hash: BLAKE2b-128 of its bytes, in hexadecimal.
    """

    name: str
    path: Path
    size: int
    content_hash: str

    @property
    def content(self) -> bytes:
        """Its bytes.

        Raises:
            UnavailableError: It is gone, or was changed since it was listed.
        """
        try:
            content = self.path.read_bytes()
        except OSError as error:
            raise UnavailableError(f"{self.path} cannot be read ({error.strerror}): put it back") from error
        if blake2b(content, digest_size=16).hexdigest() != self.content_hash:
            raise UnavailableError(
                f"{self.path} was changed while it was read: write it under another name, then rename"
            )
        return content


def new_files(folder: str, ingest: FilesIngest, held: AbstractSet[tuple[str, str]]) -> list[ArrivedFile]:
    """Files of a landing folder that are not held yet, oldest first (by time of change, then by name).

    Left alone are empty files, links, names that start with a dot or end as a file still being written does
    (`.part`, `.tmp` and the like), and files that change while they are read.

    Args:
        folder: The landing folder; one that does not exist holds nothing.
        ingest: Names and size of the files that are accepted.
        held: Name and content hash of the files that are held.

    Raises:
        InvalidInputError: A file is larger than the source takes.
        UnavailableError: The folder cannot be read.
    """
    try:
        paths = sorted(Path(folder).iterdir())
    except FileNotFoundError:
        return []
    except OSError as error:
        raise UnavailableError(f"the landing folder {folder} cannot be read: {error.strerror}") from error
    found: list[tuple[int, ArrivedFile]] = []
    for path in paths:
        if not fnmatchcase(path.name, ingest.pattern) or path.name.startswith(".") or path.name.endswith(UNFINISHED):
            continue
        arrived = _arrived(path, ingest.max_bytes)
        if arrived is not None and (arrived[1].name, arrived[1].content_hash) not in held:
            found.append(arrived)
    return [file for _, file in sorted(found, key=lambda entry: (entry[0], entry[1].name))]


def _arrived(path: Path, most: int) -> tuple[int, ArrivedFile] | None:
    """Time of change (nanoseconds) and the file; None if it is not complete."""
    try:
        before = path.lstat()
        if not stat.S_ISREG(before.st_mode) or before.st_size == 0:
            return None
        if before.st_size > most:
            raise InvalidInputError(
                f"{path} has {before.st_size:,} bytes, more than the {most:,} that its source takes: split it, or "
                "raise ingest.maxBytes in the source's declaration"
            )
        digest = blake2b(digest_size=16)
        with path.open("rb") as file:
            while chunk := file.read(CHUNK):
                digest.update(chunk)
        after = path.lstat()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise UnavailableError(f"{path} cannot be read: {error.strerror}") from error
    if (before.st_size, before.st_mtime_ns, before.st_ino) != (after.st_size, after.st_mtime_ns, after.st_ino):
        return None
    return after.st_mtime_ns, ArrivedFile(path.name, path, after.st_size, digest.hexdigest())
