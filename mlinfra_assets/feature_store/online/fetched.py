"""What one step in Redis says of a view and of some entities."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from mlinfra_assets.feature_store.online.record import PushRecord
from mlinfra_assets.feature_store.online.tail_state import TailState
from mlinfra_assets.feature_store.registry import ViewDocument
from mlinfra_assets.positions import Positions


@dataclass(frozen=True)
class Fetched:
    """What one step in Redis says of a view.

    Attributes:
        record: The push that is served.
        document: Its view.
        bases: The base of each entity asked for; None: it has none.
        tail: How the version's tail stands; None: there is no whole one.
        tail_text: The same as Redis holds it; empty: there is none.
        tails: The records of each entity asked for; None: it has none.
    """

    record: PushRecord
    document: ViewDocument
    bases: list[bytes | None]
    tail: TailState | None
    tail_text: bytes
    tails: list[bytes | None]

    @property
    def covered(self) -> Positions:
        """What the bases cover of the dataset's source."""
        return self.record.watermark.get(self.document.source, Positions())

    @cached_property
    def watermark(self) -> Mapping[str, Positions]:
        """What bases and tails together cover of each source."""
        if self.tail is None:
            return self.record.watermark
        return {**self.record.watermark, self.document.source: self.tail.watermark(self.covered)}

    @property
    def epoch(self) -> int:
        """Known-at time of the newest row, microseconds since 1970 UTC."""
        return max(self.record.epoch, 0 if self.tail is None else self.tail.epoch)

    @property
    def complete_from(self) -> int:
        """All that matters from this moment on is there, microseconds since 1970 UTC."""
        return max(self.record.complete_from, 0 if self.tail is None else self.tail.complete_from)
