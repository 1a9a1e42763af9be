"""What the API asks of whoever knows the lake: what is registered, which tables there are, where a value comes from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, Protocol

from mlinfra_assets.errors import InvalidInputError

Kind = Literal["entities", "views", "services", "models"]
KINDS: tuple[Kind, ...] = ("entities", "views", "services", "models")


class NotThereError(InvalidInputError):
    """There is no view, version, feature or table of this name."""


@dataclass(frozen=True)
class Page:
    """Some of many things, in order of name.

    Attributes:
        items: JSON-ready.
        next: The name that the next page begins after; None: this is the last.
        total: How many things there are in all.
    """

    items: list[dict[str, Any]]
    next: str | None
    total: int


class Catalogue(Protocol):
    """What the lake knows. Every answer is JSON-ready; times are UTC."""

    def page(self, kind: Kind, after: str, limit: int) -> Page:
        """Some of the entities, views, services or models.

        Args:
            kind: Which of them.
            after: Begin after this name; empty: at the beginning.
            limit: At most so many.
        """
        ...

    def view(self, name: str, version: str | None) -> dict[str, Any]:
        """Everything about a version of a view (default: the declared one).

        Raises:
            NotThereError: There is no such view or version.
        """
        ...

    def history(self, name: str) -> list[dict[str, Any]]:
        """The versions of a view with what each changed, oldest first.

        Raises:
            NotThereError: There is no such view.
        """
        ...

    def tables(self, after: str, limit: int) -> Page:
        """Some of the tables, with owner, freshness, and columns with their types and classification."""
        ...

    def table(self, name: str) -> dict[str, Any]:
        """One table.

        Raises:
            NotThereError: There is none.
        """
        ...

    def origin(
        self,
        view: str,
        feature: str,
        entity: Mapping[str, str],
        at: datetime | None,
        known: datetime | None,
        limit: int,
    ) -> dict[str, Any]:
        """A value with where it comes from: table versions, runs, and the positions of the rows that it is made of.

        Args:
            view: The view; `view@version` for an old version.
            feature: Its feature.
            entity: Its join keys, as text.
            at: The moment; None: now.
            known: As known when; None: at that moment.
            limit: At most so many rows.

        Raises:
            NotThereError: There is no such view, version or feature.
            InvalidInputError: A join key is missing or of another type.
        """
        ...
