"""What Avro's logical types stand for, without loss: what no value of ours can hold stays the number that it was."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from uuid import UUID

from mlinfra_assets.connectors.avro_bytes import AvroError

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
DAY = 86_400_000_000
MAX_DECIMAL_BYTES = 128

Meaning = Callable[..., object]


def text_of(data: bytes) -> str:
    """Bytes as text: base64."""
    return b64encode(data).decode()


def meaning(schema: Mapping[str, object]) -> Meaning | None:
    """What turns a value of the underlying type into what it stands for; None: it stands for itself."""
    kind, logical = schema["type"], schema.get("logicalType")
    if kind in {"bytes", "fixed"}:
        if logical == "decimal":
            return _decimal(schema)
        if kind == "fixed" and schema.get("size") == 16 and logical == "uuid":
            return lambda data: str(UUID(bytes=data))
        return _duration if logical == "duration" and schema.get("size") == 12 else text_of
    if kind == "int":
        return {"date": day, "time-millis": lambda v: time_of_day(v, 1000)}.get(str(logical))
    if kind == "long":
        return {
            "time-micros": lambda v: time_of_day(v, 1),
            "timestamp-millis": lambda v: instant(v * 1000),
            "timestamp-micros": instant,
            "timestamp-nanos": nanos,
            "local-timestamp-millis": lambda v: instant(v * 1000, local=True),
            "local-timestamp-micros": lambda v: instant(v, local=True),
            "local-timestamp-nanos": lambda v: nanos(v, local=True),
        }.get(str(logical))
    return None


def instant(micros: int, *, local: bool = False) -> object:
    """The time so many microseconds after the epoch; outside of the years 1 to 9999 the number itself."""
    try:
        at = EPOCH + timedelta(microseconds=micros)
    except OverflowError:
        return micros
    return at.replace(tzinfo=None) if local else at


def nanos(value: int, *, local: bool = False) -> object:
    """The time so many nanoseconds after the epoch; a text of nine digits where microseconds would lose some."""
    at = instant(value // 1000, local=local)
    if value % 1000 == 0 or not isinstance(at, datetime):
        return at
    zone = "" if local else "Z"
    return f"{at.replace(tzinfo=None).isoformat(timespec='microseconds')}{value % 1000:03d}{zone}"


def day(days: int) -> object:
    """The day so many days after 1970-01-01; outside of the years 1 to 9999 the number itself."""
    try:
        return date(1970, 1, 1) + timedelta(days=days)
    except OverflowError:
        return days


def time_of_day(value: int, scale: int) -> object:
    """A time of day as text; the number itself if a day does not have it."""
    micros = value * scale
    if not 0 <= micros < DAY:
        return value
    return (EPOCH + timedelta(microseconds=micros)).time().isoformat(timespec="microseconds")


def _decimal(schema: Mapping[str, object]) -> Meaning:
    scale = schema.get("scale", 0)
    if not isinstance(scale, int) or not 0 <= scale <= 1000:
        raise ValueError(f"a decimal of the scale {scale!r}")

    def read(data: bytes) -> Decimal:
        if len(data) > MAX_DECIMAL_BYTES:
            raise AvroError(f"a decimal of {len(data):,} bytes")
        return Decimal(f"{int.from_bytes(data, 'big', signed=True)}e-{scale}")

    return read


def _duration(data: bytes) -> dict[str, int]:
    months, days, milliseconds = (int.from_bytes(data[i : i + 4], "little") for i in (0, 4, 8))
    return {"months": months, "days": days, "milliseconds": milliseconds}
