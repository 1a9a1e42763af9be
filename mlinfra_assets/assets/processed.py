"""processed/: what a source's contract accepts, typed, and beside it what it does not, with the reasons."""

from collections.abc import Iterator, Mapping

import dagster as dg

from mlinfra_assets import names
from mlinfra_assets.assets.context import (
    column_schema,
    freshness,
    markdown_table,
    positions_metadata,
    provenance,
    table_metadata,
)
from mlinfra_assets.breakers import subjects
from mlinfra_assets.breakers.asking import frozen_message
from mlinfra_assets.breakers.breaker import Breaker
from mlinfra_assets.connectors.schema_registry import SchemaRegistry
from mlinfra_assets.contracts.quarantine_schema import QUARANTINE_SCHEMA
from mlinfra_assets.contracts.report import BatchReport
from mlinfra_assets.contracts.source import Source
from mlinfra_assets.freezing import breaker_result, breaker_spec, frozen_observation
from mlinfra_assets.ingest.processed import Validated, validate_source
from mlinfra_assets.lake.lake import Lake
from mlinfra_assets.settings import Settings
from resources.clock import ClockResource
from resources.lake import LakeResource

CHECK = "contract"
Told = dg.MaterializeResult | dg.AssetObservation | dg.AssetCheckResult
"""What a validation tells Dagster."""
COORDINATE_DESCRIPTIONS = {
    names.EVENT_TIME: "When it happened (UTC), from the payload.",
    names.KNOWN_AT: "When the platform could first have used it (UTC).",
    names.ASSUMED: "Whether the known-at time is assumed: history from before the platform ran.",
    names.PARTITION: "Partition of the record in its source.",
    names.OFFSET: "Offset of the record in its partition, or the number of its batch.",
    names.ROW: "Number of the record in its batch; 0 for a stream.",
    names.RELEASE: "Number of the release that let the record in from quarantine; null for all others.",
    names.CONTRACT: "Fingerprint of the contract that the record was validated with.",
}
QUARANTINE_DESCRIPTIONS = {
    "reasons": "Every rule that the record breaks: field, rule, value, message.",
    "record": "The decoded record as JSON text, at most 4,096 characters; null if it cannot be decoded.",
}


def processed_asset(source: Source, settings: Settings) -> dg.AssetsDefinition:
    """The processed and quarantine tables of a source, behind one blocking check."""
    processed, quarantine = dg.AssetKey(names.processed(source.name)), dg.AssetKey(names.quarantine(source.name))
    contract = source.contract
    described = {**{f.name: f.description for f in contract.fields}, **COORDINATE_DESCRIPTIONS}
    common = {
        "deps": [dg.AssetKey(names.raw(source.name))],
        "group_name": names.group(source.name, names.PROCESSED),
        "kinds": {"deltalake", "pandera"},
        "owners": list(source.needs.owners),
        "tags": dict(source.needs.tags),
        "skippable": True,
    }

    @dg.multi_asset(
        name=f"processed_{source.name}",
        specs=[
            dg.AssetSpec(
                processed,
                description=f"{contract.description}\n\nTyped by contract `{contract.name}` {contract.version}; times "
                f"in UTC (the source's are {contract.timezone}).",
                metadata=column_schema(contract.polars_schema(), described),
                freshness_policy=freshness(source.needs),
                **common,
            ),
            dg.AssetSpec(
                quarantine,
                description=f"Records of `{source.name}` that break its contract, with every reason and their "
                f"position. `mlinfra quarantine list|show|release` is the way back.",
                metadata=column_schema(QUARANTINE_SCHEMA, {**COORDINATE_DESCRIPTIONS, **QUARANTINE_DESCRIPTIONS}),
                **common,
            ),
        ],
        check_specs=[
            dg.AssetCheckSpec(
                CHECK,
                asset=processed,
                blocking=True,
                description="The batch passes the contract's batch rules; one that does not is not written.",
            ),
            breaker_spec(processed),
        ],
    )
    def validated(context: dg.AssetExecutionContext, lake: LakeResource, clock: ClockResource) -> Iterator[Told]:
        tables = lake.open()
        result = validate_source(
            tables,
            source,
            provenance(context),
            clock.now(),
            max_payload_bytes=settings.max_payload_bytes,
            schema_registry=SchemaRegistry.of(settings),
        )
        yield from validated_results(tables, source, result)

    return validated


