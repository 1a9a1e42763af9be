"""The columns of a quarantine table and of the record of what was released from it."""

from __future__ import annotations

import polars as pl

from mlinfra_assets import names
from mlinfra_assets.contracts.contract import TIMESTAMP

MAX_RECORD = 4096
REASON = pl.Struct({"field": pl.String(), "rule": pl.String(), "value": pl.String(), "message": pl.String()})
QUARANTINE_SCHEMA = pl.Schema(
    {
        names.KNOWN_AT: TIMESTAMP,
        names.PARTITION: pl.Int32(),
        names.OFFSET: pl.Int64(),
        names.ROW: pl.Int64(),
        names.CONTRACT: pl.String(),
        "reasons": pl.List(REASON),
        "record": pl.String(),
    }
)
RELEASES_SCHEMA = pl.Schema(
    {
        "number": pl.Int64(),
        "partition": pl.Int32(),
        "offset": pl.Int64(),
        "row": pl.Int64(),
        "payload": pl.Binary(),
        "released_at": TIMESTAMP,
        "released_by": pl.String(),
        "why": pl.String(),
    }
)
