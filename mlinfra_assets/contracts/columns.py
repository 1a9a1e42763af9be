"""Decoded records to typed columns, with what is wrong with each value."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import polars as pl

from mlinfra_assets.contracts.contract import TIMESTAMP, Contract, Field
from mlinfra_assets.contracts.parse import parser
from mlinfra_assets.contracts.violation import Violation


@dataclass
class Column:
    """One field of all records.

    Attributes:
        series: The values, typed; null where there is none or where the value is wrong.
        violations: Number of the record to what is wrong with its value.
        ambiguous: Local times that a clock change makes ambiguous or non-existent.
    """

    series: pl.Series
    violations: dict[int, Violation] = field(default_factory=dict)
    ambiguous: int = 0


def typed_column(contract: Contract, of: Field, values: Sequence[object]) -> Column:
    """A field's values in its type. Each distinct value is parsed once."""
    clock_changes: set[object] = set()
    changed: set[int] = set()
    parse = parser(of, contract, clock_changes)
    codes: dict[tuple[type, object], int] = {}
    distinct: list[object] = []
    indices: list[int] = []
    memoize = of.type != "number"  # 0.0 and -0.0 are equal as keys, but are not the same double
    for value in values:
        key = (value.__class__, value)
        try:
            code = codes.get(key, -1)
        except TypeError:  # lists and mappings cannot be keys
            code, key = -1, None
        if code < 0:
            code = len(distinct)
            known = len(clock_changes)
            distinct.append(parse(value))
            if len(clock_changes) > known:
                changed.add(code)
            if memoize and key is not None:
                codes[key] = code
        indices.append(code)
    broken = {code: value for code, value in enumerate(distinct) if value.__class__ is Violation}
    typed = [None if value.__class__ is Violation else value for value in distinct]
    series = _series(of, typed).gather(pl.Series(indices, dtype=pl.UInt32))
    return Column(
        series=series,
        violations={i: broken[c] for i, c in enumerate(indices) if c in broken} if broken else {},  # pyright: ignore[reportArgumentType]
        ambiguous=sum(code in changed for code in indices) if changed else 0,
    )


def _series(of: Field, typed: list[object]) -> pl.Series:
    if of.type == "timestamp":
        return pl.Series(of.name, typed, dtype=pl.Int64).cast(TIMESTAMP)
    return pl.Series(of.name, typed, dtype=of.polars_type())
