"""Typed records that are changes of a table's rows: what they come to with what came before."""

from __future__ import annotations

import polars as pl

from mlinfra_assets.connectors.debezium import OLD_KEY, UNSENT
from mlinfra_assets.contracts.added_fields import LSN
from mlinfra_assets.contracts.columns import typed_column
from mlinfra_assets.contracts.contract import Contract
from mlinfra_assets.contracts.row_changes import Earlier, ResolvedChanges, resolve, touched
from mlinfra_assets.contracts.source import Source, StreamIngest
from mlinfra_assets.contracts.typed_records import TypedRecords
from mlinfra_assets.contracts.unsent_values import NUMBER, Unsent


def resolved_changes(
    source: Source, records: TypedRecords, origin: pl.DataFrame, latest: pl.DataFrame | Earlier | None
) -> ResolvedChanges | None:
    """What records that are changes come to; None: they are none. What is not known is added to `records.broken`.

    Args:
        source: Says whether its messages are changes.
        records: The records.
        origin: For each: `known_at`, `partition`, `offset`, `row`, `release`.
        latest: The changes so far, or what finds those that concern others; None: there are none.
    """
    contract = source.contract
    if not isinstance(source.ingest, StreamIngest) or not source.ingest.changes:
        return None
    moved = _moved(contract, records)
    if latest is None:
        earlier = pl.DataFrame(schema=contract.polars_schema())
    else:
        earlier = latest if isinstance(latest, pl.DataFrame) else latest(touched(contract, records.values, moved))
    columns = {f.physical_name: f.name for f in contract.fields}
    unsent = {
        number: [columns[name] for name in names if name in columns]
        for number, record in records.written.items()
        if isinstance(names := record.get(UNSENT), list)
    }
    return resolve(contract, records.values, origin, Unsent(unsent, moved), earlier, records.broken)


def _moved(contract: Contract, records: TypedRecords) -> pl.DataFrame:
    """The records whose row had another key before, with that key and their place in the database's log."""
    found = [(n, key) for n, record in records.written.items() if isinstance(key := record.get(OLD_KEY), dict)]
    numbers = pl.Series(NUMBER, [n for n, _ in found], dtype=pl.Int64)
    keys = [contract.field(name) for name in contract.primary_key]
    columns = [typed_column(contract, f, [key.get(f.physical_name) for _, key in found]).series for f in keys]
    return pl.DataFrame([numbers, *columns, records.values[LSN].gather(numbers)]).drop_nulls()
