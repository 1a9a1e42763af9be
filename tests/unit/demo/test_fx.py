from __future__ import annotations

import io
import zipfile
from datetime import date
from pathlib import Path

import pytest

from mlinfra_assets.demo.fx import MEMBER, RateHistory
from mlinfra_assets.errors import InvalidInputError

CSV = """Date,USD,GBP,EEK,
2011-01-05,1.3165,0.85,N/A,
2011-01-04,1.3367,0.8576,N/A,
2010-12-31,1.3362,0.86075,15.6466,
"""


def zipped(text: str = CSV, member: str = MEMBER) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(member, text)
    return packed.getvalue()


def text_of(content: bytes) -> str:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return archive.read(MEMBER).decode()


def test_the_file_of_an_earlier_day_holds_the_days_up_to_it() -> None:
    rates = RateHistory.from_zip(zipped())
    assert (rates.first, rates.last) == (date(2010, 12, 31), date(2011, 1, 5))
    assert text_of(rates.as_of(date(2011, 1, 4))) == CSV.replace("2011-01-05,1.3165,0.85,N/A,\n", "")
    assert text_of(rates.as_of(date(2011, 1, 9))) == CSV


def test_equal_days_give_equal_bytes() -> None:
    rates = RateHistory.from_zip(zipped())
    assert rates.as_of(date(2011, 1, 4)) == rates.as_of(date(2011, 1, 4))
    assert RateHistory.from_zip(rates.as_of(date(2011, 1, 5))) == rates


def test_on_a_day_without_rates_the_last_ones_are_published() -> None:
    rates = RateHistory.from_zip(zipped())
    assert rates.published(date(2011, 1, 2)) == date(2010, 12, 31)
    assert rates.published(date(2010, 12, 30)) is None


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (zipped()[:-20], "torn"),
        (b"<html>", "torn"),
        (zipped(member="other.csv"), "holds no eurofxref-hist.csv"),
        (zipped("a,b\n1,2\n"), "its first line is 'a,b'"),
        (zipped("Date,USD,GBP,\n"), "no day of rates"),
        (zipped(CSV + "2010-12-30,1.3\n"), "line 5 is no day of rates"),
        (zipped(CSV + "tomorrow,1.3,1,1,\n"), "line 5 is no day of rates"),
    ],
)
def test_what_is_not_the_banks_file_is_refused(content: bytes, words: str) -> None:
    with pytest.raises(InvalidInputError, match=words):
        RateHistory.from_zip(content)


def test_a_damaged_file_is_refused() -> None:
    content = bytearray(zipped())
    content[70] ^= 0xFF
    with pytest.raises(InvalidInputError, match="torn"):
        RateHistory.from_zip(bytes(content))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match=r"none\.zip cannot be read"):
        RateHistory.read(tmp_path / "none.zip")


@pytest.mark.service("data")
def test_the_real_file(real_data: Path) -> None:
    rates = RateHistory.read(real_data / "fx" / "eurofxref-hist.zip")
    assert (rates.first, len(rates.days)) == (date(1999, 1, 4), 6_983)
    assert RateHistory.from_zip(rates.as_of(date(2011, 12, 9))).last == date(2011, 12, 9)
