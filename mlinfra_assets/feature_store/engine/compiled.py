"""How the engine's loops are compiled: once a machine, kept on disk where that is possible."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar, cast

import numba
import numpy as np

F = TypeVar("F", bound=Callable[..., Any])


def compiled(function: F) -> F:
    """Compile on first use, without holding the interpreter's lock, with floats exactly as written.

    A loop is compiled for each type of array that it is called with. Whether an array may be written to, and whether it
    has gaps, would make types of their own: the loop sees arrays without gaps, as if all could be written to, and so
    may write to none but those that it is there to fill.

    The machine code is kept beside the source, or, where that is read-only, in the user's cache folder
    (`NUMBA_CACHE_DIR` overrides both). Where neither can be written each process compiles for itself.
    """
    loop = compiled_part(function)

    @wraps(function)
    def call(*args: object) -> object:
        return loop(*[_plain(arg) if isinstance(arg, np.ndarray) else arg for arg in args])

    return cast("F", call)


def compiled_part(function: F) -> F:
    """As `compiled`, for what only compiled loops call."""
    try:
        return cast("F", numba.njit(cache=True, nogil=True, fastmath=False)(function))
    except RuntimeError:
        # Numba found no folder to cache in; that costs time, not correctness.
        return cast("F", numba.njit(nogil=True, fastmath=False)(function))


class _Writable:
    """The memory of an array, said to be writable."""

    def __init__(self, array: np.ndarray) -> None:
        interface = dict(array.__array_interface__)
        interface["data"] = (interface["data"][0], False)
        self.__array_interface__ = interface
        self._array = array


def _plain(array: np.ndarray) -> np.ndarray:
    if not array.flags.c_contiguous:
        return np.ascontiguousarray(array)
    return array if array.flags.writeable else np.asarray(_Writable(array))
