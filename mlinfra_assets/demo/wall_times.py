"""Reads the times of the shop's data, which the world's copies write in several ways."""

from __future__ import annotations

import polars as pl

from mlinfra_assets.demo.order_lines import ZONE
from mlinfra_assets.errors import InvalidInputError

FORMATS = (
    "%Y-%m-%d %H:%M:%S",
    "%Y-%m-%d %H:%M",
    "%Y-%m-%dT%H:%M:%S",
    "%m/%d/%Y %H:%M",
    "%d/%m/%Y %H:%M",
    "%m/%d/%y %H:%M",
    "%d/%m/%y %H:%M",
    "%d-%m-%Y %H:%M",
    "%d.%m.%Y %H:%M",
    "%m/%d/%Y %H:%M:%S",
    "%d/%m/%Y %H:%M:%S",
)
EXPECTED = "2010-12-01 08:26:00, 12/1/2010 8:26 or 01/12/2010 08:26"


def wall_times(times: pl.Series, name: str) -> pl.Series:
    """Wall-clock times in London, without a zone, microseconds.

    One format holds for a whole file. Where month and day could be either, the reading that keeps the file closer to
    time order is taken, since the shop's data is written in that order.

    Args:
        times: Text, or times with or without a zone.
        name: The file, for messages.

    Raises:
        InvalidInputError: A line has no time, or no known format reads them all.
    """
    if times.null_count():
        line = int(times.is_null().arg_true()[0]) + 2
        raise InvalidInputError(f"{name}: line {line} has no InvoiceDate: the file is torn or not this data set")
    if isinstance(times.dtype, pl.Datetime):
        local = times if times.dtype.time_zone is None else times.dt.convert_time_zone(ZONE).dt.replace_time_zone(None)
        return local.cast(pl.Datetime("us"))
    text = times.cast(pl.String).str.strip_chars().str.replace(r"\.0+$", "")
    sample = text.head(2_000)
    readings = [parsed for form in FORMATS if _reads(sample, form) and not (parsed := _parse(text, form)).null_count()]
    if not readings:
        raise InvalidInputError(f"{name}: {_culprit(text)}; expected one format for all lines: {EXPECTED}")
    return min(readings, key=_steps_back)


def _parse(text: pl.Series, form: str) -> pl.Series:
    return text.str.to_datetime(form, time_unit="us", strict=False)


def _reads(sample: pl.Series, form: str) -> bool:
    return not _parse(sample, form).null_count()


def _steps_back(times: pl.Series) -> int:
    return int((times.diff().dt.total_microseconds() < 0).sum())


def _culprit(text: pl.Series) -> str:
    best = min((_parse(text, form) for form in FORMATS), key=pl.Series.null_count)
    line = int(best.is_null().arg_true()[0])
    return f"line {line + 2} has the InvoiceDate {text[line]!r}"
