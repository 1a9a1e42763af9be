"""The bank's file becomes a record a rate; a torn or hostile file is quarantined with a reason."""

from __future__ import annotations

import zipfile
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlinfra_assets import names
from mlinfra_assets.contracts.quarantine_schema import RELEASES_SCHEMA
from mlinfra_assets.contracts.report import Processed
from mlinfra_assets.contracts.source import FilesIngest
from mlinfra_assets.contracts.validate import process
from tests.support.declared import LANDED, declared, raw_rows, reasons
from tests.support.zips import zipped

BANK = declared("exchange_rates")
CSV = "Date,USD,GBP,ROL,\n2011-12-09,1.3384,0.8525,N/A,\n2011-12-08,1.3410,,N/A,\n"
FILE = zipped(("eurofxref-hist.csv", CSV))


def read(
    *payloads: bytes, latest: pl.DataFrame | None = None, first: int = 1, known_at: datetime = LANDED
) -> Processed:
    return process(BANK, raw_rows(payloads, first, known_at), latest=latest, max_payload_bytes=10)


def test_each_rate_is_a_record_and_cells_without_one_are_none() -> None:
    found = read(FILE)
    assert found.valid.select("rate_date", "currency", "rate", names.ROW).rows() == [
        (date(2011, 12, 9), "USD", Decimal("1.338400"), 0),
        (date(2011, 12, 9), "GBP", Decimal("0.852500"), 1),
        (date(2011, 12, 8), "USD", Decimal("1.341000"), 2),
    ]


def test_history_in_the_first_file_counts_as_known_from_the_day_that_it_was_published() -> None:
    found = read(FILE, known_at=datetime(2011, 12, 9, 14, tzinfo=UTC))
    times = found.valid.select("rate_date", names.EVENT_TIME, names.KNOWN_AT, names.ASSUMED).unique().sort("rate_date")
    assert times.rows() == [
        (date(2011, 12, 8), datetime(2011, 12, 7, 23, tzinfo=UTC), datetime(2011, 12, 8, 15, tzinfo=UTC), True),
        (date(2011, 12, 9), datetime(2011, 12, 8, 23, tzinfo=UTC), datetime(2011, 12, 9, 14, tzinfo=UTC), False),
    ]
    assert found.report.assumed == 1
    assert not read(FILE, first=2).valid[names.ASSUMED].any()


def test_a_file_that_repeats_all_days_adds_only_what_is_new_or_corrected() -> None:
    first = read(FILE)
    text = CSV.replace("1.3384", "1.3385").replace(
        "Date,USD,GBP,ROL,\n", "Date,USD,GBP,ROL,\n2011-12-12,1.3251,0.8491,N/A,\n"
    )
    then = read(zipped(("a.csv", text)), latest=first.valid, first=2, known_at=LANDED + timedelta(days=3))
    assert then.valid.select(pl.col("rate_date").cast(pl.String), "currency", names.ROW).rows() == [
        ("2011-12-12", "USD", 0),
        ("2011-12-12", "GBP", 1),
        ("2011-12-09", "USD", 2),
    ]
    assert then.report.unchanged == 2
    known = pl.concat([first.valid, then.valid])
    again = read(zipped(("a.csv", text)), latest=known, first=3, known_at=LANDED + timedelta(days=4))
    assert (again.report.valid, again.report.unchanged) == (0, 5)


@pytest.mark.parametrize(
    ("payload", "rule", "says"),
    [
        (FILE[:100], "zip", "torn"),
        (FILE[:-1], "zip", "torn"),
        (b"", "zip", "torn"),
        (b"not a zip", "zip", "torn"),
        (b"PK\x03\x04" + b"\xff" * 100, "zip", "torn"),
        (FILE.replace(b"eurofxref-hist.csv", b"eurofxref-hist.txt", 1), "zip", "torn"),
        (zipped(), "zip", "holds 0 files"),
        (zipped(("a.csv", CSV), ("b.csv", CSV)), "zip", "holds 2 files"),
        (zipped(("a.csv", CSV.replace("Date", "Day"))), "columns", "'Date' is missing"),
        (zipped(("a.csv", CSV.replace("USD", "GBP"))), "columns", "twice"),
        (zipped(("a.csv", "")), "columns", "empty"),
        (zipped(("a.csv", b"\xff\xfe\x00")), "UTF-8", "byte 0"),
        (zipped(("a.csv", 'Date,USD\n"2011-12-09,1.3\n')), "CSV", "line"),
        (zipped(("a.csv", "Date,USD\n" + "1" * 2_000_000)), "CSV", "longer than"),
        (zipped(("a.csv", "Date," + "x," * 600_000)), "CSV", "longer than"),
    ],
    ids=range(15),
)
def test_a_file_that_cannot_be_read_is_quarantined_and_the_next_one_is_not(
    payload: bytes, rule: str, says: str
) -> None:
    found = read(payload, FILE)
    assert found.valid[names.OFFSET].unique().to_list() == [2]
    assert reasons(found) == [[f"record: {rule}"]]
    assert says in found.quarantined["reasons"][0][0]["message"]
    assert found.report.passed


