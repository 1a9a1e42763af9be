"""The values of one field in many plain messages, as an Arrow column of the field's type."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc

from mlinfra_assets.connectors.json_batch import Tokens
from mlinfra_assets.connectors.json_scan import LIST, NONE, OBJECT
from mlinfra_assets.contracts import local_hours, plain_times, plain_values
from mlinfra_assets.contracts.contract import DECIMAL_DIGITS, Contract, Field
from mlinfra_assets.contracts.parse import Parser, parser

POWERS = np.array([10.0**k for k in range(16)])
MICROS_A_DAY = 86_400_000_000


def plain_column(contract: Contract, field: Field, tokens: Tokens, number: int, vouched: np.ndarray) -> pa.Array | None:
    """A field's values; null where there is none.

    Args:
        contract: Says the zone of local times.
        field: The field.
        tokens: The messages.
        number: Which of the tokens' fields it is.
        vouched: Messages looked at, bool[n]; those whose value only `parse` can judge are taken out.

    Returns:
        The column, or None: fields of this kind are never plain.
    """
    return MAKERS[field.type](contract, field, tokens, number, vouched)


def _bitmap(flags: np.ndarray) -> pa.Buffer:
    return pa.py_buffer(np.packbits(flags, bitorder="little"))


def _fixed(kind: pa.DataType, valid: np.ndarray, values: np.ndarray) -> pa.Array:
    return pa.Array.from_buffers(kind, len(valid), [_bitmap(valid), pa.py_buffer(values)])


def _texts(tokens: Tokens, number: int, empty_is_null: bool, vouched: np.ndarray) -> pa.Array:
    count = len(vouched)
    valid, views = np.zeros(count, np.bool_), np.zeros((count, 4), np.int32)
    begins, ends = tokens.begins[number], tokens.ends[number]
    wanted = vouched & (tokens.kinds[number] != NONE)
    room = int((ends - begins)[wanted].sum(dtype=np.int64))
    heap = np.empty(max(1, room), np.uint8)
    used = plain_values.texts(
        tokens.data, tokens.kinds[number], begins, ends, empty_is_null, vouched, valid, views, heap
    )
    buffers = [_bitmap(valid), pa.py_buffer(views), pa.py_buffer(heap[:used])]
    return pa.Array.from_buffers(pa.string_view(), count, buffers)


def _string(_: Contract, field: Field, tokens: Tokens, number: int, vouched: np.ndarray) -> pa.Array:
    return _texts(tokens, number, field.empty_is_null, vouched)


def _units(field: Field, tokens: Tokens, number: int, vouched: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    valid, low = np.zeros(len(vouched), np.bool_), np.zeros(len(vouched), np.int64)
    plain_values.decimals(
        tokens.data,
        tokens.kinds[number],
        tokens.begins[number],
        tokens.ends[number],
        field.scale or 0,
        field.empty_is_null,
        vouched,
        valid,
        low,
    )
    return valid, low


def _integer(_: Contract, field: Field, tokens: Tokens, number: int, vouched: np.ndarray) -> pa.Array:
    return _fixed(pa.int64(), *_units(field, tokens, number, vouched))


def _decimal(_: Contract, field: Field, tokens: Tokens, number: int, vouched: np.ndarray) -> pa.Array:
    valid, low = _units(field, tokens, number, vouched)
    words = np.stack((low, low >> 63), axis=1)
    return _fixed(pa.decimal128(DECIMAL_DIGITS, field.scale or 0), valid, words)


def _number(_: Contract, field: Field, tokens: Tokens, number: int, vouched: np.ndarray) -> pa.Array:
    count = len(vouched)
    valid, long = np.zeros(count, np.bool_), np.zeros(count, np.bool_)
    values = np.zeros(count, np.float64)
    plain_values.doubles(
        tokens.data,
        tokens.kinds[number],
        tokens.begins[number],
        tokens.ends[number],
        POWERS,
        field.empty_is_null,
        vouched,
        valid,
        values,
        long,
    )
    if long.any():
        places = np.flatnonzero(long)
        written = pa.array([tokens.value(number, int(r)).decode() for r in places], pa.string())
        values[places] = pc.cast(written, pa.float64()).to_numpy(zero_copy_only=False)
    return _fixed(pa.float64(), valid, values)


def _boolean(_: Contract, field: Field, tokens: Tokens, number: int, vouched: np.ndarray) -> pa.Array:
    valid, values = np.zeros(len(vouched), np.bool_), np.zeros(len(vouched), np.bool_)
    plain_values.booleans(
        tokens.data,
        tokens.kinds[number],
        tokens.begins[number],
        tokens.ends[number],
        field.empty_is_null,
        vouched,
        valid,
        values,
    )
    return pa.Array.from_buffers(pa.bool_(), len(valid), [_bitmap(valid), _bitmap(values)])


def _micros(
    field: Field, tokens: Tokens, number: int, vouched: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
    with_time = field.type == "timestamp"
    program = plain_times.program(field.format)
    if program is None:
        return None
    count = len(vouched)
    valid, local, micros = np.zeros(count, np.bool_), np.zeros(count, np.bool_), np.zeros(count, np.int64)
    plain_times.times(
        tokens.data,
        tokens.kinds[number],
        tokens.begins[number],
        tokens.ends[number],
        program,
        plain_times.MONTHS,
        with_time,
        field.empty_is_null,
        vouched,
        valid,
        micros,
        local,
    )
    return valid, local, micros


def _timestamp(contract: Contract, field: Field, tokens: Tokens, number: int, vouched: np.ndarray) -> pa.Array | None:
    read = _micros(field, tokens, number, vouched)
    if read is None:
        return None
    valid, local, micros = read
    places = np.flatnonzero(local)
    utc, certain = local_hours.to_utc(micros[places], contract.timezone)
    micros[places] = utc
    vouched[places[~certain]] = False
    return _fixed(pa.timestamp("us", "UTC"), valid, micros)


def _date(_: Contract, field: Field, tokens: Tokens, number: int, vouched: np.ndarray) -> pa.Array | None:
    read = _micros(field, tokens, number, vouched)
    if read is None:
        return None
    valid, micros = read[0], read[2]
    return _fixed(pa.date32(), valid, (micros // MICROS_A_DAY).astype(np.int32))


def _nested(contract: Contract, field: Field, tokens: Tokens, number: int, vouched: np.ndarray) -> pa.Array:
    parse, kind = parser(field, contract, set()), OBJECT if field.type == "object" else LIST
    return pa.array(list(_canonical(parse, kind, tokens, number, vouched)), pa.string_view())


def _canonical(parse: Parser, kind: int, tokens: Tokens, number: int, vouched: np.ndarray) -> Iterator[str | None]:
    kinds = tokens.kinds[number]
    for r in range(len(vouched)):
        if not vouched[r] or kinds[r] == NONE:
            yield None
            continue
        value = parse(orjson.loads(tokens.value(number, r))) if kinds[r] == kind else None
        if not isinstance(value, str):
            vouched[r] = False
            value = None
        yield value


Maker = Callable[[Contract, Field, Tokens, int, np.ndarray], pa.Array | None]
MAKERS: dict[str, Maker] = {
    "string": _string,
    "integer": _integer,
    "decimal": _decimal,
    "number": _number,
    "boolean": _boolean,
    "timestamp": _timestamp,
    "date": _date,
    "object": _nested,
    "array": _nested,
}
