"""The tables that drawn views read, and rows of them on every edge: ties, late and early rows, repeats, corrections."""

from __future__ import annotations

import math
import random
import struct
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import polars as pl

from mlinfra_assets.feature_store.column_type import ColumnType
from mlinfra_assets.feature_store.dataset import COORDINATES
from mlinfra_assets.feature_store.engine.rows import polars_type
from tests.support.cases.grammar import DAY, START

COLUMNS = {
    "a": "int64", "b": "boolean", "c": "string", "d": "decimal(3)", "e": "date", "f": "float64", "i": "int64",
    "p": "int64", "q": "int64", "s": "string", "u": "decimal(18)", "w": "timestamp", "x": "boolean", "z": "decimal(0)",
}  # fmt: skip
"""Entities are by `a` and `c`, primary keys of `p` and `c`; `x` deletes; `i` and `u` are large."""
INSTANTS = [START + halves * DAY // 2 + edge for halves in range(7) for edge in (-1, 0, 0, 0, 1)]
DELAYS = ((0,), (0, 0, 0, 1, DAY), (0, 0, 0, 1, -1, DAY // 2, DAY, -DAY))
"""Of tables that are never late, sometimes, and with clocks that are fast; all are as likely."""
TEXTS = (None, "", "a", "a", "B", "z", "é", "\U0001f600", "\uffff", " 7", "-12", "+5e-1", "ΑΣ", "straße", "\u2003İ\x1f")
FLOATS = (0.0, -0.0, 0.1, 0.2, 1.0, -2.5, 1e16, -1e16, 2.0**53, 2.0**63, 5e-324, -5e-324, 2.2250738585072014e-308,
          1e308, -1e308, 1.7976931348623157e308)  # fmt: skip
LARGE = (2**53 + 1, 2**53 - 1, 2**63 - 1, 2**63 - 1, -(2**63))
TIMES = (0, -1, -62_135_596_800_000_000, 253_402_300_799_999_999)


def cell(rng: random.Random, column: str) -> Any:
    """A value of a column."""
    if rng.random() < (0.05 if column in {"a", "c"} else 0.15):
        return None
    if column == "a":
        return rng.choice((1, 1, 1, 2, 12))
    if column == "c":
        return rng.choice(("3", "3", "3", "23"))
    if column in {"b", "x"}:
        return rng.random() < (0.6 if column == "b" else 0.2)
    if column == "e":
        return rng.choice((rng.randint(15_057, 15_062), 0, -1, 11_016, 15_060))
    if column == "f":
        return real(rng)
    if column == "p":
        return rng.choice((1, 1, 2, 3, 4, 5))
    if column == "s":
        return rng.choice(TEXTS)
    if column == "w":
        return rng.choice((rng.choice(INSTANTS), rng.choice(INSTANTS), rng.choice(TIMES)))
    return whole(rng, column)


def whole(rng: random.Random, column: str) -> int | Decimal:
    """An integer or a decimal: small, or at the end of what fits."""
    small = rng.random() < 0.5
    if column == "q":
        return rng.randint(-3, 3)
    if column == "i":
        return rng.randint(-3, 3) if small else rng.choice((*LARGE, rng.randint(-100, 100)))
    if column == "d":
        return Decimal(rng.randint(-5000, 5000) if small else rng.choice((0, 1, 2**53 + 1, 10**17))).scaleb(-3)
    if column == "u":
        large = rng.choice((1, 10**17 + 1, -(10**17), 3 * 10**16))
        return Decimal(rng.randint(-(10**17), 10**17) if small else large).scaleb(-18)
    return Decimal(rng.randint(-3, 3) if small else rng.choice((2**53 + 1, 10**17)))


def real(rng: random.Random) -> float:
    """A double: an ordinary one, one of those that careless arithmetic gets wrong, or any bits at all."""
    kind = rng.random()
    if kind < 0.6:
        return round(rng.uniform(-100, 100), 2)
    if kind < 0.8:
        return rng.choice(FLOATS)
    if kind < 0.81:
        return rng.choice((math.inf, -math.inf, math.nan))
    found = struct.unpack("<d", rng.randbytes(8))[0]
    return found if math.isfinite(found) else 0.5


def row(seed: str, number: int) -> dict[str, Any]:
    """The row with that number. Every eighth is another delivery of the one before."""
    if number % 8 == 7:
        earlier = row(seed, number - 1)
        return earlier | {"_known_at": earlier["_known_at"] + DAY // 4}
    rng = random.Random(f"{seed}/{number}")
    event_time = rng.choice((rng.choice(INSTANTS), rng.choice(INSTANTS), START + DAY))
    return {name: cell(rng, name) for name in COLUMNS} | {
        "_event_time": event_time,
        "_known_at": event_time + rng.choice(random.Random(seed).choice(DELAYS)),
        "_known_at_assumed": False,
        "_partition": rng.randint(0, 1),
        "_offset": number * 3,
        "_row": rng.randint(0, 1),
        "_release": None,
        "_contract_version": "v1",
    }


def to_frame(rows: Sequence[dict[str, Any]]) -> pl.DataFrame:
    """Rows as a Polars frame with the dataset's types; a column that the rows lack is null."""
    kinds = {**{name: ColumnType.parse(kind) for name, kind in COLUMNS.items()}, **COORDINATES}
    return pl.DataFrame(
        [pl.Series(name, [row.get(name) for row in rows], dtype=polars_type(kind)) for name, kind in kinds.items()]
    )
