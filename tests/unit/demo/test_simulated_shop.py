from __future__ import annotations

from datetime import date

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from mlinfra_assets.demo import order_lines, simulated_rates
from mlinfra_assets.demo.fx import RateHistory
from mlinfra_assets.demo.simulated_shop import simulate


@pytest.fixture(scope="module")
def lines() -> pl.DataFrame:
    return simulate()


def kind() -> pl.Expr:
    return pl.col("InvoiceNo").str.extract(r"^([CA]?)\d{6}$")


def test_equal_seeds_give_equal_lines_and_others_do_not(lines: pl.DataFrame) -> None:
    assert_frame_equal(simulate(), lines)
    assert not simulate(1).equals(lines)


def test_it_has_the_shape_and_size_of_the_real_shop(lines: pl.DataFrame) -> None:
    assert lines.schema == order_lines.SCHEMA
    assert 100_000 < lines.height < 140_000
    assert lines["at"].is_sorted()
    assert (lines["at"][0].date(), lines["at"][-1].date()) == (date(2010, 12, 1), date(2011, 12, 9))
    assert 1_000 < lines["CustomerID"].n_unique() < 1_500
    assert 0.15 < lines["CustomerID"].null_count() / lines.height < 0.35


def test_every_line_is_written_as_the_till_writes_it(lines: pl.DataFrame) -> None:
    patterns = {
        "InvoiceNo": r"^[CA]?\d{6}$",
        "StockCode": r"^(\d{5}[A-Z]?|POST|B)$",
        "Quantity": r"^-?[1-9]\d*$",
        "UnitPrice": r"^-?\d+\.\d{1,2}$",
        "CustomerID": r"^\d{5}\.0$",
    }
    for column, pattern in patterns.items():
        assert lines[column].drop_nulls().str.contains(pattern).all(), column
    assert lines["Country"].null_count() == 0


def test_an_invoice_has_one_time_one_customer_and_its_number_follows_time(lines: pl.DataFrame) -> None:
    invoices = lines.group_by("InvoiceNo").agg(pl.col("at", "CustomerID", "Country").n_unique())
    assert invoices.select(pl.col("at", "CustomerID", "Country").max()).row(0) == (1, 1, 1)
    assert lines["InvoiceNo"].str.extract(r"(\d+)").cast(pl.Int64).is_sorted()


def test_the_shop_is_closed_on_saturdays_and_over_new_year(lines: pl.DataFrame) -> None:
    days = lines["InvoiceDate"].dt.date().unique()
    assert 6 not in days.dt.weekday().to_list()
    assert days.is_between(date(2010, 12, 24), date(2011, 1, 3)).sum() == 0


def test_goods_come_back_on_credit_notes_later_and_to_the_customer_who_bought_them(lines: pl.DataFrame) -> None:
    notes = lines.filter(kind() == "C")
    assert notes["InvoiceNo"].n_unique() > 300
    assert notes["Quantity"].cast(pl.Int64).max() == -1  # pyright: ignore[reportOptionalOperand]
    sold = lines.filter(kind() == "").group_by("CustomerID", "StockCode").agg(pl.col("at").min().alias("sold"))
    joined = notes.join(sold, on=["CustomerID", "StockCode"], how="left")
    assert (joined["at"] > joined["sold"]).all()


def test_a_few_lines_break_the_contract_in_the_ways_of_the_real_ones(lines: pl.DataFrame) -> None:
    quantity = pl.col("Quantity").cast(pl.Int64)
    write_offs = lines.filter((quantity < 0) & (kind() == ""))
    too_many = lines.filter(quantity.abs() > 10_000)
    assert (write_offs.height, too_many.height) == (220, 6)
    assert write_offs["CustomerID"].null_count() == 220
    assert lines.filter(kind() == "A")["UnitPrice"].to_list() == ["11062.06", "-11062.06", "-11062.06"]


def test_rates_look_like_the_banks_and_cover_the_shop() -> None:
    rates = simulated_rates.simulate()
    assert rates == simulated_rates.simulate()
    assert RateHistory.from_zip(rates.as_of(rates.last)) == rates
    assert (rates.first, rates.last) == (date(2009, 11, 2), date(2011, 12, 30))
    assert not any(day.weekday() > 4 for day, _ in rates.days)
    pounds = [float(line.split(",")[rates.header.split(",").index("GBP")]) for _, line in rates.days]
    assert 0.7 < min(pounds) < max(pounds) < 1.05
    assert "N/A" in rates.days[0][1]
