"""A home whose tables were maintained to the utmost does all that it did before: nothing that is read is gone."""

from __future__ import annotations

from datetime import timedelta
from typing import cast

import dagster as dg
import pytest

from mlinfra_assets import names
from mlinfra_assets.assets.maintenance import ZONES
from mlinfra_assets.audit.predictions import audit_predictions
from mlinfra_assets.curated.determinism import rebuild
from mlinfra_assets.learning.store import ModelStore
from mlinfra_assets.maintenance.maintain import maintain
from mlinfra_assets.registry.registry import Registry
from tests.support.audited_shop import MAX_PAYLOAD, sources
from tests.support.platform import Platform

VIEW = "customer_features"


@pytest.fixture
def maintained(platform: Platform) -> Platform:
    """A played home on which every file is gone that no version needs which is read again."""
    found = maintain(platform.lake, platform.lake.tables(), timedelta(), "test")
    assert sum(one.removed for one in found) > 0
    assert any(one.pinned for one in found)
    return platform


def test_everything_that_reads_an_old_version_still_can(maintained: Platform) -> None:
    lake = maintained.lake
    assert maintained.run(names.online(VIEW)).success
    rebuilt = rebuild(lake)
    assert len(rebuilt) > 3
    assert all(one.same for one in rebuilt)
    report = audit_predictions(lake, Registry(lake), sources(), max_payload_bytes=MAX_PAYLOAD)
    assert report.made > 0
    assert report.passed
    store = ModelStore(lake, "churn")
    production = store.production()
    assert production is not None
    model = store.load(production.version)
    training = lake.table(model.training_table)
    assert training.read(version=model.training_version).height > 0
    provenance = training.provenance(model.training_version)
    assert provenance is not None
    for table, version in provenance.inputs.items():
        assert lake.table(table).read(version=version).height > 0


def test_a_day_that_is_asked_for_again_is_what_it_was(maintained: Platform) -> None:
    day = maintained.newest_day(VIEW)
    assert maintained.snapshot(VIEW, day).success
    event = maintained.instance.get_latest_materialization_event(dg.AssetKey(names.features(VIEW)))
    assert event is not None
    assert event.asset_materialization is not None
    assert event.asset_materialization.metadata["days_unchanged"].value == 1


def test_the_assets_say_what_they_did_table_by_table(platform: Platform) -> None:
    result = platform.run(*((names.MAINTENANCE, zone) for zone in ZONES))

    assert result.success
    for zone in ZONES:
        event = platform.instance.get_latest_materialization_event(dg.AssetKey([names.MAINTENANCE, zone]))
        assert event is not None
        assert event.asset_materialization is not None
        said = cast("dict[str, dict[str, int]]", event.asset_materialization.metadata["by_table"].value)
        assert set(said) == {name for name in platform.lake.tables() if name.startswith(f"{zone}/")}
        for table in said.values():
            assert table["files_after"] <= table["files_before"]
            assert table["oldest_readable"] == 0, "all of it is young"
