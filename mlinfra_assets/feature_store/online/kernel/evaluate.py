"""The features of some entities from their bases."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np

from mlinfra_assets.feature_store.column_type import ColumnType
from mlinfra_assets.feature_store.online.kernel.base import REF_BITS
from mlinfra_assets.feature_store.online.kernel.program import Program
from mlinfra_assets.feature_store.online.kernel.run import DONE, TOO_HARD, run

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DAY_ZERO = date(1970, 1, 1)
_LENGTH = (1 << REF_BITS) - 1


class DamagedError(Exception):
    """The base of an entity is none of the view's.

    Attributes:
        entity: Its number.
    """

    def __init__(self, entity: int) -> None:
        super().__init__(f"the base of entity {entity} is damaged")
        self.entity = entity


@dataclass(frozen=True)
class Answer:
    """The features of some entities.

    Attributes:
        columns: For each feature its value for each entity.
        status: Of each entity, as in `Evaluated`.
        latest: Of each entity, as in `Evaluated`.
    """

    columns: Sequence[list[Any]]
    status: list[int]
    latest: list[int]


_NOTHING_PAST = np.zeros((0, 3), np.int64)


def evaluate_bases(
    program: Program,
    bases: Sequence[bytes | None],
    t: int,
    tails: Sequence[bytes | None] | None = None,
    past: np.ndarray = _NOTHING_PAST,
) -> Answer | None:
    """The features at t (microseconds since 1970 UTC) as known at t; None if only the engine can say.

    Args:
        program: What is asked.
        bases: Of each entity.
        t: The moment.
        tails: Of each entity. None: there are none.
        past: int64[partitions, 3]: of each the offset past which and up to which records count.

    Raises:
        DamagedError: A base or a record is cut, changed, or another view's.
    """
    count = len(bases)
    sizes = np.zeros(2 * count + 1, np.int64)
    sizes[1::2] = [len(base) if base else 0 for base in bases]
    if tails is None:
        whole = b"".join([base or b"" for base in bases])
    else:
        whole = b"".join([part or b"" for pair in zip(bases, tails, strict=True) for part in pair])
        sizes[2::2] = [len(tail) if tail else 0 for tail in tails]
    bounds = np.cumsum(sizes)
    features = len(program.outputs)
    results = np.empty((features, count), np.int64)
    valid = np.empty((features, count), np.uint8)
    status, latest = np.empty(count, np.int64), np.empty(count, np.int64)
    done = run(
        np.frombuffer(whole, np.uint8),
        bounds,
        t,
        past,
        program.seed,
        program.tail_seed,
        program.ttl,
        program.orders_texts,
        program.forms,
        program.places,
        program.kinds,
        program.windows,
        program.masks,
        program.reductions,
        program.code,
        program.slots,
        program.outputs,
        results,
        valid,
        status,
        latest,
    )
    if done >= 0:
        raise DamagedError(done)
    if done == TOO_HARD:
        return None
    assert done == DONE  # noqa: S101 - there is nothing else
    try:
        columns = _columns(program, results, valid, whole)
    except OverflowError:
        # A time that Python's calendar does not have.
        return None
    return Answer(columns, status.tolist(), latest.tolist())


def as_past(past: Mapping[int, tuple[int, int]]) -> np.ndarray:
    """`TailState.past` as `evaluate_bases` takes it."""
    if not past:
        return _NOTHING_PAST
    return np.array([(partition, covered, at) for partition, (covered, at) in past.items()], np.int64)


def _columns(program: Program, results: np.ndarray, valid: np.ndarray, whole: bytes) -> list[list[Any]]:
    doubles, integers = results.view(np.float64).tolist(), results.tolist()
    columns = [
        doubles[f] if kind.kind in _FLOATS else _converted(kind, integers[f], valid[f], whole)
        for f, kind in enumerate(program.types)
    ]
    if not valid.all():
        for f, e in np.argwhere(valid == 0).tolist():
            columns[f][e] = None
    return columns


_FLOATS = {"float64", "decimal"}
_CONVERSIONS: dict[str, Callable[[int], Any]] = {
    "boolean": bool,
    "timestamp": lambda micros: _EPOCH + timedelta(microseconds=micros),
    "date": lambda days: _DAY_ZERO + timedelta(days=days),
}


def _converted(kind: ColumnType, values: list[int], valid: np.ndarray, whole: bytes) -> list[Any]:
    if kind.kind == "int64":
        return values
    if kind.kind == "string":
        return [_text(whole, ref) if there else None for ref, there in zip(values, valid.tolist(), strict=True)]
    convert = _CONVERSIONS[kind.kind]
    return [convert(value) if there else None for value, there in zip(values, valid.tolist(), strict=True)]


def _text(whole: bytes, ref: int) -> str:
    begin = ref >> REF_BITS
    return whole[begin : begin + (ref & _LENGTH)].decode()
