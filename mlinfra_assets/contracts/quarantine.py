"""Quarantined records: what is held and why, and the way back.

A record is let in by a decision, a row in the releases table; the next run of the source's processed asset acts on it.
"""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches

import polars as pl

from mlinfra_assets import names
from mlinfra_assets.clock import Clock
from mlinfra_assets.connectors.decode import decode
from mlinfra_assets.connectors.json_lines import to_text
from mlinfra_assets.connectors.schema_registry import SchemaRegistry
from mlinfra_assets.connectors.written_schema import Schemas
from mlinfra_assets.contracts.changes import typed_changes
from mlinfra_assets.contracts.held import HeldRecord, Position, Release
from mlinfra_assets.contracts.protected import shown_reason
from mlinfra_assets.contracts.quarantine_schema import QUARANTINE_SCHEMA, RELEASES_SCHEMA
from mlinfra_assets.contracts.source import FilesIngest, Source
from mlinfra_assets.contracts.validate import process
from mlinfra_assets.contracts.violation import Violation
from mlinfra_assets.errors import InvalidInputError
from mlinfra_assets.lake.lake import Lake
from mlinfra_assets.lake.provenance import Provenance
from mlinfra_assets.lake.table import LakeTable, ProgressConflictError
from mlinfra_assets.registry.kept_schemas import KeptSchemas

__all__ = ["QUARANTINE_SCHEMA", "RELEASES_SCHEMA", "HeldRecord", "Position", "Quarantine", "Release"]

ATTEMPTS = 20


