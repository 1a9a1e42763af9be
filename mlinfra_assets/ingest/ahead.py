"""One item ahead: the next is made by a thread while the one before it is used."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")


def ahead(items: Iterator[Item]) -> Iterator[Item]:
    """The same items, each made while the one before it is used. None of them is None.

    Args:
        items: Made one at a time, by one other thread.
    """
    with ThreadPoolExecutor(1, "ahead") as maker:
        following = maker.submit(next, items, None)
        while (item := following.result()) is not None:
            following = maker.submit(next, items, None)
            yield item
