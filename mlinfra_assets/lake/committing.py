"""What every commit goes through: it is tried until it is in, refused, or hopeless, and carries its origin."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

import pyarrow as pa
from deltalake import ColumnProperties, CommitProperties, DeltaTable, Schema, Transaction, WriterProperties
from deltalake.exceptions import CommitFailedError, DeltaError

from mlinfra_assets.lake import epochs
from mlinfra_assets.lake.errors import SchemaMismatchError, WriteConflictError, explained
from mlinfra_assets.lake.opened import OpenedTable
from mlinfra_assets.lake.provenance import Provenance

Done = TypeVar("Done")
STATS = "delta.dataSkippingStatsColumns"
ATTEMPTS = 100
PROPERTIES = {
    # Every commit stays readable: its provenance is part of the audit trail.
    "delta.enableExpiredLogCleanup": "false",
}


def writer(columns: pa.Schema) -> WriterProperties:
    """How a table's files are written: with a dictionary for texts alone.

    Positions, times, amounts and bytes are mostly different in each row: a dictionary of them is given up again once it
    is large, which takes as long as the rest of the writing and leaves larger files.

    Args:
        columns: The table's columns, in canonical form.
    """
    texts = {field.name: ColumnProperties(dictionary_enabled=True) for field in columns if field.type == pa.string()}
    return WriterProperties(
        compression="ZSTD",
        compression_level=1,
        default_column_properties=ColumnProperties(dictionary_enabled=False),
        column_properties=texts,
    )


def create(
    opened: OpenedTable,
    data_schema: pa.Schema,
    partition_by: Sequence[str],
    stats_columns: Sequence[str] | None,
    provenance: Provenance | None,
) -> None:
    """Make the table exist, empty; leaves one that another writer made in the meantime as it is."""
    missing = [c for c in (*partition_by, *(stats_columns or ())) if c not in data_schema.names]
    if missing:
        raise SchemaMismatchError(f"table {opened.name} would have no column {', '.join(missing)}")
    configuration = dict(PROPERTIES)
    if stats_columns is not None:
        configuration[STATS] = ",".join(stats_columns)
    with explained(opened.name, opened.uri):
        try:
            handle = DeltaTable.create(
                opened.uri,
                Schema.from_arrow(data_schema),
                mode="ignore",
                partition_by=list(partition_by) or None,
                configuration=configuration,
                storage_options=opened.options or None,
                commit_properties=commit_properties(provenance, {}),
            )
        except CommitFailedError:
            opened.drop()  # another writer was faster with the creation
            return
    opened.confirm(-1, handle.version())


def until_committed(opened: OpenedTable, attempt: Callable[[], Done], attempts: int = ATTEMPTS) -> Done:
    """Run `attempt`, which opens, checks and commits, until no other writer gets in between; returns what it does.

    Raises:
        WriteConflictError: Others did, every time.
        UnavailableError: The disk is full or the storage out of reach.
    """
    with explained(opened.name, opened.uri):
        for number in range(1, attempts + 1):
            try:
                return attempt()
            except CommitFailedError as error:
                opened.drop()
                if number == attempts:
                    raise WriteConflictError(
                        f"table {opened.name}: another writer committed first, {attempts} times: nothing was written; "
                        f"run again ({error})"
                    ) from error
                time.sleep(random.random() * min(0.005 * number, 0.2))  # noqa: S311 - spreads writers, hides nothing
            except (OSError, DeltaError):
                opened.drop()
                raise
    raise AssertionError("unreachable")


def check_partitions(table: str, handle: DeltaTable, partition_by: Sequence[str]) -> None:
    """Refuse other partition columns than the table has; naming none is no opinion."""
    there = handle.metadata().partition_columns
    if partition_by and list(partition_by) != there:
        raise SchemaMismatchError(f"table {table} is partitioned by {there or 'nothing'}, not by {list(partition_by)}")


def commit_properties(
    provenance: Provenance | None, advance: Mapping[str, tuple[int | None, int]], epoch: int = 0
) -> CommitProperties:
    """What a commit carries beside the rows: its origin, and the progress that it states in the epoch at hand."""
    metadata = {} if provenance is None else dict(provenance.to_metadata())
    if advance:
        metadata[epochs.EPOCH] = str(epoch)
    stated = [Transaction(epochs.application(app, epoch), after) for app, (_, after) in sorted(advance.items())]
    return CommitProperties(custom_metadata=metadata or None, app_transactions=stated or None)


def keep_stats(handle: DeltaTable, columns: Sequence[str] | None) -> None:
    """See that the log keeps the minimum and maximum of these columns alone; None leaves that as it is."""
    if columns is not None and handle.metadata().configuration.get(STATS) != ",".join(columns):
        handle.alter.set_table_properties({STATS: ",".join(columns)})
