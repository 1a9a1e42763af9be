"""Tables whose rows are numbered from 1 on, one commit a row, whoever writes."""

from __future__ import annotations

from collections.abc import Callable

import polars as pl

from mlinfra_assets.lake.provenance import Provenance
from mlinfra_assets.lake.table import LakeTable, ProgressConflictError


def ensure(table: LakeTable, schema: pl.Schema, provenance: Provenance) -> None:
    """Make a table exist, empty, so that whoever reads it needs no special case."""
    if not table.exists():
        table.append(pl.DataFrame(schema=schema), provenance=provenance)


def append_numbered(table: LakeTable, row: Callable[[int], pl.DataFrame | None], provenance: Provenance) -> bool:
    """Append one numbered row, again from what the table then says if another writer was faster.

    Columns that the table does not have yet are added: older rows hold null.

    Args:
        table: The table.
        row: The row of a number; None: there is nothing to write any more.
        provenance: Kept in the commit.
    """
    app = table.name
    while True:
        done = table.progress(app)
        frame = row((done or 0) + 1)
        if frame is None:
            return False
        try:
            advance = {app: (done, (done or 0) + 1)}
            table.append(frame, provenance=provenance, advance=advance, schema_mode="merge")
        except ProgressConflictError:
            continue
        return True
