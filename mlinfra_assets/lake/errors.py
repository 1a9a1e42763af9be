"""What can go wrong with a table, said so that a person can act on it."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime

from deltalake.exceptions import CommitFailedError, DeltaError

from mlinfra_assets.errors import InvalidInputError, MlinfraError, UnavailableError

DISK_FULL = ("no space left on device", "os error 28", "disk quota exceeded", "os error 122")
UNREACHABLE = ("error sending request", "generic s3 error", "connection refused", "timed out", "dns error")


class SchemaMismatchError(InvalidInputError):
    """Data whose columns or types are not those of the table. Nothing was written."""


class ProgressConflictError(MlinfraError):
    """A table has come further, or less far, than the writer believed. Nothing was written.

    Attributes:
        table: The table's name.
        expected: Progress that the writer believed in, by application id.
        found: Progress that the table states, of the same ids.
    """

    def __init__(self, table: str, expected: Mapping[str, int | None], found: Mapping[str, int | None]) -> None:
        self.table = table
        self.expected = dict(expected)
        self.found = dict(found)
        differing = ", ".join(f"{app}: {found[app]} (expected {expected[app]})" for app in sorted(expected))
        super().__init__(
            f"table {table} is at another position than this writer: {differing}; "
            "nothing was written: read the table's progress and go on from there"
        )

    def __reduce__(self) -> tuple[type[ProgressConflictError], tuple[str, dict, dict]]:
        return (ProgressConflictError, (self.table, self.expected, self.found))


class MissingTableError(UnavailableError):
    """A table, or a version of it, that is not there."""


class RemovedVersionError(UnavailableError):
    """An old version of a table whose files maintenance has removed."""

    def __init__(self, table: str, version: int, oldest: int, at: datetime | None, kept: Collection[int]) -> None:
        also = f", and {', '.join(str(v) for v in sorted(kept))}" if kept else ""
        when = "" if at is None else f" on {at:%Y-%m-%d}"
        super().__init__(
            f"version {version} of table {table} cannot be read any more: maintenance{when} removed files that only "
            f"versions before {oldest} needed. Versions {oldest} and later can be read{also}. A table that only grows "
            "holds the same rows in its newest version; to keep versions longer, raise MLINFRA_TABLE_RETENTION_HOURS"
        )


class WriteConflictError(UnavailableError):
    """Other writers changed the same rows at the same time. Nothing was written; running again is safe."""


class LakeCorruptError(UnavailableError):
    """Files of a table are damaged; the message names them and says how to repair."""


class ForeignFormatError(InvalidInputError):
    """A table uses a Delta feature that plain Parquet readers would misread (deletion vectors, column mapping)."""


@contextmanager
def explained(table: str, uri: str) -> Iterator[None]:
    """Turn the storage's errors into ones that say what to do; leaves others, and commit conflicts, as they are.

    Raises:
        UnavailableError: The disk is full, or the object store cannot be reached.
    """
    try:
        yield
    except CommitFailedError:
        raise
    except (OSError, DeltaError) as error:
        text = str(error)
        lowered = text.lower()
        first = " ".join(text.split())[:200]
        if any(sign in lowered for sign in DISK_FULL):
            raise UnavailableError(
                f"no space left while writing table {table} at {uri}: nothing of this commit was kept and nothing that "
                f"was committed before is lost; free some space and run again ({first})"
            ) from error
        if any(sign in lowered for sign in UNREACHABLE):
            raise UnavailableError(
                f"the storage of table {table} at {uri} cannot be reached: check the address, the AWS_* variables and "
                f"the network, and run again ({first})"
            ) from error
        raise
