"""Corrections of quarantined records, many at a time: as a file holds them, and what becomes of each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from mlinfra_assets import names
from mlinfra_assets.connectors.json_lines import to_text
from mlinfra_assets.contracts.changes import typed_changes
from mlinfra_assets.contracts.held import Position, Release
from mlinfra_assets.contracts.protected import shown_reason
from mlinfra_assets.contracts.source import FilesIngest, Source
from mlinfra_assets.errors import InvalidInputError

MOST = 100_000
"""Most corrections of one file."""
LONGEST_LINE = 4 * 1024 * 1024


@dataclass(frozen=True)
class Correction:
    """How one record is to be let in.

    Attributes:
        position: Where it stands.
        record: The whole record, by the fields' own names or the producer's; None: the one that raw holds.
        changes: Values, as text, to set in it, by field.
    """

    position: Position
    record: Mapping[str, Any] | None = None
    changes: Mapping[str, str] = field(default_factory=dict)

    def payload(self, source: Source, as_it_was: Mapping[str, Any] | None) -> bytes | None:
        """The record as it is to be let in, as a JSON message; None: as it was.

        Args:
            source: Its source.
            as_it_was: What raw holds, by the producer's names; None: it cannot be decoded.

        Raises:
            InvalidInputError: A change names no field, or a record of a file cannot be read at all.
        """
        if self.record is None and not self.changes:
            return None
        if as_it_was is None and isinstance(source.ingest, FilesIngest):
            raise InvalidInputError(
                f"{source.name} {self.position} cannot be read at all, so there is nothing to correct: put the whole "
                "file into the landing folder again"
            )
        producers = {f.name: f.physical_name for f in source.contract.fields}
        base = (as_it_was or {}) if self.record is None else {producers.get(k, k): v for k, v in self.record.items()}
        return to_text({**base, **typed_changes(source.contract, self.changes)}).encode()


@dataclass(frozen=True)
class Refused:
    """A record that is not let in.

    Attributes:
        position: Where it stands.
        why: Each reason.
    """

    position: Position
    why: str


@dataclass(frozen=True)
class Corrected:
    """What became of corrections.

    Attributes:
        released: The decisions that were recorded; of a dry run those that would be, without numbers.
        already: Records that were let in just so before, with the number of their release.
        refused: Records that are not let in, and why.
    """

    released: tuple[Release, ...]
    already: tuple[tuple[Position, int], ...]
    refused: tuple[Refused, ...]


def unknown(source: str, position: Position) -> str:
    """What is said of a position that nothing is quarantined at."""
    return f"nothing is quarantined at {position} of {source}: `mlinfra quarantine list {source}` shows what is"


def broken(source: Source, row: Mapping[str, Any]) -> Refused:
    """What is said of a corrected record that the contract does not let pass; `row` is of `QUARANTINE_SCHEMA`."""
    position = Position(row[names.PARTITION], row[names.OFFSET], row[names.ROW])
    listed = "; ".join(_said(shown_reason(source.contract, reason)) for reason in row["reasons"])
    return Refused(
        position,
        f"{source.name} {position} would still break the contract: {listed}. Correct these fields with the release, or "
        "change the contract",
    )


def read_corrections(path: Path) -> list[Correction]:
    """The corrections of a JSON-lines file: `{"position": "0:17:0", "record": {...}}`, or `"set": {"field": "value"}`.

    A line with the position alone lets the record in as it was.

    Raises:
        InvalidInputError: The file cannot be read, a line is none of these, or a position comes twice.
    """
    corrections: list[Correction] = []
    seen: set[Position] = set()
    for number, line in _lines(path):
        where = f"{path}, line {number}"
        correction = _parsed(line, where)
        if correction.position in seen:
            raise InvalidInputError(f"{where}: position {correction.position} comes a second time; keep one of them")
        seen.add(correction.position)
        corrections.append(correction)
        if len(corrections) > MOST:
            raise InvalidInputError(f"{path} holds more than {MOST:,} corrections: divide it")
    return corrections


def _lines(path: Path) -> Iterator[tuple[int, bytes]]:
    try:
        with path.open("rb") as file:
            number = 0
            while line := file.readline(LONGEST_LINE):
                number += 1
                if len(line) == LONGEST_LINE:
                    raise InvalidInputError(f"{path}, line {number}: longer than {LONGEST_LINE:,} bytes")
                if line.strip():
                    yield number, line
    except OSError as error:
        raise InvalidInputError(f"{path} cannot be read: {error.strerror or error}") from error


def _parsed(line: bytes, where: str) -> Correction:
    try:
        found = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise InvalidInputError(f"{where}: not JSON ({error})") from error
    if not isinstance(found, dict) or not isinstance(found.get("position"), str):
        raise InvalidInputError(f'{where}: expected an object with "position": "partition:offset:row"')
    strange = sorted(found.keys() - {"position", "record", "set"})
    if strange or ("record" in found and "set" in found):
        raise InvalidInputError(f'{where}: beside "position" there is "record" or "set", not {", ".join(found)}')
    record, changes = found.get("record"), found.get("set", {})
    if not isinstance(record, dict | None) or not isinstance(changes, dict):
        raise InvalidInputError(f'{where}: "record" and "set" are objects, field to value')
    try:
        position = Position.parse(found["position"])
    except InvalidInputError as error:
        raise InvalidInputError(f"{where}: {error}") from error
    return Correction(position, record, {name: _text(value) for name, value in changes.items()})


def _said(reason: Mapping[str, str | None]) -> str:
    value = "" if reason["value"] is None else f" ({reason['value']})"
    return f"{reason['field'] or 'record'}{value}: {reason['message']}"


def _text(value: object) -> str:
    return value if isinstance(value, str) else orjson.dumps(value).decode()
