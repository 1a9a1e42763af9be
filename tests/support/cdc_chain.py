"""A change data source from Kafka to its current state, and the table itself to compare with."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import polars as pl

from mlinfra_assets.clock import SystemClock
from mlinfra_assets.contracts.source import Source
from mlinfra_assets.ingest.processed import Validated, validate_source
from mlinfra_assets.ingest.reconciliation import Reconciliation, reconcile
from mlinfra_assets.ingest.streams import land_stream
from mlinfra_assets.ingest.table_snapshots import land_snapshot
from mlinfra_assets.lake.lake import Lake
from mlinfra_assets.lake.provenance import Provenance
from mlinfra_assets.settings import Settings
from mlinfra_assets.streams.opening import open_log
from tests.support.debezium import PARTITIONS
from tests.support.declared_table import declared_table
from tests.support.own_database import OwnDatabase

VARIABLE = "MLINFRA_SHOP_DATABASE"


@dataclass(frozen=True)
class Chain:
    """A table's change data and its snapshots in a lake of a test's own.

    Attributes:
        settings: Where the lake and Kafka are.
        changes: The source of its change data.
        snapshots: The source of its snapshots.
        database: Where the table is.
    """

    settings: Settings
    changes: Source
    snapshots: Source
    database: OwnDatabase

    @property
    def lake(self) -> Lake:
        """The lake."""
        return Lake(self.settings.lake)

    def take_in(self) -> Validated:
        """Bring in what the topic holds now."""
        provenance = Provenance("run", "code")
        land_stream(self.lake, open_log(self.settings, "kafka"), self.changes, provenance, SystemClock())
        return self.validate(self.changes)

    def validate(self, source: Source) -> Validated:
        """Bring what raw holds through the contract."""
        now = datetime.now(UTC)
        return validate_source(self.lake, source, Provenance("run", "code"), now, max_payload_bytes=1 << 22)

    def history(self) -> pl.DataFrame:
        """The change history, in the order of the database's log."""
        return self._table(f"processed/{self.changes.name}").sort("change_lsn", "_partition", "_offset", "_row")

    def current(self) -> pl.DataFrame:
        """The current state."""
        return self._table(f"processed/{self.changes.name}_current").sort(*self.changes.contract.primary_key)

    def quarantined(self) -> list[str]:
        """`field: rule` of every reason in the quarantine."""
        found = self._table(f"processed/{self.changes.name}_quarantine").sort("_partition", "_offset")
        return [f"{r['field'] or 'record'}: {r['rule']}" for row in found["reasons"].to_list() for r in row]

    def snapshot(self) -> Reconciliation:
        """Take today's snapshot, and compare it with the change history as it is."""
        now = datetime.now(UTC)
        provenance, environment = Provenance("run", "code"), {VARIABLE: self.database.url}
        land_snapshot(self.lake, self.snapshots, now.date(), provenance, now, environment)
        self.validate(self.snapshots)
        return self.compare()

    def compare(self) -> Reconciliation:
        """Compare the newest snapshot with the change history as it is."""
        return reconcile(self.lake, self.snapshots, self.changes)

    def came(self) -> bool:
        """Whether there is a change history, with what the topic holds now."""
        self.take_in()
        return self.history().height > 0

    def passed(self, lsn: int) -> bool:
        """Whether the change history, with what the topic holds now, passes a place in the log in each partition."""
        self.take_in()
        return self.history().filter(pl.col("change_lsn") > lsn)["_partition"].n_unique() == PARTITIONS

    def lsn(self) -> int:
        """Where the database's log stands."""
        row = self.database.connection.execute("SELECT (pg_current_wal_lsn() - '0/0')::bigint").fetchone()
        assert row is not None
        return int(row[0])

    def _table(self, name: str) -> pl.DataFrame:
        return self.lake.table(name).read()


def chain(
    folder: Path, kafka: str, database: OwnDatabase, table: str, fields: dict[str, str], name: str = "changed"
) -> Chain:
    """The chain of a table `schema.table` whose connector has the database's name as its prefix."""
    settings = Settings(home=folder, lake=str(folder / "lake"), kafka_servers=kafka)
    topic = f"{database.name}.{table}"
    stream = {"kind": "stream", "system": "kafka", "format": "debezium_json", "topic": topic}
    changes = declared_table(folder, name, fields, stream)
    read = {"kind": "database", "connection": VARIABLE, "table": table, "chunkRows": 500, "reconciles": name}
    snapshots = declared_table(folder, f"{name}_daily", fields, read)
    return Chain(settings, replace(changes), replace(snapshots), database)
