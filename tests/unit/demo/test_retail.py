from __future__ import annotations

import gzip
import io
import zipfile
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from mlinfra_assets.demo import order_lines, retail
from mlinfra_assets.errors import InvalidInputError
from tests.support.workbook import write_workbook


def wall(text: str) -> datetime:
    return datetime.fromisoformat(text)


FIRST = ["InvoiceNo", "StockCode", "Description", "Quantity", "InvoiceDate", "UnitPrice", "CustomerID", "Country"]
SECOND = ["Invoice", "StockCode", "Description", "Quantity", "InvoiceDate", "Price", "Customer ID", "Country"]
EXPECTED = pl.DataFrame(
    [
        ("536365", "85123A", "WHITE HEART", "6", wall("2010-12-01 08:26"), "2.55", "17850.0", "United Kingdom", None),
        ("536366", "20713", None, "1", wall("2010-12-01 08:28"), "0.001", None, "EIRE", None),
        ("C536379", "D", "Discount", "-1", wall("2010-12-01 09:41"), "27.5", "14527.0", "United Kingdom", None),
    ],
    schema=order_lines.SCHEMA,
    orient="row",
).with_columns(pl.col("InvoiceDate").dt.replace_time_zone("UTC").alias("at"))  # fmt: skip
"""In December the wall clock in London shows UTC."""

TEXT = """536365,85123A,WHITE HEART,6,{0},2.55,17850.0,United Kingdom
536366,20713,,1,{1},0.001,,EIRE
C536379,D,Discount,-1,{2},27.5,14527,United Kingdom
"""
TIMES = {
    "iso": ("2010-12-01 08:26:00", "2010-12-01 08:28:00", "2010-12-01 09:41:00"),
    "iso with T": ("2010-12-01T08:26:00", "2010-12-01T08:28:00", "2010-12-01T09:41:00"),
    "american": ("12/1/2010 8:26", "12/1/2010 8:28", "12/1/2010 9:41"),
    "british": ("01/12/2010 08:26", "01/12/2010 08:28", "01/12/2010 09:41"),
    "dashed": ("01-12-2010 08:26", "01-12-2010 08:28", "01-12-2010 09:41"),
}
CELLS = [
    (536365, "85123A", "WHITE HEART", 6, wall("2010-12-01 08:26"), 2.55, 17850.0, "United Kingdom"),
    (536366, 20713, None, 1, wall("2010-12-01 08:28"), 0.001, None, "EIRE"),
    ("C536379", "D", "Discount", -1, wall("2010-12-01 09:41"), 27.5, 14527, "United Kingdom"),
]


def csv(names: list[str] = FIRST, times: str = "iso") -> str:
    return ",".join(names) + "\n" + TEXT.format(*TIMES[times])


def file(folder: Path, content: bytes | str, name: str = "data") -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


@pytest.mark.parametrize("names", [FIRST, SECOND], ids=["Online Retail", "Online Retail II"])
@pytest.mark.parametrize("times", ["iso", "iso with T", "dashed"])
def test_csv_is_read_with_either_naming(tmp_path: Path, names: list[str], times: str) -> None:
    assert_frame_equal(retail.read(file(tmp_path, csv(names, times))).lines, EXPECTED)


def test_gzipped_csv_is_known_by_its_content(tmp_path: Path) -> None:
    assert_frame_equal(retail.read(file(tmp_path, gzip.compress(csv().encode()), "x.txt")).lines, EXPECTED)


@pytest.mark.parametrize("names", [FIRST, SECOND], ids=["Online Retail", "Online Retail II"])
def test_xlsx_with_dates_floats_and_numbers_among_codes(tmp_path: Path, names: list[str]) -> None:
    path = write_workbook(tmp_path / "retail.xlsx", {"Online Retail": [names, *CELLS]})
    assert_frame_equal(retail.read(path).lines, EXPECTED)


