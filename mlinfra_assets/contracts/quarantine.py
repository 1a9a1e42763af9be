"""Quarantined records: what is held and why, and the way back.

A record is let in by a decision, a row in the releases table; the next run of the source's processed asset acts on it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches

import polars as pl

from mlinfra_assets import names
from mlinfra_assets.clock import Clock
from mlinfra_assets.connectors.decode import decode
from mlinfra_assets.connectors.schema_registry import SchemaRegistry
from mlinfra_assets.connectors.written_schema import Schemas
from mlinfra_assets.contracts.correction import Corrected, Correction, Refused, broken, unknown
from mlinfra_assets.contracts.held import HeldRecord, Position, Release
from mlinfra_assets.contracts.quarantine_rows import quarantined, releases
from mlinfra_assets.contracts.quarantine_schema import QUARANTINE_SCHEMA, RELEASES_SCHEMA
from mlinfra_assets.contracts.source import Source
from mlinfra_assets.contracts.validate import process
from mlinfra_assets.contracts.violation import Violation
from mlinfra_assets.errors import InvalidInputError
from mlinfra_assets.lake.lake import Lake
from mlinfra_assets.lake.provenance import Provenance
from mlinfra_assets.lake.table import LakeTable, ProgressConflictError
from mlinfra_assets.registry.kept_schemas import KeptSchemas

__all__ = ["QUARANTINE_SCHEMA", "RELEASES_SCHEMA", "HeldRecord", "Position", "Quarantine", "Release"]

ATTEMPTS = 20
PLACE = (names.PARTITION, names.OFFSET, names.ROW)


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
        return pl.concat([empty, *(quarantined(self._lake, s.name) for s in wanted)])

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
        outcome = self.correct(source, [Correction(position, changes=changes or {})], by, why)
        for refused in outcome.refused:
            raise InvalidInputError(refused.why)
        for _, number in outcome.already:
            raise InvalidInputError(f"{source} {position} was let in already, by release {number}")
        return outcome.released[0]

    def correct(
        self, source: str, corrections: Sequence[Correction], by: str, why: str, *, dry_run: bool = False
    ) -> Corrected:
        """Let in those of some quarantined records that keep the contract, as corrected, in one commit.

        The same corrections again change nothing.

        Args:
            source: Their source.
            corrections: Each position once.
            by: Who decides.
            why: The reason.
            dry_run: Say what would become of them, and record nothing.

        Raises:
            InvalidInputError: There is no such source, or nobody decides, or for no reason.
        """
        declared = self._source(source)
        if not by.strip() or not why.strip():
            raise InvalidInputError("a release needs a name (who decides) and a reason: both are kept with it")
        for _ in range(ATTEMPTS):
            table = self._releases_table(declared)
            app = f"{source}/releases"
            done = table.progress(app) if table.exists() else None
            trial, already, refused = self._tried(declared, corrections, by.strip(), why.strip())
            # Numbered from the progress that was read before: what others release meanwhile makes the append fail.
            numbered = trial.with_columns(pl.int_range(pl.len(), dtype=pl.Int64).alias("number") + (done or 0) + 1)
            if not dry_run and numbered.height:
                try:
                    table.append(
                        numbered, provenance=self._provenance, advance={app: (done, (done or 0) + numbered.height)}
                    )
                except ProgressConflictError:
                    continue
            return Corrected(tuple(_decisions(source, numbered)), already, refused)
        raise InvalidInputError(f"{source}: others are releasing records at the same time; try again")

    def _source(self, name: str) -> Source:
        if name not in self._sources:
            near = get_close_matches(name, list(self._sources), n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"declared are {', '.join(sorted(self._sources))}"
            raise InvalidInputError(f"there is no source {name!r}: {hint}")
        return self._sources[name]

    def _row(self, source: Source, position: Position) -> dict:
        at = (
            (pl.col(names.PARTITION) == position.partition)
            & (pl.col(names.OFFSET) == position.offset)
            & (pl.col(names.ROW) == position.row)
        )
        found = quarantined(self._lake, source.name).filter(at)
        if found.is_empty():
            raise InvalidInputError(unknown(source.name, position))
        return found.row(0, named=True)

    def _releases_table(self, source: Source) -> LakeTable:
        return self._lake.table(names.table(*names.releases(source.name)))

    def _tried(
        self, source: Source, corrections: Sequence[Correction], by: str, why: str
    ) -> tuple[pl.DataFrame, tuple[tuple[Position, int], ...], tuple[Refused, ...]]:
        """The decisions that the contract lets pass (`RELEASES_SCHEMA`), what was let in before, what is refused."""
        held = {
            Position(p, o, r): number
            for p, o, r, number in quarantined(self._lake, source.name).select(*PLACE, "released").rows()
        }
        known = [c for c in corrections if c.position in held]
        refused = [Refused(c.position, unknown(source.name, c.position)) for c in corrections if c.position not in held]
        raw = self._raw(source, [c.position for c in known])
        before = self._before(source)
        rows: list[tuple] = []
        already: list[tuple[Position, int]] = []
        now = self._clock.now()
        as_it_was = self._records(source, raw)
        for correction in known:
            position, number = correction.position, held[correction.position]
            try:
                payload = correction.payload(source, as_it_was.get(position))
            except InvalidInputError as error:
                refused.append(Refused(position, str(error)))
                continue
            if number is None:
                place = (position.partition, position.offset, position.row)
                rows.append((len(rows) + 1, *place, payload, now, by, why))
            elif before[number] == payload:
                already.append((position, number))
            else:
                said = f"{source.name} {position} was let in already, by release {number}"
                refused.append(Refused(position, f"{said}, and not as this record"))
        trial = pl.DataFrame(rows, schema=RELEASES_SCHEMA, orient="row")
        if rows:
            written = self._written(source, raw)
            outcome = process(source, raw, releases=trial, max_payload_bytes=self._max_payload_bytes, schemas=written)
            trial = trial.filter(pl.col("number").is_in(outcome.valid[names.RELEASE].implode()))
            refused += [broken(source, row) for row in outcome.quarantined.iter_rows(named=True)]
        return trial, tuple(already), tuple(sorted(refused, key=lambda each: str(each.position)))

    def _before(self, source: Source) -> dict[int, bytes | None]:
        """What was let in, by the number of its release; None: as it was."""
        return dict(releases(self._lake, source.name).select("number", "payload").iter_rows())

    def _raw(self, source: Source, positions: Sequence[Position]) -> pl.DataFrame:
        table = self._lake.table(names.table(*names.raw(source.name)))
        columns = ["partition", "offset", "known_at", "payload"]
        if not positions:
            return table.read(columns=columns, where=[("offset", "<", -1)])
        offsets = [position.offset for position in positions]
        where = [("offset", ">=", min(offsets)), ("offset", "<=", max(offsets))]
        places = pl.DataFrame(
            [(p.partition, p.offset) for p in positions],
            schema={"partition": pl.Int32(), "offset": pl.Int64()},
            orient="row",
        ).unique()
        return table.read(columns=columns, where=where).join(places, on=["partition", "offset"], how="semi")

    def _written(self, source: Source, raw: pl.DataFrame) -> Schemas:
        return self._schemas.needed(source, raw["payload"], self._provenance)

    def _records(self, source: Source, raw: pl.DataFrame) -> dict[Position, dict]:
        """What raw holds, by position, as far as it can be decoded."""
        records = decode(source, raw, self._max_payload_bytes, self._written(source, raw))
        partitions, offsets = raw["partition"].to_list(), raw["offset"].to_list()
        return {
            Position(partitions[number], offsets[number], row): value
            for value, number, row in zip(records.values, records.raw, records.row, strict=True)
        }


def _decisions(source: str, rows: pl.DataFrame) -> Iterator[Release]:
    for number, partition, offset, row, payload, at, by, why in rows.select(RELEASES_SCHEMA.names()).iter_rows():
        record = None if payload is None else payload.decode()
        yield Release(source, number, Position(partition, offset, row), at, by, why, record)
