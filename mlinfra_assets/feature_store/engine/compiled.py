"""How the engine's loops are compiled: once a machine, kept on disk where that is possible."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba

F = TypeVar("F", bound=Callable[..., Any])


def compiled(function: F) -> F:
    """Compile on first use, without holding the interpreter's lock, with floats exactly as written.

    The machine code is kept beside the source, or, where that is read-only, in the user's cache folder
    (`NUMBA_CACHE_DIR` overrides both). Where neither can be written each process compiles for itself.
    """
    try:
        return cast("F", numba.njit(cache=True, nogil=True, fastmath=False)(function))
    except RuntimeError:
        # Numba found no folder to cache in; that costs time, not correctness.
        return cast("F", numba.njit(nogil=True, fastmath=False)(function))
