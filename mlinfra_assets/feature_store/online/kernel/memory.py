"""Numbers at an address, aligned or not; and the checksum that tells changed bytes.

Nothing here looks whether an address may be read or written: who calls has.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from mlinfra_assets.feature_store.engine.compiled import compiled_part


def _loader(bits: int, *, signed: bool) -> Any:  # noqa: ANN401 - what numba makes of it
    @intrinsic
    def load(_context: Any, _address: Any):  # noqa: ANN202, ANN401 - numba's own types
        def generate(_context: Any, builder: Any, _signature: Any, args: Any):  # noqa: ANN202, ANN401
            kind = ir.IntType(bits)
            pointer = builder.inttoptr(args[0], kind.as_pointer())
            value = builder.load(pointer, align=1, typ=kind)
            if bits == 64:
                return value
            return builder.sext(value, ir.IntType(64)) if signed else builder.zext(value, ir.IntType(64))

        return types.int64(types.int64), generate

    return load


def _storer(bits: int) -> Any:  # noqa: ANN401 - what numba makes of it
    @intrinsic
    def store(_context: Any, _address: Any, _value: Any):  # noqa: ANN202, ANN401 - numba's own types
        def generate(_context: Any, builder: Any, _signature: Any, args: Any):  # noqa: ANN202, ANN401
            kind = ir.IntType(bits)
            pointer = builder.inttoptr(args[0], kind.as_pointer())
            value = args[1] if bits == 64 else builder.trunc(args[1], kind)
            builder.store(value, pointer, align=1)
            return _context.get_dummy_value()

        return types.void(types.int64, types.int64), generate

    return store


load_8, load_u8 = _loader(8, signed=True), _loader(8, signed=False)
load_16, load_u16 = _loader(16, signed=True), _loader(16, signed=False)
load_32, load_u32 = _loader(32, signed=True), _loader(32, signed=False)
load_64 = _loader(64, signed=True)
store_8, store_16, store_32, store_64 = (_storer(bits) for bits in (8, 16, 32, 64))


def _bitcast(given: Any, wanted: Any, kind: ir.Type) -> Any:  # noqa: ANN401 - what numba makes of it
    @intrinsic
    def cast(_context: Any, _value: Any):  # noqa: ANN202, ANN401 - numba's own types
        def generate(_context: Any, builder: Any, _signature: Any, args: Any):  # noqa: ANN202, ANN401
            return builder.bitcast(args[0], kind)

        return wanted(given), generate

    return cast


as_float = _bitcast(types.int64, types.float64, ir.DoubleType())
"""The double of 64 bits."""
as_bits = _bitcast(types.float64, types.int64, ir.IntType(64))
"""The 64 bits of a double."""

Number: TypeAlias = Any  # of NumPy or of Python: compiled they are one
_FACTOR = np.uint64(0x9E37_79B9_7F4A_7C15)
_FOLD = np.uint64(32)


@compiled_part
def checksum(address: Number, size: Number, seed: Number) -> Number:
    """64 bits over `size` bytes: two that differ in one of their words of 8 bytes, or in their size, never agree.

    Every step is one to one in what it takes up and in what it goes on from.
    """
    a = np.uint64(seed) ^ np.uint64(size)
    b = a + _FACTOR
    c = b + _FACTOR
    d = c + _FACTOR
    at = address
    end = address + size
    while at + 32 <= end:
        a = (a ^ np.uint64(load_64(at))) * _FACTOR
        b = (b ^ np.uint64(load_64(at + 8))) * _FACTOR
        c = (c ^ np.uint64(load_64(at + 16))) * _FACTOR
        d = (d ^ np.uint64(load_64(at + 24))) * _FACTOR
        a ^= a >> _FOLD
        b ^= b >> _FOLD
        c ^= c >> _FOLD
        d ^= d >> _FOLD
        at += 32
    while at + 8 <= end:
        a = (a ^ np.uint64(load_64(at))) * _FACTOR
        a ^= a >> _FOLD
        at += 8
    while at < end:
        a = (a ^ np.uint64(load_u8(at))) * _FACTOR
        a ^= a >> _FOLD
        at += 1
    for other in (b, c, d):
        a = (a ^ other) * _FACTOR
        a ^= a >> _FOLD
    return np.int64(a)


def checksum_of(data: bytes | memoryview, seed: int) -> int:
    """The checksum over some bytes."""
    array = np.frombuffer(data, np.uint8)
    return checksum(array.ctypes.data, len(array), seed)
