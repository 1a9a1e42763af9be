"""From raw payloads to typed, valid records and quarantined ones: a pure function of its arguments."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import polars as pl

from mlinfra_assets import names
from mlinfra_assets.connectors.decode import NO_SCHEMAS
from mlinfra_assets.connectors.written_schema import Schemas
from mlinfra_assets.contracts.batch_rows import Rows
from mlinfra_assets.contracts.batch_rules import Batch, judged
from mlinfra_assets.contracts.changed_records import resolved_changes
from mlinfra_assets.contracts.contract import Contract
from mlinfra_assets.contracts.coordinates import with_coordinates, without_unchanged
from mlinfra_assets.contracts.gathered import Gathered
from mlinfra_assets.contracts.quarantine_schema import MAX_RECORD, QUARANTINE_SCHEMA
from mlinfra_assets.contracts.released import released_records
from mlinfra_assets.contracts.report import BatchReport, Processed, RuleResult
from mlinfra_assets.contracts.row_changes import Earlier
from mlinfra_assets.contracts.source import FilesIngest, Source
from mlinfra_assets.contracts.typed_records import TypedRecords, one_by_one, typed_records
from mlinfra_assets.contracts.verdicts import Broken, add_verdicts
from mlinfra_assets.contracts.violation import Violation

__all__ = ["BatchReport", "Processed", "RuleResult", "process", "process_part"]


def process(
    source: Source,
    raw: pl.DataFrame,
    *,
    releases: pl.DataFrame | None = None,
    latest: pl.DataFrame | Earlier | None = None,
    profile: pl.DataFrame | None = None,
    gathered: Callable[[], Gathered] | None = None,
    set_aside: Violation | None = None,
    max_payload_bytes: int,
    schemas: Schemas = NO_SCHEMAS,
) -> Processed:
    """Decode, type and judge raw rows, one by one and as a batch.

    The outcome depends on the arguments alone: not on the order of the rows, nor on the clock.

    Args:
        source: The contract, and how payloads are written.
        raw: Rows of the raw table, in any order; `partition`, `offset`, `known_at` and `payload` are read.
        releases: Decisions to let quarantined records in (`RELEASES_SCHEMA`). If given, the outcome holds the released
            records alone, each at its own position and known from its release on; `raw` has to hold their payloads.
            They are no batch, and no batch rule is asked.
        latest: Rows of the processed table, or what finds those with the keys of others. If given, and the contract has
            a primary key, records that say nothing new of their key are left out; an empty frame leaves out those that
            repeat others in `raw`. Of change data: the changes so far, or what finds those that concern others; None:
            there are none.
        profile: What rows of earlier days were like (`PROFILE_SCHEMA`): what distribution rules compare with.
        gathered: Finds records that were published before these, for the rules that need more records than these are.
        set_aside: Why every record is quarantined, whatever else is wrong with it. None: each is judged by itself.
        max_payload_bytes: A larger message is quarantined unread. Files have limits of their own.
        schemas: The schemas of a registry that messages were written with, by number.

    Returns:
        The valid and the quarantined records, and the report; `report.passed` says whether to publish them.
    """
    found, valid = _judged_rows(source, raw, releases, latest, set_aside, max_payload_bytes, schemas)
    if releases is not None:
        return found
    report = found.report
    batch = Batch(
        valid=Rows.of(valid),
        new=Rows.of(found.valid),
        records=report.records,
        quarantined=report.quarantined,
        invalid=report.invalid,
        profile=profile,
        gathered=gathered,
    )
    return replace(found, report=report.with_checks(judged(source.contract, batch)))


def process_part(
    source: Source,
    raw: pl.DataFrame,
    *,
    set_aside: Violation | None = None,
    max_payload_bytes: int,
    schemas: Schemas = NO_SCHEMAS,
) -> Processed:
    """Decode, type and judge a part of a batch, record by record; of the batch as a whole nothing is said.

    Args: as those of `process`.
    """
    return _judged_rows(source, raw, None, None, set_aside, max_payload_bytes, schemas)[0]


def _judged_rows(
    source: Source,
    raw: pl.DataFrame,
    releases: pl.DataFrame | None,
    latest: pl.DataFrame | Earlier | None,
    set_aside: Violation | None,
    max_payload_bytes: int,
    schemas: Schemas,
) -> tuple[Processed, pl.DataFrame]:
    """What becomes of each record, and the valid ones with those that say nothing new of their key."""
    contract = source.contract
    if releases is None:
        rows = _in_order(raw).with_columns(pl.lit(None, dtype=pl.Int64).alias("release"))
        records = typed_records(source, rows, max_payload_bytes, schemas)
    else:
        rows, released = released_records(source, raw, releases, max_payload_bytes, schemas)
        records = one_by_one(contract, released, rows)
    broken = records.broken
    origin = _origin(rows, records.raw, records.row)
    changes = resolved_changes(source, records, origin, latest)
    values = records.values if changes is None else changes.values
    warnings = add_verdicts(contract, values, broken)
    if changes is not None:
        changes.forgive(broken)
    if set_aside is not None:
        for row in range(records.values.height):
            broken.setdefault(row, []).append(set_aside)
    typed = with_coordinates(contract, values, origin, batches=isinstance(source.ingest, FilesIngest))
    valid = _without(typed, broken)
    new = valid
    if changes is not None:
        valid = new = changes.rows(typed, broken)
    elif contract.primary_key and latest is not None and releases is None:
        new = without_unchanged(contract, valid, latest if isinstance(latest, pl.DataFrame) else latest(valid))
    quarantined = _quarantined(contract, rows, records, () if set_aside is None else (set_aside,))
    total = records.values.height + len(records.failed)
    report = BatchReport(
        records=total,
        valid=new.height,
        quarantined=quarantined.height,
        unchanged=valid.height - new.height if changes is None else int(changes.repeated.sum()),
        reasons=_reasons(records),
        ambiguous_times=records.ambiguous,
        unknown_fields=records.unknown_fields,
        null_values={f.name: n for f in contract.fields if (n := valid[f.name].null_count())},
        warnings=warnings,
        assumed=int(new[names.ASSUMED].sum()),
        invalid=_invalid(broken),
    )
    return Processed(new, quarantined, report), valid


def _invalid(broken: Broken) -> dict[str, int]:
    """How many records break a rule of a field, by field."""
    return Counter(name for found in broken.values() for name in {v.field for v in found} if name is not None)


def _in_order(raw: pl.DataFrame) -> pl.DataFrame:
    """Raw rows by partition and offset; most come so."""
    partition, offset = raw["partition"].to_numpy(), raw["offset"].to_numpy()
    same = partition[1:] == partition[:-1]
    rising = (partition[1:] > partition[:-1]) | (same & (offset[1:] >= offset[:-1]))
    return raw if rising.all() else raw.sort("partition", "offset")


def _without(typed: pl.DataFrame, broken: Broken) -> pl.DataFrame:
    if not broken:
        return typed
    kept = np.ones(typed.height, dtype=np.bool_)
    kept[list(broken)] = False
    return typed.filter(pl.Series(kept))


def _origin(rows: pl.DataFrame, raw: np.ndarray, row: np.ndarray) -> pl.DataFrame:
    places = rows.select("known_at", "partition", "offset", "release")[pl.Series(raw, dtype=pl.UInt32)]
    return places.with_columns(pl.Series("row", row, dtype=pl.Int64))


def _quarantined(
    contract: Contract, rows: pl.DataFrame, records: TypedRecords, also: Sequence[Violation]
) -> pl.DataFrame:
    found: list[tuple[int, int, list[Violation], str | None]] = [
        (int(records.raw[i]), int(records.row[i]), reasons, records.text(i)[:MAX_RECORD])
        for i, reasons in records.broken.items()
    ]
    found += [(raw, row, [violation, *also], None) for raw, row, violation in records.failed]
    found.sort(key=lambda entry: entry[:2])
    origin = _origin(rows, np.array([f[0] for f in found]), np.array([f[1] for f in found]))
    return pl.DataFrame(
        {
            names.KNOWN_AT: origin["known_at"],
            names.PARTITION: origin["partition"],
            names.OFFSET: origin["offset"],
            names.ROW: origin["row"],
            names.CONTRACT: [contract.fingerprint] * len(found),
            "reasons": [[vars(violation) for violation in f[2]] for f in found],
            "record": [f[3] for f in found],
        },
        schema=QUARANTINE_SCHEMA,
    )


def _reasons(records: TypedRecords) -> dict[str, int]:
    found = [v for violations in records.broken.values() for v in violations] + [f[2] for f in records.failed]
    counts = Counter(f"{v.field or 'record'}: {v.rule}" for v in found)
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))
