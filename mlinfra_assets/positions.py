"""How far something has been read: the watermark of a source, in positions.

A position is (partition, offset, row): where a record stands in its source. A file is a batch: its offset is the batch
number, and its records are told apart by row. A quarantined record that was released keeps its position and carries the
number of its release, so that a watermark says exactly which records it covers.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Positions:
    """The records of one source that have been seen.

    Attributes:
        offsets: Last offset included, by partition. A partition that is missing has contributed nothing.
        releases: Number of quarantine releases included (they are numbered from 1).
        batch: Of what an online store was fed from the stream itself: by partition the last offset that came in a
            batch. What lies past it, up to `offsets`, was judged record by record. A partition that is missing came in
            batches alone.
    """

    offsets: Mapping[int, int] = field(default_factory=dict)
    releases: int = 0
    batch: Mapping[int, int] = field(default_factory=dict)

    def covers(self, partition: int, offset: int, release: int | None = None) -> bool:
        """Whether the record at this position (released as number `release`, or never held) is included."""
        return offset <= self.offsets.get(partition, -1) and (release or 0) <= self.releases

    def to_dict(self) -> dict[str, object]:
        """A JSON-ready form, with partitions in order."""
        found: dict[str, object] = {"offsets": _by_text(self.offsets), "releases": self.releases}
        return found | ({"batch": _by_text(self.batch)} if self.batch else {})

    @classmethod
    def from_dict(cls, data: Mapping[str, object]) -> Positions:
        """The inverse of `to_dict`."""
        offsets, batch = data.get("offsets", {}), data.get("batch", {})
        releases = data.get("releases", 0)
        if not isinstance(offsets, Mapping) or not isinstance(batch, Mapping) or not isinstance(releases, int):
            raise TypeError(f"not positions: {data!r}")
        return cls(_by_number(offsets), releases, _by_number(batch))

    def to_json(self) -> str:
        """Canonical JSON: equal positions give equal text."""
        return json.dumps(self.to_dict(), sort_keys=True, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> Positions:
        """The inverse of `to_json`."""
        return cls.from_dict(json.loads(text))


def merge(*many: Mapping[str, Positions]) -> dict[str, Positions]:
    """Union of watermarks by source; where two name one source, the one that is further in every partition.

    Raises:
        ValueError: Two watermarks of one source where neither contains the other.
    """
    merged: dict[str, Positions] = {}
    for watermarks in many:
        for source, positions in watermarks.items():
            known = merged.get(source)
            if known is None or _contains(positions, known):
                merged[source] = positions
            elif not _contains(known, positions):
                raise ValueError(f"watermarks of {source} cross: {known.to_json()} and {positions.to_json()}")
    return merged


def _by_text(offsets: Mapping[int, int]) -> dict[str, int]:
    return {str(p): offsets[p] for p in sorted(offsets)}


def _by_number(offsets: Mapping[Any, Any]) -> dict[int, int]:
    return {int(p): int(o) for p, o in offsets.items()}


def _contains(outer: Positions, inner: Positions) -> bool:
    return outer.releases >= inner.releases and all(
        outer.offsets.get(partition, -1) >= offset for partition, offset in inner.offsets.items()
    )
