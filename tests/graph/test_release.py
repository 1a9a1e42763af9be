"""A quarantined record that is released comes in at its position, known from its release on, and rewrites no past."""

from __future__ import annotations

from datetime import timedelta

from mlinfra_assets.contracts.declaration import load_sources
from mlinfra_assets.contracts.quarantine import Position, Quarantine, Release
from mlinfra_assets.datasets import SOURCES
from mlinfra_assets.ingest.source_tables import covered
from mlinfra_assets.lake.provenance import Provenance
from tests.support.platform import Platform
from tests.support.played_predictions import audit, days

SOURCE = "order_lines"


def release_early_record(platform: Platform) -> Release:
    """Release, corrected, the first record that was held for its quantity, an hour after the history ended."""
    platform.clock.set(platform.clock.now() + timedelta(hours=1))
    quarantine = Quarantine(platform.lake, load_sources(SOURCES), platform.clock, Provenance("run", "code"))
    held = next(
        row
        for row in quarantine.list(SOURCE).iter_rows(named=True)
        if {reason["field"] for reason in row["reasons"]} == {"quantity"}
    )
    position = Position(held["_partition"], held["_offset"], held["_row"])
    return quarantine.release(SOURCE, position, "a clerk", "the count was checked", {"Quantity": "12"})


def test_it_comes_in_at_its_position_known_from_its_release_on(platform: Platform) -> None:
    before = platform.count(f"processed/{SOURCE}")
    release = release_early_record(platform)

    for _ in range(2):
        assert platform.ingest(SOURCE).success

    processed = platform.rows(f"processed/{SOURCE}")
    assert processed.height == before + 1
    [row] = processed.filter(processed["_release"].is_not_null()).to_dicts()
    assert (row["_partition"], row["_offset"], row["_row"]) == (0, release.position.offset, 0)
    assert row["_release"] == release.number == 1
    assert row["_known_at"] == release.released_at == platform.clock.now()
    assert row["_event_time"] < row["_known_at"]
    assert row["quantity"] == 12
    assert covered(platform.lake.table(f"processed/{SOURCE}"), SOURCE).releases == 1


def test_predictions_made_before_still_reproduce(platform: Platform) -> None:
    made = days(platform)[-1]
    release = release_early_record(platform)
    assert release.position.offset < platform.log.end(SOURCE)[0]
    assert platform.ingest(SOURCE).success

    result, found = audit(platform, made)

    assert result.success
    assert found.passed, found.description
    assert found.metadata["made"].value > 100  # pyright: ignore[reportOperatorIssue]
