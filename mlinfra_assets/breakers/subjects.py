"""What a breaker is about: a source, or a feature view."""

from __future__ import annotations

from collections.abc import Iterable

from mlinfra_assets.errors import InvalidInputError

SOURCE, VIEW = "source", "view"


def source(name: str) -> str:
    """The breaker of a source: `source/<name>`."""
    return f"{SOURCE}/{name}"


def view(name: str) -> str:
    """The breaker of a feature view: `view/<name>`."""
    return f"{VIEW}/{name}"


def name_of(subject: str) -> str:
    """The source or view that a breaker is about."""
    return subject.partition("/")[2]


def is_source(subject: str) -> bool:
    """Whether this is the breaker of a source."""
    return subject.startswith(f"{SOURCE}/")


def named(text: str, sources: Iterable[str], views: Iterable[str]) -> str:
    """The breaker that a person means: `source/<name>`, `view/<name>`, or the name alone where only one has it.

    Raises:
        InvalidInputError: There is none, or a source and a view have this name.
    """
    known = [*map(source, sorted(sources)), *map(view, sorted(views))]
    found = [subject for subject in known if text in (subject, name_of(subject))]
    if len(found) == 1:
        return found[0]
    if found:
        raise InvalidInputError(f"{text!r} is a source and a view: write {' or '.join(found)}")
    raise InvalidInputError(f"there is no source or view {text!r}; there are {', '.join(known)}")
