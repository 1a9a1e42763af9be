"""What a value is to the judge: None for null, a bool, a float, a string, a list, or an exact number."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Any


class TooLargeError(Exception):
    """An exact result does not fit in 64 bits."""


@dataclass(frozen=True)
class Exact:
    """An integer (scale 0), a decimal, a time in microseconds or a date in days since 1970."""

    unscaled: int
    scale: int = 0

    def __post_init__(self):
        if not -(2**63) <= self.unscaled < 2**63:
            raise TooLargeError(self.unscaled)

    @property
    def fraction(self):
        return Fraction(self.unscaled, 10**self.scale)

    def at(self, scale):
        return Exact(self.unscaled * 10 ** (scale - self.scale), scale)


def from_cell(cell: Any, kind: str) -> Any:
    """A value out of a row, an entity's key or a request."""
    if cell is None or isinstance(cell, str | bool | float):
        return cell
    if isinstance(cell, Decimal):
        scale = scale_of(kind)
        return Exact(int(cell.scaleb(scale)), scale)
    return float(cell) if kind == "float64" else Exact(cell)


def from_literal(node: dict) -> Any:
    value, kind = node["literal"], node["type"]
    if kind == "float64":
        return float(value)
    return value if kind in {"string", "boolean"} else Exact(value, scale_of(kind))


def to_float(value: Any) -> float | None:
    """The correctly rounded double; None of None."""
    return None if value is None else float_of(value)


def float_of(value: Any) -> float:
    return float(value.fraction) if isinstance(value, Exact) else float(value)


def leaving(value: Any, kind: str) -> Any:
    """A value of this type as it leaves an aggregate: decimals as doubles, a negative zero as zero."""
    if isinstance(value, float):
        return value + 0.0
    return to_float(value) if kind.startswith("decimal") else value


def finite(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value


def plain(value: Any) -> Any:
    """A value as Python has it: exact numbers as integers."""
    if isinstance(value, list):
        return [plain(item) for item in value]
    return value.unscaled if isinstance(value, Exact) else value


def comparable(value: Any) -> Any:
    """What a value is ordered by."""
    if isinstance(value, Exact):
        return value.unscaled
    return [ord(c) for c in value] if isinstance(value, str) else value


def scale_of(kind: str) -> int:
    match = re.fullmatch(r"decimal\((\d+)\)", kind)
    return int(match.group(1)) if match else 0