def test_a_flipped_byte_is_found_by_its_checksum() -> None:
    stored = bytearray(zipped(("a.csv", CSV), compression=zipfile.ZIP_STORED))
    stored[stored.index(b"1.3384")] = ord("2")
    assert reasons(read(bytes(stored))) == [["record: zip"]]


def test_a_zip_bomb_is_cut_off_while_it_is_unpacked() -> None:
    bomb = zipped(("a.csv", b"Date,USD\n" + b"0" * 50_000_000))
    assert len(bomb) < 60_000
    assert isinstance(BANK.ingest, FilesIngest)
    source = replace(BANK, ingest=replace(BANK.ingest, max_unpacked_bytes=1_000_000))
    found = process(source, raw_rows([bomb]), max_payload_bytes=10)
    assert reasons(found) == [["record: size"]]
    assert "more than 1,000,000 bytes" in found.quarantined["reasons"][0][0]["message"]


def test_wrong_cells_and_lines_are_quarantined_by_themselves() -> None:
    text = "Date,USD,GBP\n2011-12-09,1.33,x\n2011-12-08,1.34\n2011-13-07,-1,1\n\n2011-12-06,1.3,0.8\n"
    found = read(zipped(("a.csv", text)))
    assert found.valid[names.ROW].to_list() == [0, 5, 6]
    assert found.quarantined[names.ROW].to_list() == [1, 2, 3, 4]
    assert reasons(found) == [
        ["rate: type"],
        ["record: cells"],
        ["rate_date: format", "rate: minimum"],
        ["rate_date: format"],
    ]


def test_a_rate_is_released_from_its_place_in_the_file() -> None:
    rows = raw_rows([zipped(("a.csv", CSV.replace("2011-12-08,1.3410", "2011-12-08,1,3410")))])
    assert reasons(process(BANK, rows, max_payload_bytes=10)) == [["record: cells"]]
    fixed = b'{"Date":"2011-12-08","currency":"USD","rate":"1.3410"}'
    decision = pl.DataFrame([(1, 0, 1, 2, fixed, LANDED, "ann", "typo")], schema=RELEASES_SCHEMA, orient="row")
    found = process(BANK, rows, releases=decision, max_payload_bytes=1000)
    assert found.valid.select("currency", names.ROW, names.RELEASE, names.ASSUMED).rows() == [("USD", 2, 1, False)]


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_quarantined(payload: bytes) -> None:
    found = read(payload)
    assert found.report.records >= 1
    assert found.report.quarantined == found.report.records


@settings(deadline=None)
@given(st.integers(0, len(FILE) - 1), st.integers(1, 255))
def test_any_flipped_byte_gives_the_same_rates_or_a_reason(at: int, flip: int) -> None:
    torn = bytearray(FILE)
    torn[at] ^= flip
    found = read(bytes(torn))
    assert found.report.quarantined or found.valid.equals(read(FILE).valid)


@pytest.mark.service("data")
def test_the_banks_file(real_data) -> None:
    content = (real_data / "fx" / "eurofxref-hist.zip").read_bytes()
    found = read(content, known_at=datetime(2026, 4, 14, tzinfo=UTC))
    assert (found.report.valid, found.report.quarantined, found.report.assumed) == (217_555, 0, 217_555)
    assert found.valid["rate_date"].n_unique() == 6_983
    pound = found.valid.filter(currency="GBP", rate_date=date(2011, 12, 9))
    assert pound["rate"].to_list() == [Decimal("0.853150")]
    again = read(content, latest=found.valid, first=2, known_at=datetime(2026, 4, 15, tzinfo=UTC))
    assert (again.report.valid, again.report.unchanged) == (0, 217_555)
