"""A violation: which rule a record breaks, where, and how."""

from __future__ import annotations

from dataclasses import dataclass

MAX_VALUE = 200


@dataclass(frozen=True)
class Violation:
    """One rule that one record breaks.

    Attributes:
        field: The field that breaks it; None: the record as a whole.
        rule: The rule's name.
        value: What was found, as text of at most 200 characters.
        message: What is wrong, for a person.
    """

    field: str | None
    rule: str
    value: str | None
    message: str


def shown(value: object) -> str | None:
    """A value as text of at most 200 characters; None stays None."""
    if value is None:
        return None
    text = value if isinstance(value, str) else repr(value)
    return text if len(text) <= MAX_VALUE else text[: MAX_VALUE - 1] + "…"
