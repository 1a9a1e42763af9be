"""What a processed table holds of the keys of new records."""

from __future__ import annotations

import polars as pl

from mlinfra_assets.contracts.contract import Contract
from mlinfra_assets.contracts.coordinates import compared
from mlinfra_assets.contracts.row_changes import Earlier
from mlinfra_assets.lake.table import LakeTable


def known_rows(contract: Contract, processed: LakeTable) -> Earlier:
    """Gives the rows with the same primary keys as new ones: read as a stream, so that a large table does no harm."""

    def known(rows: pl.DataFrame) -> pl.DataFrame:
        keys = list(contract.primary_key)
        wanted = rows.lazy().select(keys).unique()
        found = processed.scan(columns=compared(contract))
        return found.join(wanted, on=keys, how="semi", nulls_equal=True).collect(engine="streaming")

    return known
