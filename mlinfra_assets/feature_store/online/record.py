"""What Redis says of a push: which version of a view, computed from what, for which moments."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import orjson

from mlinfra_assets.feature_store.online.errors import DamagedBaseError
from mlinfra_assets.positions import Positions

_BASE = 10**15


@dataclass(frozen=True)
class PushRecord:
    """One push of a view.

    Attributes:
        name: The view.
        version: Its version.
        watermark: What the bases cover of each source.
        epoch: Known-at time of the newest row, microseconds since 1970 UTC.
        complete_from: The bases have all that matters at this moment or later, microseconds since 1970 UTC.
        entities: How many have a base.
        rows: How many rows the bases hold.
        token: Random, so that two pushes are never taken for one.
        run: The run that pushed; empty if none is known.
        number: Given out by Redis, rising; 0 before that.
    """

    name: str
    version: str
    watermark: Mapping[str, Positions]
    epoch: int
    complete_from: int
    entities: int
    rows: int
    token: str
    run: str = ""
    number: int = 0

    def to_json(self) -> bytes:
        """For Redis, which adds the number; with what `scripts` orders pushes by."""
        reach = sum(p.releases + sum(o + 1 for o in p.offsets.values()) for p in self.watermark.values())
        return orjson.dumps(
            {
                "name": self.name,
                "version": self.version,
                "watermark": {source: p.to_dict() for source, p in sorted(self.watermark.items())},
                "epoch": self.epoch,
                "complete_from": self.complete_from,
                "entities": self.entities,
                "rows": self.rows,
                "token": self.token,
                "run": self.run,
                "sources": ",".join(sorted(self.watermark)),
                "reach_high": reach // _BASE,
                "reach_low": reach % _BASE,
            }
        )

    @classmethod
    def from_json(cls, data: bytes) -> PushRecord:
        """What Redis holds.

        Raises:
            DamagedBaseError: Not a record of a push.
        """
        try:
            found = orjson.loads(data)
            return cls(
                name=found["name"],
                version=found["version"],
                watermark={source: Positions.from_dict(p) for source, p in found["watermark"].items()},
                epoch=found["epoch"],
                complete_from=found["complete_from"],
                entities=found["entities"],
                rows=found["rows"],
                token=found["token"],
                run=found.get("run", ""),
                number=found["number"],
            )
        except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError, ValueError) as error:
            raise DamagedBaseError(f"Redis holds no record of a push where one should be: {error!r}") from error
