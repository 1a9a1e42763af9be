"""One difference between two versions of a feature view."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

Part = Literal[
    "feature", "order", "ttl", "entity", "key", "dataset", "column", "primary key", "deletes", "sql", "contract",
    "view", "rests on", "definition", "online", "owner", "description", "tag", "deprecated",
]  # fmt: skip

PROSE = frozenset({"online", "owner", "description", "tag", "deprecated"})
"""The parts that no value depends on: they may change without a new version."""


@dataclass(frozen=True)
class Change:
    """Something that was added (no `before`), removed (no `after`) or changed.

    Attributes:
        part: What kind of thing.
        name: Which one: a feature, a column, a source. Empty where a view has only one, such as its TTL.
        before: How it was, in words.
        after: How it is, in words.
    """

    part: Part
    name: str
    before: str | None
    after: str | None

    @property
    def values(self) -> bool:
        """Whether feature values may differ for it."""
        return self.part not in PROSE

    @property
    def what(self) -> str:
        """The part with its name: `feature orders`, `ttl`."""
        return f"{self.part} {self.name}".rstrip()

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready; `before` or `after` is absent where there is none."""
        sides = {"before": self.before, "after": self.after}
        return {
            "part": self.part,
            "name": self.name,
            **{side: text for side, text in sides.items() if text is not None},
            "changes_values": self.values,
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Change:
        """The inverse of `to_dict`."""
        return cls(data["part"], data["name"], data.get("before"), data.get("after"))