class Quarantine:
    """The quarantine tables of a lake.

    Args:
        lake: Where the tables are.
        sources: The declared sources.
        clock: Tells when a decision is taken.
        provenance: Run and code version that the commits name.
        max_payload_bytes: A larger message is not read.
        schema_registry: Who knows the schemas of messages that name one.
    """

    def __init__(
        self,
        lake: Lake,
        sources: Mapping[str, Source],
        clock: Clock,
        provenance: Provenance,
        max_payload_bytes: int = 1_048_576,
        schema_registry: SchemaRegistry | None = None,
    ) -> None:
        self._lake = lake
        self._sources = sources
        self._clock = clock
        self._provenance = provenance
        self._max_payload_bytes = max_payload_bytes
        self._schemas = KeptSchemas(lake, schema_registry)

    def list(self, source: str | None = None) -> pl.DataFrame:
        """What is quarantined: `source`, the columns of `QUARANTINE_SCHEMA`, and `released` (number, or null: held).

        In order of source and position.

        Raises:
            InvalidInputError: There is no such source.
        """
        wanted = [self._source(source)] if source else list(self._sources.values())
        empty = pl.DataFrame(schema={"source": pl.String(), **QUARANTINE_SCHEMA, "released": pl.Int64()})
        return pl.concat([empty, *(self._held(s) for s in wanted)])

    def show(self, source: str, position: Position) -> HeldRecord:
        """One quarantined record.

        Raises:
            InvalidInputError: There is no such source, or nothing is quarantined at this position.
        """
        row = self._row(self._source(source), position)
        return HeldRecord(
            source=source,
            position=position,
            known_at=row[names.KNOWN_AT],
            contract_version=row[names.CONTRACT],
            reasons=tuple(Violation(**reason) for reason in row["reasons"]),
            record=row["record"],
            released=row["released"],
        )

    def release(
        self, source: str, position: Position, by: str, why: str, changes: Mapping[str, str] | None = None
    ) -> Release:
        """Let a quarantined record in, as it was or corrected; the next run of the processed asset takes it up.

        Args:
            source: Its source.
            position: Where it stands.
            by: Who decides.
            why: The reason.
            changes: Field (its own name or the producer's) to the value that it should have, as text; `null` for none.

        Raises:
            InvalidInputError: There is no such record, it was released before, or it would still break the contract;
                the message names every reason.
        """
        declared = self._source(source)
        if not by.strip() or not why.strip():
            raise InvalidInputError("a release needs a name (who decides) and a reason: both are kept with it")
        self._refuse_repeat(declared, position)
        raw = self._raw(declared, position)
        payload = self._corrected(declared, raw, position, changes) if changes else None
        self._check(declared, raw, position, payload)
        return self._decide(declared, position, by.strip(), why.strip(), payload)

    def _source(self, name: str) -> Source:
        if name not in self._sources:
            near = get_close_matches(name, list(self._sources), n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"declared are {', '.join(sorted(self._sources))}"
            raise InvalidInputError(f"there is no source {name!r}: {hint}")
        return self._sources[name]

    def _held(self, source: Source) -> pl.DataFrame:
        table = self._lake.table(names.table(*names.quarantine(source.name)))
        held = table.read() if table.exists() else pl.DataFrame(schema=QUARANTINE_SCHEMA)
        released = self._releases(source).select(
            pl.col("partition").alias(names.PARTITION),
            pl.col("offset").alias(names.OFFSET),
            pl.col("row").alias(names.ROW),
            pl.col("number").alias("released"),
        )
        return (
            held.select(QUARANTINE_SCHEMA.names())
            .join(released, on=[names.PARTITION, names.OFFSET, names.ROW], how="left")
            .select(pl.lit(source.name).alias("source"), *QUARANTINE_SCHEMA.names(), "released")
            .sort(names.PARTITION, names.OFFSET, names.ROW)
        )

    def _row(self, source: Source, position: Position) -> dict:
        at = (
            (pl.col(names.PARTITION) == position.partition)
            & (pl.col(names.OFFSET) == position.offset)
            & (pl.col(names.ROW) == position.row)
        )
        found = self._held(source).filter(at)
        if found.is_empty():
            raise InvalidInputError(
                f"nothing is quarantined at {position} of {source.name}: `mlinfra quarantine list {source.name}` shows "
                "what is"
            )
        return found.row(0, named=True)

    def _releases(self, source: Source) -> pl.DataFrame:
        table = self._releases_table(source)
        return table.read() if table.exists() else pl.DataFrame(schema=RELEASES_SCHEMA)

    def _releases_table(self, source: Source) -> LakeTable:
        return self._lake.table(names.table(*names.releases(source.name)))

    def _raw(self, source: Source, position: Position) -> pl.DataFrame:
        table = self._lake.table(names.table(*names.raw(source.name)))
        where = [("partition", "==", position.partition), ("offset", "==", position.offset)]
        return table.read(columns=["partition", "offset", "known_at", "payload"], where=where)

    def _corrected(self, source: Source, raw: pl.DataFrame, position: Position, changes: Mapping[str, str]) -> bytes:
        records = decode(source, raw, self._max_payload_bytes, self._written(source, raw))
        record = next((v for v, row in zip(records.values, records.row, strict=True) if row == position.row), None)
        if record is None and isinstance(source.ingest, FilesIngest):
            raise InvalidInputError(
                f"{source.name} {position} cannot be read at all, so there is nothing to correct: put the whole file "
                "into the landing folder again"
            )
        return to_text({**(record or {}), **typed_changes(source.contract, changes)}).encode()

    def _check(self, source: Source, raw: pl.DataFrame, position: Position, payload: bytes | None) -> None:
        now = self._clock.now()
        row = (1, position.partition, position.offset, position.row, payload, now, "", "")
        trial = pl.DataFrame([row], schema=RELEASES_SCHEMA, orient="row")
        written = self._written(source, raw)
        outcome = process(source, raw, releases=trial, max_payload_bytes=self._max_payload_bytes, schemas=written)
        if outcome.valid.is_empty():
            reasons = outcome.quarantined["reasons"][0].to_list()
            listed = "; ".join(_said(shown_reason(source.contract, reason)) for reason in reasons)
            raise InvalidInputError(
                f"{source.name} {position} would still break the contract: {listed}. Correct these fields with the "
                "release, or change the contract"
            )

    def _written(self, source: Source, raw: pl.DataFrame) -> Schemas:
        return self._schemas.needed(source, raw["payload"], self._provenance)

    def _decide(self, source: Source, position: Position, by: str, why: str, payload: bytes | None) -> Release:
        for _ in range(ATTEMPTS):
            table = self._releases_table(source)
            app = f"{source.name}/releases"
            done = table.progress(app) if table.exists() else None
            self._refuse_repeat(source, position)  # after `done` was read: what comes later makes the append fail
            number, now = (done or 0) + 1, self._clock.now()
            row = (number, position.partition, position.offset, position.row, payload, now, by, why)
            frame = pl.DataFrame([row], schema=RELEASES_SCHEMA, orient="row")
            try:
                table.append(frame, provenance=self._provenance, advance={app: (done, number)})
            except ProgressConflictError:
                continue  # another release was faster: it may be of this very record
            record = None if payload is None else payload.decode()
            return Release(source.name, number, position, now, by, why, record)
        raise InvalidInputError(f"{source.name} {position}: others are releasing records at the same time; try again")

    def _refuse_repeat(self, source: Source, position: Position) -> None:
        released = self.show(source.name, position).released
        if released is not None:
            raise InvalidInputError(f"{source.name} {position} was let in already, by release {released}")


def _said(reason: Mapping[str, str | None]) -> str:
    value = "" if reason["value"] is None else f" ({reason['value']})"
    return f"{reason['field'] or 'record'}{value}: {reason['message']}"