def test_xlsx_inside_a_zip_as_uci_publishes_it(tmp_path: Path) -> None:
    inner = write_workbook(tmp_path / "Online Retail.xlsx", {"Online Retail": [FIRST, *CELLS]})
    with zipfile.ZipFile(tmp_path / "online+retail.zip", "w") as outer:
        outer.write(inner, "Online Retail.xlsx")
    assert_frame_equal(retail.read(tmp_path / "online+retail.zip").lines, EXPECTED)


@pytest.mark.parametrize("names", [FIRST, SECOND], ids=["Online Retail", "Online Retail II"])
def test_parquet_with_typed_columns(tmp_path: Path, names: list[str]) -> None:
    typed = pl.DataFrame(
        {
            "InvoiceNo": ["536365", "536366", "C536379"],
            "StockCode": ["85123A", "20713", "D"],
            "Description": ["WHITE HEART", None, "Discount"],
            "Quantity": pl.Series([6, 1, -1], dtype=pl.Int64),
            "InvoiceDate": EXPECTED["InvoiceDate"].dt.cast_time_unit("ns"),
            "UnitPrice": [2.55, 0.001, 27.5],
            "CustomerID": [17850.0, None, 14527.0],
            "Country": ["United Kingdom", "EIRE", "United Kingdom"],
        }
    )
    typed.rename(dict(zip(FIRST, names, strict=True))).write_parquet(tmp_path / "x.parquet")
    assert_frame_equal(retail.read(tmp_path / "x.parquet").lines, EXPECTED)


def test_semicolons_and_decimal_commas(tmp_path: Path) -> None:
    text = csv(SECOND).replace(",", ";").replace("2.55", "2,55").replace("0.001", "0,001").replace("27.5", "27,5")
    assert_frame_equal(retail.read(file(tmp_path, text)).lines, EXPECTED)


def test_latin_1_and_byte_order_marks_are_understood(tmp_path: Path) -> None:
    text = csv().replace("Discount", "£1 off")
    for content in (text.encode("latin-1"), b"\xef\xbb\xbf" + text.encode()):
        assert retail.read(file(tmp_path, content)).lines["Description"][2] == "£1 off"


def test_extra_columns_are_left_out(tmp_path: Path) -> None:
    text = "\n".join(f"{n},{line}" if n else f"index,{line}" for n, line in enumerate(csv().splitlines())) + "\n"
    assert_frame_equal(retail.read(file(tmp_path, text)).lines, EXPECTED)


def test_lines_come_in_order_of_time_and_keep_their_order_within_a_moment(tmp_path: Path) -> None:
    lines = csv().splitlines()
    text = "\n".join([lines[0], lines[3], lines[1], lines[1].replace("85123A", "71053"), lines[2]]) + "\n"
    found = retail.read(file(tmp_path, text)).lines
    assert found["StockCode"].to_list() == ["85123A", "71053", "20713", "D"]


def test_what_is_no_number_is_left_to_the_contract(tmp_path: Path) -> None:
    found = retail.read(file(tmp_path, csv().replace(",6,", ",six,").replace("2.55", "free"))).lines
    assert found.row(0)[3:6:2] == ("six", "free")


def test_summer_time_becomes_utc(tmp_path: Path) -> None:
    found = retail.read(file(tmp_path, csv().replace("2010-12-01", "2011-07-01"))).lines
    assert found["at"][0] == datetime(2011, 7, 1, 7, 26, tzinfo=UTC)


@pytest.mark.parametrize(
    ("wall", "utc"),
    [("2011-10-30 01:30:00", "2011-10-30 00:30"), ("2011-03-27 01:30:00", "2011-03-27 01:30")],
    ids=["an hour that comes twice is its first pass", "an hour that is skipped moves on by one"],
)
def test_clock_changes(tmp_path: Path, wall: str, utc: str) -> None:
    found = retail.read(file(tmp_path, csv().replace("2010-12-01 08:26:00", wall))).lines
    assert f"{found.filter(pl.col('InvoiceNo') == '536365')['at'][0]:%Y-%m-%d %H:%M}" == utc


