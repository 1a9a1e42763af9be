"""What earlier days were like is kept once, and a verdict names the version that it was found against."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import orjson
import polars as pl
import pytest

from mlinfra_assets.contracts.contract import BatchRule, Field
from mlinfra_assets.contracts.source import Source
from mlinfra_assets.ingest.processed import Validated, validate_source
from mlinfra_assets.lake.lake import Lake
from mlinfra_assets.lake.provenance import Provenance
from tests.support.declared import LIMIT, raw_rows, stream_source

FIRST = datetime(2011, 12, 1, 12, tzinfo=UTC)
RUN = Provenance("run", "code")
PROFILE, PROCESSED = "processed/things_profile", "processed/things"
RULES = (
    BatchRule("mean", "meanShift", "x", "mustBeLessOrEqualTo", (2,), "number", min_rows=4, days=7),
    BatchRule("kinds", "populationStability", "c", "mustBeLessOrEqualTo", (0.5,), "number", min_rows=4, days=7),
)
SOURCE = stream_source(Field("x", "x", "number"), Field("c", "c", "string"), rules=RULES)


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(str(tmp_path))


def land(lake: Lake, day: int, numbers: list[float], kind: str = "a") -> None:
    table = lake.table("raw/things")
    first = table.count() + 1 if table.exists() else 1
    payloads: list[bytes | None] = [orjson.dumps({"x": x, "c": kind, "at": FIRST.isoformat()}) for x in numbers]
    table.append(raw_rows(payloads, first, FIRST + timedelta(days=day)), provenance=RUN)


def ingest(lake: Lake, source: Source = SOURCE) -> Validated:
    return validate_source(lake, source, RUN, FIRST, max_payload_bytes=LIMIT)


def test_a_batch_that_is_unlike_the_days_before_is_held(lake: Lake) -> None:
    for day in range(3):
        land(lake, day, [1.0, 2.0, 3.0, 4.0])
        assert ingest(lake).held is None
    land(lake, 3, [10.0, 20.0, 30.0, 40.0])
    held = ingest(lake).held
    assert held is not None
    broken = next(c for c in held.checks if not c.passed)
    assert broken.message.startswith("mean: 20.")
    assert "standard deviations is the mean of x away against 12 records of the 7 days before 2011-12-04" in (
        broken.message
    )


def test_a_kind_that_was_never_there_is_noticed(lake: Lake) -> None:
    land(lake, 0, [1.0, 2.0, 3.0, 4.0] * 3)
    ingest(lake)
    land(lake, 1, [1.0, 2.0, 3.0, 4.0] * 3, kind="b")
    held = ingest(lake).held
    assert [c.name for c in held.checks if not c.passed] == ["kinds"] if held else False


def test_a_day_is_taken_up_once_whoever_comes_first(lake: Lake) -> None:
    for day in range(3):
        land(lake, day, [1.0, 2.0, 3.0, 4.0])
        ingest(lake)
        land(lake, day, [1.0, 2.0, 3.0, 4.0])
        ingest(lake)
    kept = lake.table(PROFILE).read().sort("day", "kind")
    assert kept.filter(pl.col("kind") == "mean")["rows"].to_list() == [8, 8]
    assert kept.filter(pl.col("kind") == "value").select("value", "rows").rows() == [("a", 8), ("a", 8)]


def test_a_commit_names_the_profile_that_its_verdict_rests_on(lake: Lake) -> None:
    land(lake, 0, [1.0, 2.0, 3.0, 4.0])
    ingest(lake)
    land(lake, 1, [1.0, 2.0, 3.0, 4.0])
    ingest(lake)
    stamped = lake.table(PROCESSED).provenance()
    assert stamped is not None
    assert stamped.inputs[PROFILE] == lake.table(PROFILE).version()


def test_without_such_rules_there_is_no_profile(lake: Lake) -> None:
    land(lake, 0, [1.0])
    ingest(lake, stream_source(Field("x", "x", "number"), Field("c", "c", "string")))
    assert not lake.table(PROFILE).exists()
