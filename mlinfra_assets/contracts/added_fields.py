"""Fields that a way of coming in adds to those that are declared: what a change is, when a snapshot was taken."""

from __future__ import annotations

from mlinfra_assets.contracts.contract import Field
from mlinfra_assets.contracts.source import DatabaseIngest, Ingest, StreamIngest

OP, DELETED, AT, LSN, TX, BEFORE = (
    *("change_op", "change_deleted", "change_at"),
    *("change_lsn", "change_tx", "change_before"),
)
DAY, TAKEN_AT, SNAPSHOT_LSN = "snapshot_day", "snapshot_at", "snapshot_lsn"
INSERT, UPDATE, DELETE, READ, TRUNCATE = "c", "u", "d", "r", "t"
DECIDED_BY_THE_SYSTEM = "public"

CHANGE_FIELDS = (
    Field(
        OP, "change:op", "string", required=True, enum=(INSERT, UPDATE, DELETE, READ, TRUNCATE),
        description="What happened: c (insert), u (update), d (delete), t (truncate), r (read by Debezium's snapshot).",
        classification=DECIDED_BY_THE_SYSTEM,
    ),
    Field(
        DELETED, "change:deleted", "boolean", required=True,
        description="Whether the row is gone after this change. Its columns then hold what was there before.",
        classification=DECIDED_BY_THE_SYSTEM,
    ),
    Field(
        AT, "change:at", "timestamp", required=True,
        description="When the change was committed, by the database's clock (UTC); of a read, when it was read.",
        classification=DECIDED_BY_THE_SYSTEM,
    ),
    Field(
        LSN, "change:lsn", "integer", required=True,
        description="Where the change stands in the database's log; of a read, where the log stood.",
        classification=DECIDED_BY_THE_SYSTEM,
    ),
    Field(
        TX, "change:tx", "integer",
        description="Number of the transaction in the database; null of a read.",
        classification=DECIDED_BY_THE_SYSTEM,
    ),
    Field(
        BEFORE, "change:before", "object",
        description="The row before the change, as far as the database sent it (REPLICA IDENTITY), as JSON.",
    ),
)  # fmt: skip
SNAPSHOT_FIELDS = (
    Field(
        DAY, "snapshot:day", "date", required=True,
        description="The day (UTC) that this snapshot of the table is of.",
        classification=DECIDED_BY_THE_SYSTEM,
    ),
    Field(
        TAKEN_AT, "snapshot:at", "timestamp", required=True,
        description="When the transaction began whose view of the table this is, by the database's clock (UTC).",
        classification=DECIDED_BY_THE_SYSTEM,
    ),
    Field(
        SNAPSHOT_LSN, "snapshot:lsn", "integer", required=True,
        description="Where the database's log stood then.",
        classification=DECIDED_BY_THE_SYSTEM,
    ),
)  # fmt: skip
ADDED = frozenset(f.name for f in (*CHANGE_FIELDS, *SNAPSHOT_FIELDS))


def added_fields(ingest: Ingest) -> tuple[Field, ...]:
    """The fields that stand behind the declared ones."""
    if isinstance(ingest, StreamIngest) and ingest.changes:
        return CHANGE_FIELDS
    return SNAPSHOT_FIELDS if isinstance(ingest, DatabaseIngest) else ()


def usual_event_time(ingest: Ingest) -> str | None:
    """The field that says when a record happened, where the declaration does not; None: it has to."""
    if isinstance(ingest, StreamIngest) and ingest.changes:
        return AT
    return TAKEN_AT if isinstance(ingest, DatabaseIngest) else None


def what_deletes(ingest: Ingest) -> str | None:
    """The added field that takes a row away, if there is one."""
    return DELETED if isinstance(ingest, StreamIngest) and ingest.changes else None
