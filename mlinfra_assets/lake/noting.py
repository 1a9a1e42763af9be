"""A commit without rows: what is known of a table has changed, what it holds has not."""

from __future__ import annotations

from mlinfra_assets.lake.committing import commit_properties, until_committed
from mlinfra_assets.lake.opened import OpenedTable
from mlinfra_assets.lake.provenance import Provenance


def note(opened: OpenedTable, provenance: Provenance) -> int:
    """Commit a provenance alone; returns the version that carries it.

    Raises:
        MissingTableError: The table does not exist.
        WriteConflictError: Other writers were faster again and again.
    """

    def attempt() -> int:
        handle = opened.latest()
        before = handle.version()
        handle.create_write_transaction(
            [],
            mode="append",
            schema=handle.schema(),
            partition_by=handle.metadata().partition_columns,
            commit_properties=commit_properties(provenance, {}),
        )
        handle.update_incremental()
        opened.confirm(before, handle.version())
        return handle.version()

    return until_committed(opened, attempt)
