"""Epochs of a table's progress: a restore takes rows back, but not the transaction versions that say how far it came.

So what follows a restore is counted under application ids of its own, which carry the version of the restore. Until a
commit states progress under them, the progress is that of the version that was restored: what was rolled back comes in
again, once.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from deltalake import DeltaTable

from mlinfra_assets.lake import log
from mlinfra_assets.lake.provenance import PREFIX

EPOCH = PREFIX + "epoch"
"""Key in the metadata of every commit that states progress: version of the newest restore that it knew of, or 0."""
RESTORE = "RESTORE"


def application(app: str, epoch: int) -> str:
    """The name that an application id has in an epoch."""
    return f"{app}@{epoch}" if epoch else app


def newest(handle: DeltaTable, version: int) -> int:
    """Version of the newest restore at or before `version`, 0 if there is none."""
    for raw in log.backwards(handle, version):
        if raw.get("operation") == RESTORE:
            return int(raw["version"])
        if EPOCH in raw:
            return int(raw[EPOCH])
    return 0


def restored(handle: DeltaTable, raw: dict[str, Any]) -> int:
    """The version that a restore went back to; `raw` is what the log says of it."""
    parameters = raw["operationParameters"]
    if parameters.get("version") is not None:
        return int(parameters["version"])
    moment = datetime.fromtimestamp(int(parameters["datetime"]) / 1000, UTC)
    past = DeltaTable(handle.table_uri, storage_options=handle._storage_options)  # noqa: SLF001 - the same table again
    past.load_as_version(moment)
    return past.version()
