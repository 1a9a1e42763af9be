"""How far live views are behind their streams, as the updaters last said it: for metrics and for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Literal

import orjson
import redis

from mlinfra_assets.feature_store.online.errors import redis_errors

KEY = "mlinfra:online:live"
State = Literal["live", "waiting"]


@dataclass(frozen=True)
class PartitionLag:
    """One partition of one view's source.

    Attributes:
        view: The view.
        partition: The partition.
        offset: Last offset applied.
        records: How many lie past it; of a partition with gaps, offsets.
        seconds: How long the newest event applied has been known, while others wait; 0 if none does.
        told_at: When the updater said so, microseconds since 1970 UTC.
        updater: Which one it was.
    """

    view: str
    partition: int
    offset: int
    records: int
    seconds: float
    told_at: int
    updater: str


@dataclass(frozen=True)
class ViewState:
    """What the updaters make of a view.

    Attributes:
        view: The view.
        source: The source whose events it takes.
        version: Its version.
        state: Whether events are applied as they come.
        why: Why they are not; empty if they are.
        largest: Bytes of the largest entity's tail that this updater added to.
        told_at: When the updater said so, microseconds since 1970 UTC.
        updater: Which one it was.
    """

    view: str
    source: str
    version: str
    state: State
    why: str
    largest: int
    told_at: int
    updater: str


class LiveLag:
    """What the updaters said, in one Redis. Of each view and partition the last word stands.

    Args:
        client: Redis, answering in bytes.
    """

    def __init__(self, client: redis.Redis) -> None:
        self._client = client

    def tell(self, state: ViewState, partitions: Sequence[PartitionLag]) -> None:
        """Say how a view stands.

        Raises:
            UnavailableError: Redis cannot be reached, or is full.
        """
        told: Mapping[str | bytes, bytes | float | int | str] = {
            state.view: orjson.dumps(asdict(state)),
            **{f"{lag.view}/{lag.partition}": orjson.dumps(asdict(lag)) for lag in partitions},
        }
        with redis_errors("telling how live views stand"):
            self._client.hset(KEY, mapping=told)  # pyright: ignore[reportArgumentType]

    def states(self) -> list[ViewState]:
        """Every view that an updater ever spoke of, by name.

        Raises:
            UnavailableError: Redis cannot be reached.
        """
        return [ViewState(**found) for name, found in self._all() if "/" not in name]

    def partitions(self) -> list[PartitionLag]:
        """Every partition that an updater ever spoke of, by view and number.

        Raises:
            UnavailableError: Redis cannot be reached.
        """
        found = [PartitionLag(**told) for name, told in self._all() if "/" in name]
        return sorted(found, key=lambda lag: (lag.view, lag.partition))

    def _all(self) -> list[tuple[str, dict]]:
        with redis_errors("asking how live views stand"):
            held: dict[bytes, bytes] = self._client.hgetall(KEY)  # pyright: ignore[reportAssignmentType]
        return sorted((name.decode(), orjson.loads(text)) for name, text in held.items())
