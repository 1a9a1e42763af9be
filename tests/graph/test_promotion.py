"""A retraining that is no better changes nothing in production; one that is reaches Redis through the hook."""

from __future__ import annotations

import polars as pl
import pytest

from mlinfra_assets.learning.store import ModelStore
from mlinfra_assets.learning.training_set import LABEL, ROLE
from tests.support.platform import Platform

TRAINING, MODEL = "training/churn", ("models", "churn")


def relabel(platform: Platform, label: pl.Expr) -> None:
    """Publish the training set with other labels."""
    table = platform.lake.table(TRAINING)
    provenance = table.provenance()
    assert provenance is not None
    table.replace(table.read().with_columns(label.cast(pl.Int64).alias(LABEL)), provenance=provenance)


@pytest.fixture
def production(platform: Platform) -> str:
    found = ModelStore(platform.lake, "churn").production()
    assert found is not None
    assert platform.store.model_version("churn") == found.version
    return found.version


def retrained(platform: Platform) -> str:
    result = platform.run(MODEL)
    assert result.success
    [event] = result.asset_materializations_for_node("__".join(MODEL))
    version = event.metadata["model_version"].value
    assert isinstance(version, str)
    return version


def test_one_that_learned_the_opposite_leaves_production_and_redis_alone(platform: Platform, production: str) -> None:
    versions, served = platform.count("models/churn"), platform.store.model("churn")
    relabel(platform, pl.when(pl.col(ROLE) == "holdout").then(pl.col(LABEL)).otherwise(1 - pl.col(LABEL)))

    version = retrained(platform)

    assert version != production
    assert platform.count("models/churn") == versions + 1
    kept = ModelStore(platform.lake, "churn").production()
    assert kept is not None
    assert kept.version == production
    assert platform.store.model("churn") == served
    found = platform.check(MODEL, "beats_production")
    assert found is not None
    assert not found.passed
    assert production in (found.description or "")
    assert platform.asked("online_repair") == []


def test_a_better_one_goes_into_production_and_reaches_redis(platform: Platform, production: str) -> None:
    relabel(platform, 1 - pl.col(LABEL))

    version = retrained(platform)

    promoted = ModelStore(platform.lake, "churn").production()
    assert promoted is not None
    assert version == promoted.version != production
    assert platform.store.model_version("churn") == version
    found = platform.check(("online", "churn"), "pushed")
    assert found is not None
    assert found.passed
    assert platform.asked("online_repair") == []
