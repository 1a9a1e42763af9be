"""A batch with too many records that break the contract stays out as a whole until somebody decides."""

from __future__ import annotations

import dagster as dg
import pytest

from mlinfra_assets import names
from tests.support.more_lines import send
from tests.support.platform import Platform

LINES, BROKEN = 600, 90
SOURCE = "order_lines"
STAGING = "curated/stg_order_lines"


def state(platform: Platform) -> dict[str, tuple[int, int]]:
    tables = ("/".join(names.processed(SOURCE)), "/".join(names.quarantine(SOURCE)))
    return {name: (platform.lake.table(name).version(), platform.count(name)) for name in tables}


def test_nothing_is_written_and_the_check_says_what_to_do(platform: Platform) -> None:
    before = state(platform)
    send(platform, LINES, BROKEN)

    assert not platform.ingest(SOURCE).success

    assert state(platform) == before
    found = platform.check(names.processed(SOURCE), "contract")
    assert found is not None
    assert not found.passed
    assert found.blocking
    said = found.description or ""
    assert said.startswith(f"the batch of {LINES} records is held, nothing of it was written: ")
    assert "few lines break the contract: 15%" in said
    assert "launch this asset with `accept_batch: true`" in said


def test_it_is_let_in_by_decision_with_its_broken_records_in_quarantine(platform: Platform) -> None:
    before = state(platform)
    send(platform, LINES, BROKEN)
    platform.ingest(SOURCE)

    assert platform.ingest(SOURCE, accept_batch=True).success

    processed, quarantine = before
    assert platform.count(processed) == before[processed][1] + LINES - BROKEN
    assert platform.count(quarantine) == before[quarantine][1] + BROKEN
    found = platform.check(names.processed(SOURCE), "contract")
    assert found is not None
    assert found.passed


def test_the_decision_is_about_this_batch_only(platform: Platform) -> None:
    send(platform, LINES, BROKEN)
    assert platform.ingest(SOURCE, accept_batch=True).success
    send(platform, LINES, BROKEN)

    assert not platform.ingest(SOURCE).success


@pytest.mark.parametrize(("broken", "goes_ahead"), [(0, True), (BROKEN, False)])
def test_automation_goes_ahead_on_good_batches_only(platform: Platform, broken: int, goes_ahead: bool) -> None:
    staging = dg.AssetKey(STAGING.split("/"))
    start = dg.evaluate_automation_conditions(
        platform.definitions, platform.instance, asset_selection=dg.AssetSelection.assets(staging)
    )
    send(platform, LINES, broken)
    platform.ingest(SOURCE)

    found = dg.evaluate_automation_conditions(
        platform.definitions,
        platform.instance,
        asset_selection=dg.AssetSelection.assets(staging),
        cursor=start.cursor,
    )

    assert bool(found.get_num_requested(staging)) is goes_ahead
