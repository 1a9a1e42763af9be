"""What the change history holds of the rows that new changes are about."""

from __future__ import annotations

import polars as pl

from mlinfra_assets import names
from mlinfra_assets.contracts.added_fields import LSN, OP, TRUNCATE
from mlinfra_assets.contracts.row_changes import Earlier
from mlinfra_assets.contracts.source import Source
from mlinfra_assets.lake.lake import Lake


def earlier_changes(lake: Lake, source: Source) -> Earlier:
    """Gives the earlier changes that concern new ones.

    These are the present rows with their keys, and what the history holds from the place in the database's log on
    where the new ones begin: only there can one of them stand already. In the usual case that is nothing, which the
    files' statistics say. A truncate concerns every row.

    Args:
        lake: Where the tables are; the current state has to be up to date.
        source: The source; its messages are changes.
    """
    history = lake.table(names.table(*names.processed(source.name)))
    state = lake.table(names.table(*names.current(source.name)))

    def earlier(touched: pl.DataFrame) -> pl.DataFrame:
        if touched.is_empty() or not history.exists():
            return pl.DataFrame(schema=source.contract.polars_schema())
        keys = touched.select(source.contract.primary_key).unique()
        empties = bool((touched[OP] == TRUNCATE).any())
        since = touched[LSN].min()
        found = [] if since is None else [history.read(where=[(LSN, ">=", since)])]
        if state.exists():
            rows = state.scan()
            mine = rows if empties else rows.join(keys.lazy(), on=list(source.contract.primary_key), how="semi")
            found.append(mine.collect())
        rows = pl.concat(found, how="diagonal") if found else history.read().clear()
        rows = rows.unique([names.PARTITION, names.OFFSET, names.ROW, names.RELEASE])
        if empties:
            return rows
        mine = rows.join(keys, on=list(source.contract.primary_key), how="semi")
        truncates = rows.filter(pl.col(OP) == TRUNCATE).unique(LSN)
        return pl.concat([mine, truncates]).unique([names.PARTITION, names.OFFSET, names.ROW, names.RELEASE])

    return earlier
