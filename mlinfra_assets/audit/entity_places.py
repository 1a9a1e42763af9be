"""Which raw records the rows of some entities come from, so that a replay of one prediction reads no others."""

from __future__ import annotations

import polars as pl

from mlinfra_assets import names
from mlinfra_assets.contracts.source import FilesIngest, Source
from mlinfra_assets.curated.row_wise import run
from mlinfra_assets.feature_store.registry import ViewDocument
from mlinfra_assets.lake.lake import Lake
from mlinfra_assets.positions import Positions


def entity_places(
    lake: Lake, source: Source, document: ViewDocument, entities: pl.DataFrame, upto: Positions
) -> pl.DataFrame | None:
    """Partition and offset of the records that processed has of some entities, up to a watermark.

    What these records hold is not taken from there, but from raw. A record that processed lacks is not found so: the
    audit, which reads all of raw, finds it.

    Args:
        lake: Where the tables are.
        source: The source as it is declared now.
        document: The view's version: its frozen SQL says whose a record is.
        entities: Join keys.
        upto: The watermark.

    Returns:
        None if every record has to be read: rows replace each other, are changes of others, or are parts of files.
    """
    contract, view = source.contract, document.view
    replaces = contract.primary_key or contract.deletes or view.dataset.primary_key or document.contract["primary_key"]
    table = lake.table(names.table(*names.processed(source.name)))
    if replaces or isinstance(source.ingest, FilesIngest) or not table.exists():
        return None
    keys = list(view.join_keys)
    wanted = entities.select(keys).unique()
    chosen = ", ".join(f'"{column}"' for column in (*keys, names.PARTITION, names.OFFSET))
    furthest = max(upto.offsets.values(), default=-1)
    found = [pl.DataFrame(schema={"partition": pl.Int32(), "offset": pl.Int64()})]
    for rows in table.batches(where=[(names.OFFSET, "<=", furthest)]):
        staged = rows if document.sql is None else run(f"select {chosen} from ({document.sql})", rows)  # noqa: S608
        mine = staged.join(wanted, on=keys, how="semi")
        found.append(
            mine.select(pl.col(names.PARTITION).cast(pl.Int32).alias("partition"), pl.col(names.OFFSET).alias("offset"))
        )
    return pl.concat(found).unique().sort("partition", "offset")
