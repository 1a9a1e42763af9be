"""Records that were let in from quarantine: where they stood, as they were or corrected."""

from __future__ import annotations

import polars as pl

from mlinfra_assets.connectors.decode import NO_SCHEMAS, Records, decode, decode_one, json_reader
from mlinfra_assets.connectors.written_schema import Schemas
from mlinfra_assets.contracts.source import Source
from mlinfra_assets.contracts.violation import Violation


def released_records(
    source: Source,
    raw: pl.DataFrame,
    releases: pl.DataFrame,
    max_payload_bytes: int,
    schemas: Schemas = NO_SCHEMAS,
) -> tuple[pl.DataFrame, Records]:
    """The released records in order of their release.

    Args:
        source: How payloads are written.
        raw: Raw rows, among them those that the releases are about.
        releases: The decisions, `RELEASES_SCHEMA`.
        max_payload_bytes: A larger message is not read.
        schemas: The schemas that messages were written with. A payload that a release brings is a JSON object.

    Returns:
        A frame with a row a release (`known_at`, `partition`, `offset`, `release`), and the records, which refer to it.
    """
    decisions = releases.sort("number")
    held = _held(source, raw, decisions, max_payload_bytes, schemas)
    read = json_reader(source.contract)
    records = Records()
    for number, decision in enumerate(decisions.iter_rows(named=True)):
        position = (decision["partition"], decision["offset"], decision["row"])
        if decision["payload"] is not None:
            found = decode_one(decision["payload"], read, max_payload_bytes)
        else:
            missing = Violation(None, "raw", None, "the raw zone does not hold the record at this position")
            found = held.get(position, missing)
        records.add(number, decision["row"], found)
    rows = decisions.select(
        pl.col("released_at").alias("known_at"), "partition", "offset", pl.col("number").alias("release")
    )
    return rows, records


def _held(
    source: Source, raw: pl.DataFrame, decisions: pl.DataFrame, max_payload_bytes: int, schemas: Schemas
) -> dict[tuple[int, int, int], dict[str, object] | Violation]:
    """What raw holds at the positions of the decisions that do not bring a payload of their own."""
    as_it_was = decisions.filter(pl.col("payload").is_null())
    rows = raw.join(as_it_was.select("partition", "offset").unique(), on=["partition", "offset"], how="semi")
    wanted = set(as_it_was.select("partition", "offset", "row").iter_rows())
    records = decode(source, rows, max_payload_bytes, schemas)
    places = list(rows.select("partition", "offset").iter_rows())
    found: dict[tuple[int, int, int], dict[str, object] | Violation] = {}
    for value, raw_row, row in zip(records.values, records.raw, records.row, strict=True):
        if (position := (*places[raw_row], row)) in wanted:
            found[position] = value
    found.update({(*places[raw_row], row): violation for raw_row, row, violation in records.failed})
    return found
