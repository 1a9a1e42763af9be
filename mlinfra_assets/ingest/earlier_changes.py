"""What the change history holds of the rows that new changes are about."""

from __future__ import annotations

import polars as pl

from mlinfra_assets import names
from mlinfra_assets.connectors.debezium import decode_key
from mlinfra_assets.contracts.added_fields import LSN, OP, TRUNCATE
from mlinfra_assets.contracts.columns import typed_column
from mlinfra_assets.contracts.contract import FieldType
from mlinfra_assets.contracts.row_changes import Earlier
from mlinfra_assets.contracts.source import Source
from mlinfra_assets.lake.lake import Lake


def earlier_changes(lake: Lake, source: Source) -> Earlier:
    """Gives the earlier changes that concern new ones.

    These are the present rows with their keys, their changes that are in quarantine (by key and place alone), and what
    the history holds from the place in the database's log on where the new ones begin: only there can one of them stand
    already. In the usual case that is nothing, which the files' statistics say. A truncate concerns every row.

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
        set_aside = _set_aside(lake, source).join(keys, on=list(source.contract.primary_key), how="semi")
        concern = pl.concat([mine, truncates, set_aside], how="diagonal")
        return concern.unique([names.PARTITION, names.OFFSET, names.ROW, names.RELEASE])

    return earlier


def _set_aside(lake: Lake, source: Source) -> pl.DataFrame:
    """The changes that are in quarantine: the row's key, and where the change stands."""
    keys = [source.contract.field(name) for name in source.contract.primary_key]
    quarantine = lake.table(names.table(*names.quarantine(source.name)))
    releases = lake.table(names.table(*names.releases(source.name)))
    places = quarantine.read(columns=[names.PARTITION, names.OFFSET]).unique()
    places = places.rename({names.PARTITION: "partition", names.OFFSET: "offset"})
    if releases.exists():
        places = places.join(releases.read(columns=["partition", "offset"]), on=["partition", "offset"], how="anti")
    raw = lake.table(names.table(*names.raw(source.name)))
    if places.is_empty() or not raw.exists():
        return pl.DataFrame(schema={f.name: f.polars_type() for f in keys})
    told = raw.scan(columns=["partition", "offset", "known_at", "key"])
    told = told.join(places.lazy(), on=["partition", "offset"], how="semi").collect()
    kinds: dict[str, FieldType] = {f.physical_name: f.type for f in keys}
    decoded = [decode_key(key, kinds) for key in told["key"]]
    columns = [typed_column(source.contract, f, [key.get(f.physical_name) for key in decoded]).series for f in keys]
    return pl.DataFrame(columns).with_columns(
        told["known_at"].alias(names.KNOWN_AT),
        told["partition"].alias(names.PARTITION),
        told["offset"].alias(names.OFFSET),
        pl.lit(0, dtype=pl.Int64).alias(names.ROW),
        pl.lit(None, dtype=pl.Int64).alias(names.RELEASE),
    )