def test_both_sheets_of_retail_ii_tell_an_overlapping_invoice_once(tmp_path: Path) -> None:
    older = (489434, 85048, "15CM CHRISTMAS GLASS BALL", 12, wall("2009-12-01 07:45"), 6.95, 13085.0, "EIRE")
    newer = (581587, 22138, "BAKING SET", 3, wall("2011-12-09 12:50"), 4.95, 12680.0, "France")
    sheets = {"Year 2009-2010": [SECOND, older, *CELLS], "Year 2010-2011": [SECOND, *CELLS, newer]}
    found = retail.read(write_workbook(tmp_path / "online_retail_II.xlsx", sheets))
    assert found.repeated == 3
    assert found.lines["InvoiceNo"].to_list() == ["489434", "536365", "536366", "C536379", "581587"]


def test_the_csv_form_of_retail_ii_tells_an_overlapping_invoice_once(tmp_path: Path) -> None:
    header, *lines = csv(SECOND).splitlines()
    later = [line.replace("2010-12-01", "2010-12-09").replace("36", "37") for line in lines]
    found = retail.read(file(tmp_path, "\n".join([header, *lines, *later, *lines, *later]) + "\n"))
    assert (found.lines.height, found.repeated) == (6, 6)


def test_equal_lines_of_one_invoice_are_all_kept(tmp_path: Path) -> None:
    lines = csv().splitlines()
    found = retail.read(file(tmp_path, "\n".join([*lines[:2], lines[1], *lines[2:]]) + "\n"))
    assert (found.lines.height, found.repeated) == (4, 0)


