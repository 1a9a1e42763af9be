"""How much in a second: a token bucket that may go into debt, so that one large request is only waited for."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable


class Bucket:
    """Lets through so many a second, and as many at once after a quiet second. May be used by several threads.

    Args:
        rate: How many a second; 0: any number.
        clock: Monotonic seconds.
    """

    def __init__(self, rate: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.rate = rate
        self._clock = clock
        self._held = float(rate)
        self._at = clock()
        self._lock = threading.Lock()

    def take(self, count: int) -> float:
        """Take so many; returns 0, or how many seconds to wait before asking again, and then nothing is taken."""
        if not self.rate:
            return 0.0
        with self._lock:
            now = self._clock()
            self._held = min(float(self.rate), self._held + (now - self._at) * self.rate)
            self._at = now
            if self._held < min(count, 1):
                return (min(count, 1) - self._held) / self.rate
            self._held -= count
            return 0.0

    def give(self, count: int) -> None:
        """Give back what was taken."""
        with self._lock:
            self._held += count
