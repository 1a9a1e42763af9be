"""What a table's log says of each version, read from the very file of that version.

Delta's own `history()` reads the newest files and numbers them down from the version of its handle: on a handle that
another writer has left behind, every entry stands under a wrong number.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import islice
from typing import Any

from deltalake import DeltaTable
from deltalake.fs import DeltaStorageHandler


def backwards(handle: DeltaTable, version: int) -> Iterator[dict[str, Any]]:
    """What the commits say of themselves, from `version` down, with their `version`."""
    storage = DeltaStorageHandler(handle.table_uri, handle._storage_options)  # noqa: SLF001 - the same table again
    for number in range(version, -1, -1):
        try:
            with storage.open_input_file(f"_delta_log/{number:020d}.json") as file:
                commit = bytes(file.read())
        except FileNotFoundError:
            return
        yield {**_said(commit), "version": number}


def newest(handle: DeltaTable, limit: int | None = None) -> list[dict[str, Any]]:
    """The same of the newest versions up to that of the handle, at most so many."""
    return list(islice(backwards(handle, handle.version()), limit))


def _said(commit: bytes) -> dict[str, Any]:
    for line in commit.split(b"\n"):
        if b'"commitInfo"' in line and (said := json.loads(line).get("commitInfo")):
            return said
    return {}
