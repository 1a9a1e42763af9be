"""Frozen row-wise SQL that runs again and again on small batches, in a connection that is kept."""

from __future__ import annotations

import duckdb
import polars as pl

from mlinfra_assets.curated.row_wise import BATCH, connect


class KeptModel:
    """A row-wise model's SQL, ready to run. Used by one thread.

    Args:
        sql: SQL that reads from `BATCH` alone.
    """

    def __init__(self, sql: str) -> None:
        self._sql = sql
        self._connection: duckdb.DuckDBPyConnection = connect()

    def run(self, rows: pl.DataFrame) -> pl.DataFrame:
        """The model's rows for these rows of the source, in their order; as `row_wise.run`."""
        self._connection.register(BATCH, rows.to_arrow())
        try:
            return pl.DataFrame(self._connection.sql(self._sql).to_arrow_table())
        finally:
            self._connection.unregister(BATCH)

    def close(self) -> None:
        """Let go of the connection."""
        self._connection.close()
