"""Which versions of a table can be read: what cleanups have removed stands in the commits that they made."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import takewhile
from typing import Any

from deltalake import DeltaTable

from mlinfra_assets.clock import from_micros
from mlinfra_assets.lake import log

OLDEST, KEPT = "mlinfra.oldest_readable", "mlinfra.kept_versions"
END = "VACUUM END"


@dataclass(frozen=True)
class Readable:
    """Which versions of a table can be read.

    Attributes:
        oldest: This one and all later ones can.
        kept: Older ones that can as well.
        cleaned_at: When files were last removed, UTC; None: never.
    """

    oldest: int = 0
    kept: frozenset[int] = frozenset()
    cleaned_at: datetime | None = None

    def holds(self, version: int) -> bool:
        """Whether all files of a version were left where they are."""
        return version >= self.oldest or version in self.kept


def newest(handle: DeltaTable, after: int, known: Readable) -> Readable:
    """The versions that can be read, as the newest cleanup after version `after` says; `known` if there was none."""
    for entry in back(handle, after):
        if entry.get("operation") == END and OLDEST in entry:
            kept = frozenset(int(v) for v in str(entry[KEPT]).split(",") if v)
            return Readable(int(entry[OLDEST]), kept, at(entry))
    return known


def back(handle: DeltaTable, after: int) -> Iterator[dict[str, Any]]:
    """What the log says of the commits past version `after`, newest first."""
    return takewhile(lambda entry: entry["version"] > after, log.backwards(handle, handle.version()))


def at(entry: Mapping[str, Any]) -> datetime:
    """When a commit was made, UTC."""
    return from_micros(int(entry["timestamp"]) * 1000)
