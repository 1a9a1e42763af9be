"""A CSV file alone in a zip: bytes to records, with everything capped while it is unpacked."""

from __future__ import annotations

import csv
import io
import struct
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from mlinfra_assets.contracts.source import FilesIngest
from mlinfra_assets.contracts.violation import Violation, shown

MAX_LINE = 1024 * 1024
MAX_RECORDS = 5_000_000


class UnreadableFileError(Exception):
    """A file that holds no records that could be read; `violation` says why."""

    def __init__(self, rule: str, message: str, value: str | None = None) -> None:
        super().__init__(message)
        self.violation = Violation(None, rule, value, message)


@dataclass(frozen=True)
class _Layout:
    """Which cells of a line make records: (position of the cell, its heading)."""

    width: int
    kept: tuple[tuple[int, str], ...]
    melted: tuple[tuple[int, str], ...]


def read_records(payload: bytes, ingest: FilesIngest, needed: Sequence[str]) -> Iterator[dict[str, object] | Violation]:
    """The records of a zipped CSV, in the file's order: a line, or a cell of a line where the table is melted.

    A line with another number of cells than the heading yields a violation in its place.

    Args:
        payload: The file's bytes.
        ingest: How lines become records, and the limits.
        needed: Fields that every record has to have.

    Raises:
        UnreadableFileError: The zip is torn, holds something else, unpacks to too much, or a column is missing.
    """
    lines = csv.reader(_lines(_unpack(payload, ingest.max_unpacked_bytes)), strict=True)
    try:
        layout = _layout(next(lines, []), ingest, needed)
        count = 0
        for cells in lines:
            if not cells:
                continue
            for record in _line(cells, layout, ingest, lines.line_num):
                count += 1
                if count > MAX_RECORDS:
                    raise UnreadableFileError("records", f"the file holds more than {MAX_RECORDS:,} records: split it")
                yield record
    except csv.Error as error:
        raise UnreadableFileError("CSV", f"not CSV at line {lines.line_num}: {error}") from error


def _unpack(payload: bytes, limit: int) -> str:
    try:
        with zipfile.ZipFile(io.BytesIO(payload)) as archive:
            members = [m for m in archive.infolist() if not m.is_dir()]
            if len(members) != 1:
                raise UnreadableFileError("zip", f"the zip holds {len(members)} files, expected one CSV file")
            with archive.open(members[0]) as member:
                content = member.read(limit + 1)
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, struct.error) as error:
        raise UnreadableFileError("zip", f"the zip is torn or is none: {error}") from error
    except (NotImplementedError, RuntimeError) as error:
        raise UnreadableFileError("zip", f"the zip cannot be unpacked: {error}") from error
    if len(content) > limit:
        raise UnreadableFileError("size", f"the file unpacks to more than {limit:,} bytes")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        found = shown(content[max(0, error.start - 20) : error.start + 20])
        raise UnreadableFileError("UTF-8", f"byte {error.start} of the file is not UTF-8", found) from error


def _lines(text: str) -> Iterator[str]:
    for line in io.StringIO(text, newline=""):
        if len(line) > MAX_LINE:
            raise UnreadableFileError("CSV", f"a line is longer than {MAX_LINE:,} characters")
        yield line


def _layout(heading: list[str], ingest: FilesIngest, needed: Sequence[str]) -> _Layout:
    names = [name.strip() for name in heading]
    width = len(names)
    if names and not names[-1]:
        names.pop()  # a line that ends in a comma has one more, empty cell
    found = ", ".join(names)
    if not all(names) or len(set(names)) < len(names) or not names:
        raise UnreadableFileError(
            "columns", "the heading is empty, or names a column twice or not at all", shown(found)
        )
    kept = ingest.melt.keep if ingest.melt else tuple(needed)
    missing = [name for name in kept if name not in names]
    if missing:
        raise UnreadableFileError("columns", f"the column {missing[0]!r} is missing", shown(found))
    positions = tuple((i, n) for i, n in enumerate(names))
    if ingest.melt is None:
        return _Layout(width, positions, ())
    return _Layout(width, tuple(p for p in positions if p[1] in kept), tuple(p for p in positions if p[1] not in kept))


def _line(
    cells: list[str], layout: _Layout, ingest: FilesIngest, number: int
) -> Iterator[dict[str, object] | Violation]:
    if len(cells) != layout.width:
        message = f"line {number} has {len(cells)} cells, the heading has {layout.width}"
        yield Violation(None, "cells", shown(",".join(cells)), message)
        return
    kept: dict[str, object] = {name: cells[i].strip() for i, name in layout.kept}
    melt = ingest.melt
    if melt is None:
        yield kept
        return
    for i, name in layout.melted:
        cell = cells[i].strip()
        if cell not in melt.skip:
            yield {**kept, melt.name: name, melt.value: cell}