def validated_results(lake: Lake, source: Source, result: Validated) -> Iterator[Told]:
    """Of a validation, by a run or by a consumer: what is new, or why nothing is; then both checks of processed."""
    if result.frozen:
        for key in (names.quarantine(source.name), names.processed(source.name)):
            yield frozen_observation(dg.AssetKey(key), [result.breaker])
    else:
        yield _materialized(lake, names.quarantine(source.name), source, result, result.quarantined, {})
        yield _materialized(lake, names.processed(source.name), source, result, result.valid, _late(result))
    yield _check(result)
    yield breaker_result(result.breaker)


def waiting_result(source: Source, why: str) -> dg.AssetCheckResult:
    """That nothing of a source can be validated at present, which freezes what is downstream."""
    return dg.AssetCheckResult(
        check_name=CHECK,
        passed=False,
        asset_key=dg.AssetKey(names.processed(source.name)),
        severity=dg.AssetCheckSeverity.ERROR,
        description=f"raw goes on, validation does not: {why}",
    )


def _late(result: Validated) -> dict[str, dg.MetadataValue]:
    """How many records came late, as numbers that the UI plots over time."""
    late = result.late
    return {
        "late_rows": dg.MetadataValue.int(late.late),
        "late_rows_after_snapshot": dg.MetadataValue.int(late.after_snapshot),
        "out_of_order_rows": dg.MetadataValue.int(late.out_of_order),
        "most_seconds_late": dg.MetadataValue.float(late.most_seconds),
    }


def _materialized(
    lake: Lake,
    key: tuple[str, str],
    source: Source,
    result: Validated,
    added: int,
    also: Mapping[str, dg.MetadataValue],
) -> dg.MaterializeResult:
    table = lake.table(names.table(*key))
    return dg.MaterializeResult(
        asset_key=dg.AssetKey(key),
        metadata={
            **table_metadata(table, added),
            "positions": positions_metadata({source.name: result.positions}),
            "reasons": markdown_table(("reason", "records"), list(result.reasons.items())),
            **also,
        },
        data_version=dg.DataVersion(result.positions.to_json()),
    )


def _check(result: Validated) -> dg.AssetCheckResult:
    """What the contract says of the batches. What fails, or waits, while the breaker is open fails no run.

    A failure of any severity keeps automation from going ahead.
    """
    report = result.held
    passed = report is None and not result.breaker.is_open
    rules = [c for r in [*result.reports, *([report] if report else [])] for c in r.checks]
    evidence: dict[str, dg.MetadataValue] = {
        "rules": markdown_table(
            ("rule", "passed", "severity", "value", "message"),
            [(c.name, "yes" if c.passed else "NO", c.severity, c.value, c.message) for c in rules],
        ),
        "ambiguous_times": dg.MetadataValue.int(sum(r.ambiguous_times for r in result.reports)),
    }
    if report is not None:
        evidence["held"] = markdown_table(("reason", "records"), list(report.reasons.items()))
    return dg.AssetCheckResult(
        check_name=CHECK,
        passed=passed,
        asset_key=dg.AssetKey(names.processed(subjects.name_of(result.breaker.subject))),
        severity=dg.AssetCheckSeverity.WARN if result.was_open else dg.AssetCheckSeverity.ERROR,
        metadata=evidence,
        description=_said(result),
    )


def _said(result: Validated) -> str | None:
    if result.held is not None:
        return held_message(result.held, result.breaker)
    return frozen_message([result.breaker]) if result.breaker.is_open else None


def held_message(report: BatchReport, breaker: Breaker) -> str:
    """Why a batch is held, and what to do about it."""
    said = f"the batch of {report.records} records is held, nothing of it was written: {report.broken_rules}. "
    if not breaker.is_open:
        return said + "The breaker stays closed for now; the batch is judged again with the next run."
    name = breaker.subject
    return said + (
        f"The breaker of {name} is open. Correct the producer (the next good batch makes it half open) or the contract "
        f"(the batch is judged again), or decide: `mlinfra breaker release {name}` lets it in as it is, "
        f"`mlinfra breaker drop {name}` leaves it out."
    )
