"""What dbt builds in a workspace, and what becomes of it in the lake."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from mlinfra_assets.curated.build import Built, built
from mlinfra_assets.curated.determinism import rebuild
from mlinfra_assets.curated.errors import DbtError
from mlinfra_assets.curated.publish import publish, raise_if_withheld
from mlinfra_assets.lake.lake import Lake
from mlinfra_assets.lake.provenance import Provenance
from tests.support.processed_tables import exchange_rates, order_lines, write_exchange_rates, write_order_lines

RUN = Provenance("run", "code")
MODELS = {"stg_order_lines", "stg_exchange_rates", "orders", "returns", "customers", "products", "daily_revenue"}


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    lake = Lake(str(tmp_path_factory.mktemp("the shop's * lake")))
    rows = order_lines()
    write_order_lines(lake, rows[:3])
    write_order_lines(lake, rows[3:])
    write_exchange_rates(lake, exchange_rates())
    return lake


@pytest.fixture(scope="module")
def build(lake: Lake) -> Iterator[Built]:
    with built(lake) as build:
        yield build


def test_a_lake_without_any_table_gives_empty_models_and_the_unit_tests_hold(tmp_path: Path) -> None:
    lake = Lake(str(tmp_path))
    with built(lake, unit_tests=True) as build:
        assert "8 unit tests" in build.log
        raise_if_withheld(build)
        published = list(publish(lake, build, RUN))
    assert {p.model.name for p in published} == MODELS
    assert {p.rows for p in published} == {0}
    assert all(p.inputs == {} and p.positions == {} for p in published)


def test_a_model_names_the_versions_and_positions_that_it_rests_on(lake: Lake, build: Built) -> None:
    published = {p.model.name: p for p in publish(lake, build, RUN)}
    lines = lake.table("processed/order_lines").version()
    rates = lake.table("processed/exchange_rates").version()
    assert set(published) == MODELS
    assert published["orders"].inputs == {"processed/order_lines": lines}
    assert published["orders"].positions["order_lines"].to_dict() == {"offsets": {"0": 6}, "releases": 0}
    assert published["daily_revenue"].inputs == {"processed/exchange_rates": rates, "processed/order_lines": lines}
    assert set(published["daily_revenue"].positions) == {"order_lines", "exchange_rates"}
    kept = lake.table("curated/orders").provenance()
    assert kept is not None
    assert kept.run_id == "run"
    assert kept.extra["checksum"] == published["orders"].checksum


def test_revenue_is_in_pounds_and_in_euros_by_the_last_rate(lake: Lake, build: Built) -> None:
    list(publish(lake, build, RUN))
    days = {row["trade_date"]: row for row in lake.table("curated/daily_revenue").read().to_dicts()}
    first, second, last = (days[date(2010, 12, d)] for d in (1, 2, 4))
    assert first["revenue_gbp"] == Decimal("37.000")  # 15.30 + 18.00 + 3.70, the guest's included
    assert first["revenue_eur"] == Decimal("44.05")  # over 0.84 = 44.0476...
    assert second["revenue_gbp"] == Decimal("-3.050")
    assert second["rate_date"] == date(2010, 12, 1)
    assert second["revenue_eur"] == Decimal("-3.63")
    assert last["rate_date"] == date(2010, 12, 3)
    assert last["revenue_gbp"] == Decimal("18.500")
    assert last["bad_debt_gbp"] == Decimal("11062.060")


def test_a_guest_belongs_to_no_customer(lake: Lake, build: Built) -> None:
    list(publish(lake, build, RUN))
    assert sorted(lake.table("curated/customers").read()["customer_id"]) == [14527, 17850]
    assert sorted(lake.table("curated/orders").read()["invoice_no"]) == ["536365", "536390"]


def test_publishing_again_commits_nothing_twice(lake: Lake, build: Built, tmp_path: Path) -> None:
    other = Lake(str(tmp_path))
    started = publish(other, build, RUN)
    assert isinstance(started, Generator)
    first = next(started)
    started.close()  # the process dies here: one model is committed, the others are not
    again = list(publish(other, build, Provenance("retry", "code")))
    assert [p.status for p in again if p.model.name == first.model.name] == ["unchanged"]
    assert {p.status for p in again if p.model.name != first.model.name} == {"published"}
    assert {p.status for p in publish(other, build, RUN)} == {"unchanged"}
    assert all(other.table(p.model.table).version() == p.version for p in again)


def test_an_older_build_does_not_replace_a_newer_one(build: Built, tmp_path: Path) -> None:
    lake = Lake(str(tmp_path))
    first = next(p for p in publish(lake, build, RUN) if p.model.name == "orders")
    newer = {table: version + 1 for table, version in first.inputs.items()}
    stamped = Provenance("newer run", "code", inputs=newer, extra={"checksum": "other"})
    version = lake.table("curated/orders").replace(lake.table("curated/orders").read(), provenance=stamped).version
    again = next(p for p in publish(lake, build, RUN) if p.model.name == "orders")
    assert again.status == "superseded"
    assert lake.table("curated/orders").version() == version


def test_a_second_build_from_the_same_inputs_holds_the_same_rows(lake: Lake, build: Built) -> None:
    list(publish(lake, build, RUN))
    write_order_lines(lake, order_lines((("540000", "22633", "LATER", 1, "2010-12-05T10:00", "1.000", 1),), 7))
    found = rebuild(lake)
    assert {r.model.name for r in found} == MODELS
    assert all(r.same for r in found)


def test_an_unknown_model_is_refused_by_name(lake: Lake) -> None:
    with (
        pytest.raises(DbtError, match=r"no model order in the dbt project; there are .*orders"),
        built(lake, select=["order"]),
    ):
        pass
