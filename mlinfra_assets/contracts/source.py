"""A source: a contract, how its records come in, and what the orchestrator needs to know. Data only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args

from mlinfra_assets.breakers.rules import BreakerRules
from mlinfra_assets.contracts.contract import Contract

MEBIBYTE = 1024 * 1024
MessageFormat = Literal["json", "json_schema", "avro", "protobuf", "debezium_json"]
MESSAGE_FORMATS: tuple[str, ...] = get_args(MessageFormat)


@dataclass(frozen=True)
class StreamIngest:
    """Records come one a message.

    Attributes:
        topic: The stream.
        format: How a message is written: one JSON object (`json`), or in Confluent's wire format, which names a schema
            in a registry: one JSON object (`json_schema`), Avro or Protobuf. Or a change of a
            database's row in Debezium's envelope (`debezium_json`).
        system: Where the stream is; None: where the settings say.
    """

    topic: str
    format: MessageFormat = "json"
    system: Literal["redis", "kafka"] | None = None

    @property
    def changes(self) -> bool:
        """Whether a message is a change of a row, not a record of its own."""
        return self.format == "debezium_json"


@dataclass(frozen=True)
class Melt:
    """How a wide table becomes long: one record a cell.

    Attributes:
        keep: Columns that every record of a line carries.
        name: Field that takes the column's heading.
        value: Field that takes the cell.
        skip: Cells that stand for "no value" and make no record.
    """

    keep: tuple[str, ...]
    name: str
    value: str
    skip: tuple[str, ...] = ()


@dataclass(frozen=True)
class FilesIngest:
    """Records come in files that are put into a landing folder.

    Attributes:
        pattern: Names of the files, as a shell pattern.
        format: How a file is written: a CSV with a heading line, alone in a zip.
        url: Address that the newest file can be fetched from.
        melt: How lines become records; None: one record a line.
        max_bytes: Larger files are refused.
        max_unpacked_bytes: Files that unpack to more are quarantined.
    """

    pattern: str
    format: Literal["zipped_csv"] = "zipped_csv"
    url: str | None = None
    melt: Melt | None = None
    max_bytes: int = 64 * MEBIBYTE
    max_unpacked_bytes: int = 256 * MEBIBYTE


@dataclass(frozen=True)
class DatabaseIngest:
    """Records come as a daily snapshot of a Postgres table.

    Attributes:
        connection: Name of the environment variable that holds the database's libpq URL.
        table: The table, as `schema.table`.
        chunk_rows: How many rows are read and kept at once.
        reconciles: Name of the change data source that has to agree with the snapshot; None: of no source.
    """

    connection: str
    table: str
    chunk_rows: int = 20_000
    reconciles: str | None = None


Ingest = StreamIngest | FilesIngest | DatabaseIngest


@dataclass(frozen=True)
class Needs:
    """What the orchestrator needs to know of a source.

    Attributes:
        owners: Who answers for it, as `team:name` or an e-mail address.
        tags: Labels shown in the UI.
        kinds: What it is made of, shown as icons in the UI.
        sensor_seconds: How often to look for new records or files.
        schedule: Cron line (UTC) of fetching the newest file (only with a `url`), or of a table's snapshot.
        freshness_hours: The tables are overdue when nothing was updated for this long.
        freshness_warn_hours: They are late when nothing was updated for this long.
    """

    owners: tuple[str, ...]
    tags: Mapping[str, str] = field(default_factory=dict)
    kinds: tuple[str, ...] = ()
    sensor_seconds: int = 30
    schedule: str | None = None
    freshness_hours: float | None = None
    freshness_warn_hours: float | None = None


@dataclass(frozen=True)
class Source:
    """Everything that is declared of a source.

    Attributes:
        name: Its name: a lower-case identifier, also the name of its tables.
        file: Path of the declaration.
        contract: What its records look like.
        ingest: How they come in.
        needs: What the orchestrator needs to know.
        breaker: When its breaker opens and closes by itself.
    """

    name: str
    file: str
    contract: Contract
    ingest: Ingest
    needs: Needs
    breaker: BreakerRules = field(default_factory=BreakerRules)
