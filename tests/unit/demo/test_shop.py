from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from polars.testing import assert_frame_equal

from mlinfra_assets.demo import shop
from mlinfra_assets.demo.download import Remote
from mlinfra_assets.demo.simulated_rates import simulate as simulated_rates
from mlinfra_assets.errors import InvalidInputError
from tests.support.web_server import Answer, web_server

LINES = """Invoice,StockCode,Description,Quantity,InvoiceDate,Price,Customer ID,Country
536365,85123A,HEART,6,2010-12-01 08:26:00,2.55,17850.0,EIRE
581587,22138,BAKING SET,3,2011-12-09 12:50:00,4.95,12680.0,France
"""
OFFLINE = {
    "shop_remote": Remote("http://127.0.0.1:9/retail.zip", "retail.zip", 1_000_000, lambda _path: None),
    "rates_remote": Remote("http://127.0.0.1:9/rates.zip", "rates.zip", 1_000_000, lambda _path: None),
}


@pytest.fixture
def data(tmp_path: Path) -> Path:
    path = tmp_path / "retail.csv"
    path.write_text(LINES)
    return path


@pytest.fixture
def rates(tmp_path: Path) -> Path:
    path = tmp_path / "rates.zip"
    path.write_bytes(simulated_rates(7).as_of(date(2011, 12, 30)))
    return path


def load(tmp_path: Path, said: list[str] | None = None, **given: object) -> shop.ShopData:
    said = [] if said is None else said
    return shop.load(tmp_path / "home" / "demo", said.append, cache=tmp_path / "cache", **{**OFFLINE, **given})  # pyright: ignore[reportArgumentType]


def test_given_files_are_played(tmp_path: Path, data: Path, rates: Path) -> None:
    said: list[str] = []
    found = load(tmp_path, said, data=data, rates=rates)
    assert (found.origin, found.rates_origin, found.simulated) == ("retail.csv", "rates.zip", False)
    assert (found.first_day, found.last_day) == (date(2010, 12, 1), date(2011, 12, 9))
    assert said == []


def test_without_a_network_a_simulated_shop_is_played_and_that_is_said(tmp_path: Path) -> None:
    said: list[str] = []
    found = load(tmp_path, said)
    assert found.simulated
    assert found.lines.height > 100_000
    assert "http://127.0.0.1:9/retail.zip cannot be reached" in said[0]
    assert "simulated shop" in said[0]
    assert "--data FILE" in said[0]


def test_without_rates_simulated_ones_are_used_and_that_is_said(tmp_path: Path, data: Path) -> None:
    said: list[str] = []
    assert load(tmp_path, said, data=data).rates_origin == "simulated rates"
    assert "--rates FILE" in said[0]


def test_the_public_files_are_downloaded(tmp_path: Path, rates: Path) -> None:
    with web_server() as site:
        site.answers["/retail"], site.answers["/rates"] = Answer(LINES.encode()), Answer(rates.read_bytes())
        found = load(
            tmp_path,
            shop_remote=Remote(f"{site.url}/retail", "retail", 10_000, lambda _path: None),
            rates_remote=Remote(f"{site.url}/rates", "rates", 1_000_000, lambda _path: None),
        )
    assert (found.origin, found.rates_origin, found.simulated) == ("UCI Online Retail", "European Central Bank", False)
    assert found.lines.height == 2


def test_playing_again_plays_the_same_even_without_the_network(tmp_path: Path, data: Path, rates: Path) -> None:
    first = load(tmp_path, data=data, rates=rates)
    said: list[str] = []
    again = load(tmp_path, said, data=data)
    assert_frame_equal(again.lines, first.lines)
    assert (again.rates_origin, again.rates.as_of(again.last_day)) == (
        first.rates_origin,
        first.rates.as_of(first.last_day),
    )
    assert said == []


def test_a_home_that_plays_a_simulated_shop_goes_on_with_it_without_asking_the_network(tmp_path: Path) -> None:
    load(tmp_path)
    said: list[str] = []
    assert load(tmp_path, said).simulated
    assert said == []


def test_two_shops_cannot_share_a_home(tmp_path: Path, data: Path, rates: Path) -> None:
    load(tmp_path, data=data, rates=rates)
    data.write_text(LINES.replace("HEART", "STAR"))
    with pytest.raises(InvalidInputError, match=r"another shop \(retail\.csv\).*--home DIR"):
        load(tmp_path, data=data, rates=rates)


def test_a_history_that_is_too_short_is_refused_and_leaves_the_home_to_another(
    tmp_path: Path, data: Path, rates: Path
) -> None:
    data.write_text(LINES.replace("2010-12-01", "2011-12-01"))
    with pytest.raises(InvalidInputError, match="span 8 days, 2011-12-01 to 2011-12-09: the demo needs at least 240"):
        load(tmp_path, data=data, rates=rates)
    data.write_text(LINES)
    assert load(tmp_path, data=data, rates=rates).lines.height == 2


def test_rates_that_begin_too_late_are_refused(tmp_path: Path, data: Path, rates: Path) -> None:
    data.write_text(LINES.replace("2010-12-01", "2008-12-01"))
    with pytest.raises(InvalidInputError, match=r"begin on 2009-11-02, after the first order line \(2008-12-01\)"):
        load(tmp_path, data=data, rates=rates)


def test_a_repeated_part_is_told(tmp_path: Path, data: Path, rates: Path) -> None:
    header, *lines = LINES.splitlines()
    data.write_text("\n".join([header, *lines, *lines]) + "\n")
    said: list[str] = []
    load(tmp_path, said, data=data, rates=rates)
    assert "2 lines left out" in said[0]


def test_a_damaged_record_of_what_is_played_is_named(tmp_path: Path, data: Path, rates: Path) -> None:
    load(tmp_path, data=data, rates=rates)
    (tmp_path / "home" / "demo" / "shop.json").write_text("{")
    with pytest.raises(InvalidInputError, match=r"shop\.json is damaged"):
        load(tmp_path, data=data, rates=rates)
