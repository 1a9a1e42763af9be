"""The form of a base: how an entity's rows stand in bytes, little-endian.

Eight bytes of checksum, then what it is over: flags, the number of rows (4 bytes), and for each column a byte: the
width of a value (1 << its lowest two bits) and whether a byte of validity a row precedes the values (4). Event times
(8 bytes each), the known-at times less these (as the flags say), the partitions (4 bytes each, if they are not all 0),
the columns. A string column has places in a
dictionary, which follows: how many words, then each behind its length (4 bytes each). Rows that can be replaced end
with what `Replacements` holds. Integers take 1, 2, 4 or 8 bytes, whichever the entity's column needs.
"""

from __future__ import annotations

import hashlib

import numpy as np

from mlinfra_assets.feature_store.column_type import ColumnType

CHECKSUM = 8
HEAD = CHECKSUM + 5
"""Bytes before those of the columns."""

REPLACED = 1
NO_LAG, SHORT_LAG, LONG_LAG = 0, 2, 4
PARTITIONS = 8
FLAGS = REPLACED | SHORT_LAG | LONG_LAG | PARTITIONS
VALIDITY = 4
NUMBER, FLOAT, TEXT = 0, 1, 2
_FORMS = {"float64": FLOAT, "string": TEXT}


def forms(kinds: tuple[ColumnType, ...]) -> np.ndarray:
    """How the values of each column stand: int64[columns]."""
    return np.array([_FORMS.get(kind.kind, NUMBER) for kind in kinds], np.int64)


def seed(kinds: tuple[ColumnType, ...], *, replaced: bool) -> int:
    """What the checksum starts from: of a view with other columns it is another, so that bases are not mixed up."""
    return _seed("base-2", *map(str, kinds), str(replaced))


def tail_seed(kinds: tuple[ColumnType, ...]) -> int:
    """As `seed`, for each record of a tail."""
    return _seed("tail-2", *map(str, kinds))


def _seed(*parts: str) -> int:
    text = ",".join(parts)
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "little", signed=True)
