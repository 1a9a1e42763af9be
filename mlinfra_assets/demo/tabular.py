"""Reads a table out of csv, csv.gz, xlsx, parquet, or a zip with one of these, as text; sizes are capped while reading.

Knows nothing of what the table holds.
"""

from __future__ import annotations

import gzip
import io
import zipfile
import zlib
from pathlib import Path

import polars as pl

from mlinfra_assets.errors import InvalidInputError

MAX_UNPACKED = 1024**3
CHUNK = 1 << 20


def read_tables(path: Path, max_unpacked: int = MAX_UNPACKED) -> list[pl.DataFrame]:
    """Every table of a file: one, or one a sheet.

    What a file is, is seen from its content, not from its name.

    Args:
        path: A csv (comma, semicolon or tab; UTF-8 or Latin-1), a gzip of one, an xlsx, a parquet, or a zip.
        max_unpacked: Most bytes that a compressed file may unpack to.

    Returns:
        Tables with text columns; a parquet's columns keep their types.

    Raises:
        InvalidInputError: The file is missing, empty, torn, too large, or none of these kinds.
    """
    if not path.exists():
        raise InvalidInputError(f"{path} does not exist: give the path of a csv, csv.gz, xlsx or parquet file")
    if not path.is_file():
        raise InvalidInputError(f"{path} is not a file: give the path of a csv, csv.gz, xlsx or parquet file")
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InvalidInputError(f"{path} cannot be read: {error.strerror or error}") from error
    if not content:
        raise InvalidInputError(f"{path} is empty: download it again")
    return _tables(content, str(path), max_unpacked)


def _tables(content: bytes, name: str, limit: int) -> list[pl.DataFrame]:
    if content.startswith(b"\x1f\x8b"):
        return [_csv(_gunzip(content, name, limit), name)]
    if content.startswith(b"PK\x03\x04"):
        return _zipped(content, name, limit)
    if content.startswith(b"PAR1"):
        return [_parquet(content, name)]
    return [_csv(content, name)]


def _gunzip(content: bytes, name: str, limit: int) -> bytes:
    parts, size = [], 0
    try:
        with gzip.open(io.BytesIO(content)) as stream:
            while part := stream.read(CHUNK):
                parts.append(part)
                size += len(part)
                if size > limit:
                    raise InvalidInputError(f"{name} unpacks to more than {limit:,} bytes: it is not a table of orders")
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise InvalidInputError(f"{name} is torn ({error}): download it again") from error
    return b"".join(parts)


def _zipped(content: bytes, name: str, limit: int) -> list[pl.DataFrame]:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = [m for m in archive.infolist() if not m.is_dir()]
            if sum(m.file_size for m in members) > limit:
                raise InvalidInputError(f"{name} unpacks to more than {limit:,} bytes: it is not a table of orders")
            names = [m.filename for m in members]
            if "xl/workbook.xml" in names:
                broken = archive.testzip()
                if broken is not None:
                    raise InvalidInputError(f"{name} is torn (its part {broken} is damaged): download it again")
                return _xlsx(content, name)
            inner = [m for m in members if m.filename.lower().endswith((".xlsx", ".csv", ".parquet"))]
            if len(inner) != 1:
                raise InvalidInputError(f"{name} should hold one csv, xlsx or parquet; it holds {names[:5]}")
            with archive.open(inner[0]) as stream:
                unpacked = stream.read(limit + 1)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise InvalidInputError(f"{name} is torn ({error}): download it again") from error
    return _tables(unpacked, f"{name}:{inner[0].filename}", limit)


def _xlsx(content: bytes, name: str) -> list[pl.DataFrame]:
    import fastexcel

    try:
        book = fastexcel.read_excel(content)
        return [book.load_sheet(sheet, dtypes="string").to_polars() for sheet in book.sheet_names]
    except fastexcel.FastExcelError as error:
        raise InvalidInputError(f"{name} cannot be read as xlsx: {str(error).splitlines()[0]}") from error


def _parquet(content: bytes, name: str) -> pl.DataFrame:
    try:
        return pl.read_parquet(io.BytesIO(content))
    except (pl.exceptions.PolarsError, OSError) as error:
        raise InvalidInputError(f"{name} is torn ({str(error).splitlines()[0]}): download it again") from error


def _csv(content: bytes, name: str) -> pl.DataFrame:
    if b"\0" in content[:4096]:
        raise InvalidInputError(f"{name} is no csv, csv.gz, xlsx or parquet file")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = content.decode("latin-1")
    header = text[: text.find("\n")] if "\n" in text else text
    separator = max(",;\t", key=header.count)
    try:
        table = pl.read_csv(text.encode(), separator=separator, infer_schema=False)
    except pl.exceptions.PolarsError as error:
        raise InvalidInputError(f"{name} cannot be read as csv: {str(error).splitlines()[0]}") from error
    _refuse_cut_line(table, text, name)
    return table


def _refuse_cut_line(table: pl.DataFrame, text: str, name: str) -> None:
    """A file that ends in the middle of a line was not copied to its end."""
    if table.is_empty() or text.endswith(("\n", "\r")) or table.width < 2:
        return
    if table.row(-1)[-1] is None and not text.endswith((",", ";", "\t")):
        raise InvalidInputError(f"{name} is torn (it ends inside line {table.height + 1}): download it again")
