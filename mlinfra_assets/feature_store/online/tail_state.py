"""Where the tail of a view's version stands: from where on it holds the stream's events, and up to where."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import orjson

from mlinfra_assets.feature_store.online.errors import DamagedBaseError
from mlinfra_assets.positions import Positions


@dataclass(frozen=True)
class TailState:
    """A tail as a whole. Of each partition it holds every valid event with `begin < offset <= at`.

    Attributes:
        begin: By partition, the offset past which it begins; a partition that is missing begins at its start.
        at: By partition, the last offset applied.
        entities: How many have records.
        records: How many records were appended and not removed.
        epoch: Known-at time of the newest record, microseconds since 1970 UTC.
        complete_from: What mattered only before this moment may be gone, microseconds since 1970 UTC.
        incarnation: What tells the topic from another one of the same name; empty if its system does not say.
    """

    begin: Mapping[int, int] = field(default_factory=dict)
    at: Mapping[int, int] = field(default_factory=dict)
    entities: int = 0
    records: int = 0
    epoch: int = 0
    complete_from: int = 0
    incarnation: str = ""

    def past(self, base: Positions) -> dict[int, tuple[int, int]]:
        """By partition where it goes on from what a base covers: (last offset covered, last offset applied).

        A partition of which something is missing between the two is left out: there the base stands alone.
        """
        held = {p: base.offsets.get(p, -1) for p in self.at}
        return {p: (held[p], at) for p, at in self.at.items() if self.begin.get(p, -1) <= held[p] < at}

    def watermark(self, base: Positions) -> Positions:
        """What base and tail together cover."""
        past = self.past(base)
        if not past:
            return base
        offsets = {**base.offsets, **{p: at for p, (_, at) in past.items()}}
        return Positions(offsets, base.releases, {p: covered for p, (covered, _) in past.items()})

    def to_json(self) -> bytes:
        """For Redis. Whatever may be beyond 2**53 or has more than 14 digits is a text: Lua's numbers are doubles."""
        return orjson.dumps(
            {
                "begin": {str(p): str(offset) for p, offset in sorted(self.begin.items())},
                "at": {str(p): str(offset) for p, offset in sorted(self.at.items())},
                "entities": self.entities,
                "records": self.records,
                "epoch": str(self.epoch),
                "complete_from": str(self.complete_from),
                "incarnation": self.incarnation,
            }
        )

    @classmethod
    def from_json(cls, data: bytes) -> TailState:
        """What Redis holds.

        Raises:
            DamagedBaseError: Not the state of a tail.
        """
        try:
            found = orjson.loads(data)
            return cls(
                begin={int(p): int(offset) for p, offset in found["begin"].items()},
                at={int(p): int(offset) for p, offset in found["at"].items()},
                entities=int(found["entities"]),
                records=int(found["records"]),
                epoch=int(found["epoch"]),
                complete_from=int(found["complete_from"]),
                incarnation=found["incarnation"],
            )
        except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError, ValueError) as error:
            raise DamagedBaseError(f"Redis holds no state of a tail where one should be: {error!r}") from error
