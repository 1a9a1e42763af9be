"""A batch with too many records that break the contract opens the breaker, and stays out until it is decided."""

from __future__ import annotations

import dagster as dg
import pytest

from mlinfra_assets import names
from mlinfra_assets.breakers import subjects
from mlinfra_assets.breakers.decisions import Decision, release_held
from mlinfra_assets.breakers.log import BreakerLog
from mlinfra_assets.lake.provenance import Provenance
from tests.support.more_lines import send
from tests.support.platform import Platform

LINES, BROKEN = 600, 90
SOURCE = "order_lines"
STAGING = "curated/stg_order_lines"
BREAKER = subjects.source(SOURCE)


def state(platform: Platform) -> dict[str, tuple[int, int]]:
    tables = ("/".join(names.processed(SOURCE)), "/".join(names.quarantine(SOURCE)))
    return {name: (platform.lake.table(name).version(), platform.count(name)) for name in tables}


def release(platform: Platform) -> None:
    decision = Decision("ann", "checked with the till", platform.clock.now(), Provenance("by hand", "code"))
    release_held(BreakerLog(platform.lake), BREAKER, decision)


def test_nothing_is_written_and_the_checks_say_what_to_do(platform: Platform) -> None:
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
    assert f"mlinfra breaker release {BREAKER}" in said
    breaker = platform.check(names.processed(SOURCE), "breaker")
    assert breaker is not None
    assert not breaker.passed
    assert "few lines break the contract: 15%" in (breaker.description or "")


def test_runs_while_it_is_open_land_raw_and_succeed_and_say_why_nothing_else_came(platform: Platform) -> None:
    send(platform, LINES, BROKEN)
    platform.ingest(SOURCE)
    before, raw = state(platform), platform.count(f"raw/{SOURCE}")
    send(platform, 5)

    result = platform.ingest(SOURCE)

    assert result.success
    assert platform.count(f"raw/{SOURCE}") == raw + 5
    assert state(platform) == before
    assert [e.asset_key.to_user_string() for e in result.get_asset_materialization_events() if e.asset_key] == [
        f"raw/{SOURCE}"
    ]
    for key in (names.processed(SOURCE), names.quarantine(SOURCE)):
        [seen] = platform.instance.fetch_observations(dg.AssetKey(key), limit=1).records
        assert seen.asset_observation is not None
        assert "few lines break the contract: 15%" in str(seen.asset_observation.metadata["frozen"].value)


def test_it_is_let_in_by_decision_with_its_broken_records_in_quarantine(platform: Platform) -> None:
    before = state(platform)
    send(platform, LINES, BROKEN)
    platform.ingest(SOURCE)

    release(platform)
    assert platform.ingest(SOURCE).success

    processed, quarantine = before
    assert platform.count(processed) == before[processed][1] + LINES - BROKEN
    assert platform.count(quarantine) == before[quarantine][1] + BROKEN
    for check in ("contract", "breaker"):
        found = platform.check(names.processed(SOURCE), check)
        assert found is not None
        assert found.passed


def test_the_decision_is_about_this_batch_only(platform: Platform) -> None:
    send(platform, LINES, BROKEN)
    platform.ingest(SOURCE)
    release(platform)
    assert platform.ingest(SOURCE).success
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
