"""What can go wrong with a stream, said so that a person can act on it."""

from __future__ import annotations

from mlinfra_assets.errors import UnavailableError


class RetentionGapError(UnavailableError):
    """Records after a reader's position were removed before it read them: going on would lose them silently."""


class StreamResetError(UnavailableError):
    """A stream ends before a reader's position: it was emptied or replaced, and its new records would be skipped."""
