"""What a declaration says of a breaker."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class BreakerRules:
    """When a breaker opens and closes by itself.

    Attributes:
        failed_batches: How many batches in a row have to break a rule of severity `error` for it to open, at least 1.
            A batch that does is never published.
        good_batches: How many good batches close it once it is half open, at least 1.
    """

    failed_batches: int = 1
    good_batches: int = 1
