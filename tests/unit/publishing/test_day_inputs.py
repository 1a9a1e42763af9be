"""What a day's snapshot is a function of: models count from the moment at which they went into production."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from mlinfra_assets.curated.row_wise import RowWiseModel
from mlinfra_assets.feature_store import DatasetSchema, Entity, FeatureStore
from mlinfra_assets.lake.lake import Lake
from mlinfra_assets.learning.promotions import PROMOTIONS_SCHEMA
from mlinfra_assets.publishing.day_inputs import DayInputs, day_inputs
from mlinfra_assets.publishing.documents import Documents
from mlinfra_assets.publishing.lake_reader import LakeReader
from tests.support.audited_shop import RUN, sources
from tests.support.shop_lines import LINES, shop_lines
from tests.support.shop_models import customer, shop_view
from tests.support.staging import STAGING_SQL

DAYS = [date(2011, 2, n) for n in (1, 2, 3, 4)]


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    lake = Lake(str(tmp_path))
    lake.table(LINES.table).append(shop_lines(customers=10, days=40), provenance=RUN)
    return lake


def documents(sql: str = STAGING_SQL) -> Documents:
    staging = RowWiseModel("stg_order_lines", sql, "order_lines", {})
    return Documents({LINES.name: LINES}, sources(), {"stg_order_lines": staging})


RETURNS = DatasetSchema("returns", LINES.columns, source="order_lines", table="curated/returns")


def two_datasets() -> Documents:
    staging = {name: RowWiseModel(name, STAGING_SQL, "order_lines", {}) for name in ("stg_order_lines", "returns")}
    return Documents({LINES.name: LINES, RETURNS.name: RETURNS}, sources(), staging)


def inputs(lake: Lake, of: Documents | None = None) -> list[DayInputs]:
    of = of or documents()
    return day_inputs(lake, shop_view(), of, DAYS, LakeReader(lake, of.datasets))


def promote(lake: Lake, number: int, version: str, at: datetime) -> None:
    row = {"number": number, "version": version, "promoted_at": at, "why": "", "metrics": "{}"}
    lake.table("models/churn_promotions").append(pl.DataFrame([row], schema=PROMOTIONS_SCHEMA), provenance=RUN)


def test_a_promotion_changes_the_days_that_end_after_it(lake: Lake) -> None:
    promote(lake, 1, "first", datetime(2011, 1, 1, tzinfo=UTC))
    before = inputs(lake)
    promote(lake, 2, "second", datetime(2011, 2, 4, tzinfo=UTC) - timedelta(microseconds=1))

    after = inputs(lake)

    assert [one.models for one in before] == [{"churn": "first"}] * 4
    assert [one.models for one in after] == [{"churn": v} for v in ("first", "first", "second", "second")]
    assert [a.digest == b.digest for a, b in zip(after, before, strict=True)] == [True, True, False, False]


def test_a_day_before_any_promotion_has_no_version(lake: Lake) -> None:
    promote(lake, 1, "first", datetime(2011, 2, 3, tzinfo=UTC))

    assert [one.models for one in inputs(lake)] == [{}, {}, {"churn": "first"}, {"churn": "first"}]


def test_other_staging_sql_is_another_digest_of_the_same_rows(lake: Lake) -> None:
    other = inputs(lake, documents(STAGING_SQL.replace("quantity > 0", "quantity >= 0")))

    found = inputs(lake)

    assert [one.known_rows for one in found] == [one.known_rows for one in other]
    assert {one.digest for one in found}.isdisjoint(one.digest for one in other)


def test_every_day_has_a_digest_of_its_own(lake: Lake) -> None:
    found = inputs(lake)

    assert [one.day for one in found] == DAYS
    assert len({one.digest for one in found}) == len(DAYS)
    assert {len(one.digest) for one in found} == {32}


def test_rows_of_a_dataset_behind_a_view_that_is_used_count_too(lake: Lake) -> None:
    of = two_datasets()
    store = FeatureStore(of.datasets)
    country = Entity("country", join_keys=["country"])
    by_country = store.create_feature_view("by_country", [country])(lambda returns: {"lines": returns.count()})
    view = store.create_feature_view("customers", [customer])(
        lambda stg_order_lines: {"abroad": by_country["lines"].at(country=stg_order_lines["country"].last())}
    )
    returns = lake.table(RETURNS.table)
    returns.append(shop_lines(customers=2, days=40, seed=8), provenance=RUN)
    before = day_inputs(lake, view, of, DAYS, LakeReader(lake, of.datasets))
    late = (
        shop_lines(customers=1, days=1)
        .head(1)
        .with_columns(
            _offset=pl.lit(10**6, pl.Int64()),
            _known_at=pl.lit(datetime(2011, 2, 3, 12, tzinfo=UTC)).cast(pl.Datetime("us", "UTC")),
        )
    )
    returns.append(late, provenance=RUN)

    reader = LakeReader(lake, of.datasets)
    after = day_inputs(lake, view, of, DAYS, reader)

    assert [a.known_rows - b.known_rows for a, b in zip(after, before, strict=True)] == [0, 0, 1, 1]
    assert [a.digest == b.digest for a, b in zip(after, before, strict=True)] == [True, True, False, False]
    assert reader.inputs == {LINES.table: 1, RETURNS.table: 2}
