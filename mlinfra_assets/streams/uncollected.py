"""Many small objects made and dropped at once, without Python's search for cycles among them."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def uncollected() -> Iterator[None]:
    """Begin no search for unreachable cycles meanwhile.

    A client hands out an object a record, tens of thousands at once. None of them is in a cycle, yet each few hundred
    set off a search, which goes through all objects of the process again and again: it cost more than the records. For
    short pieces of work that keep none of these objects. Threads may be inside of it side by side.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
