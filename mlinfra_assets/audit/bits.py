"""Whether two values are the same, to the last bit: floats by their pattern, and never across types."""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass
from datetime import UTC, date, datetime

from mlinfra_assets.clock import to_micros

Plain = int | float | str | bool | None
Value = Plain | list[Plain]


@dataclass(frozen=True)
class Mismatch:
    """A value that was logged and cannot be had again.

    Attributes:
        prediction_id: Of which prediction.
        model: Its model.
        view: The feature's view; null for the prediction's own score.
        feature: The feature; `score` for the prediction's own score.
        logged: What was served.
        recomputed: What raw gives.
    """

    prediction_id: str
    model: str
    view: str | None
    feature: str
    logged: Value
    recomputed: Value

    def __str__(self) -> str:
        what = self.feature if self.view is None else f"{self.view}:{self.feature}"
        return (
            f"prediction {self.prediction_id} of {self.model}: {what} was logged as {shown(self.logged)}, "
            f"raw gives {shown(self.recomputed)}"
        )


def same(logged: Value, recomputed: Value) -> bool:
    """Equal in type and bits. 3 is not 3.0, 0.0 is not -0.0, null equals null alone; lists value by value."""
    if type(logged) is not type(recomputed):
        return False
    if isinstance(logged, list) and isinstance(recomputed, list):
        return len(logged) == len(recomputed) and all(map(same, logged, recomputed))
    if isinstance(logged, float) and isinstance(recomputed, float):
        return struct.pack("<d", logged) == struct.pack("<d", recomputed)
    return logged == recomputed


def as_logged(value: object) -> Value:
    """A recomputed value in the form that a prediction event carries.

    A timestamp is its microseconds since 1970 in UTC, a date its days, a NaN null: as JSON has none of them. A list has
    its values in this form.
    """
    if isinstance(value, list):
        return [_plain(part) for part in value]
    return _plain(value)


def _plain(value: object) -> Plain:
    if isinstance(value, datetime):
        return to_micros(value if value.tzinfo else value.replace(tzinfo=UTC))
    if isinstance(value, date):
        return (value - date(1970, 1, 1)).days
    if isinstance(value, float) and math.isnan(value):
        return None
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise TypeError(f"a feature cannot be a {type(value).__name__}: {value!r}")


def shown(value: Value) -> str:
    """A value for a person: a float with its bit pattern, since two that print alike may differ."""
    if isinstance(value, list):
        return f"[{', '.join(map(shown, value))}]"
    if value is None:
        return "null"
    if isinstance(value, float):
        return f"{value!r} (0x{struct.pack('>d', value).hex()})"
    return repr(value)
