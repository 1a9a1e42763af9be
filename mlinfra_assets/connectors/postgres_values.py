"""How values of Postgres's types are written here, whichever way they come: one text for one value.

A snapshot brings Postgres's own text, Debezium its own encodings. Both are put into this form, so that they are equal
where the values are.
"""

from __future__ import annotations

import re
from decimal import Decimal

FRACTION = re.compile(r"\.(\d*?)0*(?=Z|[+-]|$)")
INTERVAL = re.compile(
    r"P(?:(?P<years>-?\d+)Y)?(?:(?P<months>-?\d+)M)?(?:(?P<days>-?\d+)D)?"
    r"(?:T(?:(?P<hours>-?\d+)H)?(?:(?P<minutes>-?\d+)M)?(?:(?P<seconds>-?\d+(?:\.\d+)?)S)?)?"
)
UNITS = (("years", "Y"), ("months", "M"), ("days", "D"))
TIME_UNITS = (("hours", "H"), ("minutes", "M"), ("seconds", "S"))


def timestamp_text(text: str) -> str:
    """A time or date in ISO 8601 with a T and no zeros at the end of its fraction; `+00` and `+00:00` become Z.

    The year before the year 1 is 0000, the one before that -0001. Infinities stay as Postgres writes them.
    """
    if text.endswith("infinity"):
        return text
    if text.endswith(" BC"):
        year, _, rest = text.removesuffix(" BC").partition("-")
        text = f"{_astronomical(1 - int(year))}-{rest}"
    text = text.replace(" ", "T", 1)
    for utc in ("+00:00", "+00"):
        if text.endswith(utc):
            text = text.removesuffix(utc) + "Z"
    return without_zeros(text)


def without_zeros(text: str) -> str:
    """A time without zeros at the end of its fraction."""
    return FRACTION.sub(lambda found: f".{found[1]}" if found[1] else "", text, count=1) if "." in text else text


def time_text(micros: int) -> str:
    """A time of day, from its microseconds since midnight; the end of the day is 24:00:00."""
    seconds, fraction = divmod(micros, 1_000_000)
    hours, rest = divmod(seconds, 3600)
    return without_zeros(f"{hours:02}:{rest // 60:02}:{rest % 60:02}.{fraction:06}")


def interval_text(text: str) -> str:
    """An ISO 8601 duration without the parts that are zero; PT0S if all are."""
    found = INTERVAL.fullmatch(text)
    if found is None:
        return text
    date = "".join(f"{n}{unit}" for name, unit in UNITS if (n := _number(found[name])))
    time = "".join(f"{n}{unit}" for name, unit in TIME_UNITS if (n := _number(found[name])))
    return "P" + date + (f"T{time}" if time else "") if date or time else "PT0S"


def decimal_text(value: Decimal) -> str:
    """A number in digits, without an exponent, with all digits after its point."""
    return f"{value:f}"


def _astronomical(year: int) -> str:
    return f"-{-year:04}" if year < 0 else f"{year:04}"


def _number(text: str | None) -> str:
    if text is None or not Decimal(text):
        return ""
    return text.rstrip("0").rstrip(".") if "." in text else text