def refused(path: Path, *words: str) -> None:
    with pytest.raises(InvalidInputError) as error:
        retail.read(path)
    for word in (str(path), *words):
        assert word in str(error.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    refused(tmp_path / "none.csv", "does not exist")


def test_a_folder_is_refused(tmp_path: Path) -> None:
    refused(tmp_path, "is not a file")


def test_an_empty_file_is_refused(tmp_path: Path) -> None:
    refused(file(tmp_path, b""), "is empty")
    refused(file(tmp_path, ",".join(FIRST) + "\n"), "no lines")


def test_a_missing_column_is_named_with_the_nearest(tmp_path: Path) -> None:
    refused(file(tmp_path, csv().replace("Quantity", "Quantiy")), "'Quantity'", "'Quantiy'")
    refused(file(tmp_path, csv().replace("UnitPrice", "Cost")), "'UnitPrice' or 'Price'")


def test_two_columns_for_one_thing_are_refused(tmp_path: Path) -> None:
    refused(file(tmp_path, csv().replace("Country", "Price")), "both 'UnitPrice' and 'Price'")


@pytest.mark.parametrize("cut", [-40, -12, 15])
def test_a_torn_gzip_is_refused(tmp_path: Path, cut: int) -> None:
    refused(file(tmp_path, gzip.compress(csv().encode())[:cut]), "torn")


def test_a_csv_that_ends_inside_a_line_is_refused(tmp_path: Path) -> None:
    refused(file(tmp_path, csv()[:-20]), "torn", "line 4")
    refused(file(tmp_path, csv()[:-45]), "line 4")


def test_torn_xlsx_zip_and_parquet_are_refused(tmp_path: Path) -> None:
    book = write_workbook(tmp_path / "x.xlsx", {"s": [FIRST, *CELLS]}).read_bytes()
    refused(file(tmp_path, book[: len(book) // 2]), "torn")
    with zipfile.ZipFile(io.BytesIO(book)) as archive:
        sheet = archive.getinfo("xl/worksheets/sheet1.xml")
    flipped = bytearray(book)
    flipped[sheet.header_offset + 30 + len(sheet.filename) + sheet.compress_size // 2] ^= 0xFF
    refused(file(tmp_path, bytes(flipped)), "torn")
    packed = io.BytesIO()
    EXPECTED.write_parquet(packed)
    refused(file(tmp_path, packed.getvalue()[:-30]), "torn")


def test_other_files_are_refused(tmp_path: Path) -> None:
    refused(file(tmp_path, b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + bytes(100)), "no csv")
    refused(file(tmp_path, b"%PDF-1.7 hello\nworld\n"), "has no column")


def test_a_time_in_no_known_form_names_its_line(tmp_path: Path) -> None:
    refused(file(tmp_path, csv().replace("2010-12-01 08:28:00", "yesterday")), "line 3", "'yesterday'")
    refused(file(tmp_path, csv().replace("2010-12-01 08:28:00", "")), "line 3", "no InvoiceDate")


def test_what_unpacks_to_too_much_is_refused_while_reading(tmp_path: Path) -> None:
    from mlinfra_assets.demo.tabular import read_tables

    bomb = gzip.compress(bytes(5_000_000))
    with pytest.raises(InvalidInputError, match="more than 1,000,000 bytes"):
        read_tables(file(tmp_path, bomb), max_unpacked=1_000_000)
    with zipfile.ZipFile(tmp_path / "x.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x.csv", bytes(5_000_000))
    with pytest.raises(InvalidInputError, match="more than 1,000,000 bytes"):
        read_tables(tmp_path / "x.zip", max_unpacked=1_000_000)


@pytest.mark.service("data")
def test_the_real_file(real_data: Path) -> None:
    found = retail.read(real_data / "ecommerce" / "online_retail.csv.gz")
    lines = found.lines
    assert (lines.height, found.repeated, lines["InvoiceNo"].n_unique()) == (541_909, 0, 25_900)
    assert (lines["CustomerID"].null_count(), lines["Description"].null_count()) == (135_080, 1_454)
    assert lines["at"][0] == datetime(2010, 12, 1, 8, 26, tzinfo=UTC)
    assert lines["at"][-1] == datetime(2011, 12, 9, 12, 50, tzinfo=UTC)
    assert lines["UnitPrice"].cast(pl.Decimal(18, 3)).sum() == Decimal("2498803.974")
    assert lines["Quantity"].cast(pl.Int64).sum() == 5_176_450


@pytest.mark.service("data")
def test_american_and_british_times_of_a_real_slice_are_told_apart(tmp_path: Path, real_data: Path) -> None:
    lines = retail.read(real_data / "ecommerce" / "online_retail.csv.gz").lines.head(60_000)
    for form in ("%m/%d/%Y %H:%M", "%d/%m/%Y %H:%M"):
        written = lines.drop("at").with_columns(pl.col("InvoiceDate").dt.to_string(form))
        written.write_csv(tmp_path / "x.csv")
        assert_frame_equal(retail.read(tmp_path / "x.csv").lines, lines)


@pytest.mark.service("data")
@pytest.mark.parametrize("names", [FIRST, SECOND], ids=["Online Retail", "Online Retail II"])
def test_a_real_slice_is_the_same_in_every_form(tmp_path: Path, real_data: Path, names: list[str]) -> None:
    with gzip.open(real_data / "ecommerce" / "online_retail.csv.gz", "rb") as stream:
        head = b"".join(stream.readline() for _ in range(3_001))
    table = pl.read_csv(head, schema_overrides={"InvoiceNo": pl.String}, try_parse_dates=True)
    table.columns = names
    table.write_csv(tmp_path / "x.csv", datetime_format="%Y-%m-%d %H:%M:%S")
    (tmp_path / "x.csv.gz").write_bytes(gzip.compress((tmp_path / "x.csv").read_bytes()))
    table.write_parquet(tmp_path / "x.parquet")
    typed = [[int(c) if isinstance(c, str) and c.isdigit() else c for c in row] for row in table.iter_rows()]
    write_workbook(tmp_path / "x.xlsx", {"Year 1": [names, *typed[:2_000]], "Year 2": [names, *typed[2_000:]]})
    forms = [retail.read(tmp_path / f"x.{form}").lines for form in ("csv", "csv.gz", "parquet", "xlsx")]
    original = retail.read(file(tmp_path, head)).lines
    assert original.height == 3_000
    for lines in forms:
        assert_frame_equal(lines, original)
