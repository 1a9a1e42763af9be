"""How far a long question has come, for whoever shows it."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """Told every now and then how far the work has come."""

    def __call__(self, done: int, total: int, what: str) -> None:
        """Take note.

        Args:
            done: How much is done, at most `total`.
            total: How much there is to do.
            what: What it is, such as `reading orders`; each is told from 0 on up to its total.
        """
        ...


def silent(done: int, total: int, what: str) -> None:
    """Takes no note."""
