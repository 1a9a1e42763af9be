"""Where a field stands in a record: under its own name, or, under a name with dots, within others."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def holder(record: Mapping[str, Any], name: str) -> tuple[Mapping[str, Any], str]:
    """The mapping that holds a field, and the field's name in it; an empty mapping if there is none.

    A field of the whole name comes before one within another.
    """
    at = record
    while name not in at and "." in name:
        first, _, name = name.partition(".")
        inner = at.get(first)
        at = inner if isinstance(inner, dict) else {}
    return at, name


def value_of(record: Mapping[str, Any], name: str) -> object:
    """A field's value; None if there is none."""
    at, last = holder(record, name)
    return at.get(last)
