"""How producers write dates and times: ODCS formats (letters of Java's DateTimeFormatter), and local time to UTC."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from functools import cache
from zoneinfo import ZoneInfo

from mlinfra_assets.clock import to_micros
from mlinfra_assets.contracts.contract import Ambiguous

LETTERS = {
    "yyyy": r"(?P<year>\d{4})",
    "MM": r"(?P<month>\d{2})",
    "M": r"(?P<month>\d{1,2})",
    "dd": r"(?P<day>\d{2})",
    "d": r"(?P<day>\d{1,2})",
    "HH": r"(?P<hour>\d{2})",
    "H": r"(?P<hour>\d{1,2})",
    "mm": r"(?P<minute>\d{2})",
    "ss": r"(?P<second>\d{2})",
    "XXX": r"(?P<zone>Z|[+-]\d{2}:\d{2})",
    **{"S" * n: rf"(?P<fraction>\d{{{n}}})" for n in range(1, 7)},
}
TOKEN = re.compile(r"(?P<letters>([A-Za-z])\2*)|'(?P<quoted>[^']*)'|(?P<other>[^A-Za-z'])")
DAY = r"(?P<year>\d{4})-(?P<month>\d{2})-(?P<day>\d{2})"
ISO_DATE = re.compile(DAY, re.ASCII)
ISO_TIMESTAMP = re.compile(
    DAY + r"[T ](?P<hour>\d{2}):(?P<minute>\d{2})(:(?P<second>\d{2})(\.(?P<fraction>\d{1,6}))?)?"
    r"(?P<zone>Z|[+-]\d{2}:\d{2})?",
    re.ASCII,
)

Reader = Callable[[str], datetime]


@dataclass(frozen=True)
class Instant:
    """A local time in UTC.

    Attributes:
        micros: Microseconds since the epoch, UTC.
        ambiguous: Whether a clock change makes the local time ambiguous or non-existent.
    """

    micros: int
    ambiguous: bool


@dataclass(frozen=True)
class Step:
    """One part of a format.

    Attributes:
        part: `year`, `month`, `day`, `hour`, `minute`, `second`, `fraction`, `zone`, or `literal`.
        text: The letters; of a literal its characters.
        least: Fewest digits.
        most: Most digits.
    """

    part: str
    text: str = ""
    least: int = 0
    most: int = 0


@cache
def compile_format(text: str | None, *, with_time: bool) -> Reader:
    """A reader of texts in this format (None: ISO 8601), strict about every digit.

    The reader gives an aware datetime where the text names its offset, else a naive one; it raises ValueError.

    Raises:
        ValueError: The format has letters that are not supported, or lacks a part of the date.
    """
    if text is None:
        return _reader(ISO_TIMESTAMP if with_time else ISO_DATE, "ISO 8601")
    pattern, groups = "", set[str]()
    for step in steps(text):
        if step.part in groups:
            raise ValueError(f"{text!r} names the {step.part} twice")
        if step.part == "literal":
            pattern += re.escape(step.text)
        else:
            groups.add(step.part)
            pattern += LETTERS[step.text]
    needed = {"year", "month", "day"} | ({"hour", "minute"} if with_time else set())
    if not needed <= groups:
        raise ValueError(f"{text!r} lacks the {', '.join(sorted(needed - groups))}")
    if not with_time and groups > needed:
        raise ValueError(f"{text!r} has a time of day, but the field is a date: make it a timestamp")
    return _reader(re.compile(pattern, re.ASCII), text)


def steps(text: str) -> list[Step]:
    """The parts of a format, in order.

    Raises:
        ValueError: The format has letters that are not supported.
    """
    found: list[Step] = []
    position = 0
    while position < len(text):
        token = TOKEN.match(text, position)
        if token is None:
            raise ValueError(f"the quote at character {position} of {text!r} is not closed: close it")
        position = token.end()
        letters = token["letters"]
        if letters is None:
            found.append(Step("literal", token["quoted"] if token["quoted"] is not None else token["other"]))
            continue
        if letters not in LETTERS:
            raise ValueError(f"{letters!r} in {text!r} is not supported: use {', '.join(LETTERS)}, and quote text")
        part = re.findall(r"<(\w+)>", LETTERS[letters])[0]
        most = 2 if letters in {"M", "d", "H"} else len(letters)
        found.append(Step(part, letters, len(letters), most))
    return found


def to_utc(at: datetime, zone: ZoneInfo, rule: Ambiguous) -> Instant:
    """The instant of a time; one without an offset is local to `zone`.

    A local time that happens twice stands for the earlier or the later instant, as `rule` says. One that a clock
    change leaves out is read with the offset in force before the change and with the one after it, and stands for the
    earlier or the later of these two instants.
    """
    if at.tzinfo is not None:
        return Instant(to_micros(at), ambiguous=False)
    first, second = at.replace(tzinfo=zone, fold=0), at.replace(tzinfo=zone, fold=1)
    before, after = first.utcoffset() or timedelta(), second.utcoffset() or timedelta()
    naive = to_micros(at.replace(tzinfo=UTC))
    instants = (naive - before // timedelta(microseconds=1), naive - after // timedelta(microseconds=1))
    return Instant(min(instants) if rule == "earlier" else max(instants), ambiguous=before != after)


def _reader(pattern: re.Pattern[str], name: str) -> Reader:
    def read(text: str) -> datetime:
        match = pattern.fullmatch(text)
        if match is None:
            raise ValueError(f"not in the format {name}")
        part = match.groupdict()
        return datetime(
            int(part["year"]),
            int(part["month"]),
            int(part["day"]),
            int(part.get("hour") or 0),
            int(part.get("minute") or 0),
            int(part.get("second") or 0),
            int((part.get("fraction") or "0").ljust(6, "0")),
            tzinfo=_offset(part.get("zone")),
        )

    return read


def _offset(text: str | None) -> timezone | None:
    if text is None:
        return None
    if text == "Z":
        return UTC
    hours, minutes = int(text[1:3]), int(text[4:6])
    if hours > 23 or minutes > 59:
        raise ValueError(f"{text} is not an offset")
    offset = timedelta(hours=hours, minutes=minutes)
    return timezone(-offset if text[0] == "-" else offset)
