"""The tail of a view: the valid events past its base, appended in chunks that are applied whole, in order, and once.

A chunk says of each partition after which offset it begins and with which it ends, and is applied only where the tail
stands at its beginning. So a repeat changes nothing, and several updaters may race.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha1
from itertools import islice
from typing import Any

import numpy as np
import redis

from mlinfra_assets.fault_points import reach
from mlinfra_assets.feature_store.online import tail_scripts
from mlinfra_assets.feature_store.online.errors import redis_errors
from mlinfra_assets.feature_store.online.fetched import Fetched
from mlinfra_assets.feature_store.online.read import ViewReader
from mlinfra_assets.feature_store.online.tail_codec import TailRecord, decode_tail
from mlinfra_assets.feature_store.online.tail_state import TailState
from mlinfra_assets.feature_store.view import FeatureView

TRIMMED_AT_ONCE = 100
"""Entities that one step in Redis trims."""


@dataclass(frozen=True)
class Chunk:
    """Events to append.

    Attributes:
        after: Offset that it begins after, by partition.
        upto: Offset that it ends with, by partition; the same partitions.
        records: The events between the two that belong to an entity.
    """

    after: Mapping[int, int]
    upto: Mapping[int, int]
    records: Sequence[TailRecord]


@dataclass(frozen=True)
class Appended:
    """What became of a chunk.

    Attributes:
        applied: Whether it is in the tail; else the tail stands elsewhere.
        state: How the tail stands now; None: there is no whole one.
        number: The push that is served.
        largest: Bytes of the largest entity's records that it added to, 0 if none.
        entity: That entity's encoded key.
    """

    applied: bool
    state: TailState | None
    number: int = 0
    largest: int = 0
    entity: bytes = b""


class ViewTail:
    """Appends to the tail of a view, and cuts it.

    Args:
        client: Redis, answering in bytes.
        name: The view.
        state: Key of its state.
    """

    def __init__(self, client: redis.Redis, name: str, state: str) -> None:
        self._client: Any = client
        self._name = name
        self._state = state
        self._reader = ViewReader(client, name, state)
        self._place, self._append, self._rewrite = (
            client.register_script(script) for script in (tail_scripts.PLACE, tail_scripts.APPEND, tail_scripts.REWRITE)
        )

    def standing(self) -> Fetched:
        """The push that is served, its view, and how the version's tail stands.

        Raises:
            NotLoadedError: There is no whole push.
        """
        return self._reader.fetch([])

    def begin(self, found: Fetched, incarnation: str) -> bool:
        """Have the tail go on from where the base ends; returns whether it now does (else something else was faster).

        A tail that lacks something between itself and the base begins anew. One that the base has overtaken in a
        partition goes on from there.
        """
        covered, tail = found.covered.offsets, found.tail
        if tail is None or any(covered.get(p, -1) < begin for p, begin in tail.begin.items()):
            wanted = TailState(covered, covered, complete_from=found.record.complete_from, incarnation=incarnation)
        else:
            ahead = {p: offset for p, offset in covered.items() if offset > tail.at.get(p, -1)}
            if not ahead:
                return True
            wanted = replace(tail, begin={**tail.begin, **ahead}, at={**tail.at, **ahead})
        held = b"" if tail is None else found.tail_text
        with redis_errors(f"beginning the tail of view {self._name}"):
            args = [found.record.version, found.record.number, held, wanted.to_json()]
            answer = self._place(keys=self._keys(found.record.version), args=args)
        return answer[0] == b"ok"

    def append(self, version: str, chunk: Chunk) -> Appended:
        """Append a chunk to the tail of a version, whole or not at all."""
        epoch = max((record.known_at for record in chunk.records), default=0)
        places = [part for p, end in chunk.upto.items() for part in (p, chunk.after[p], end)]
        joined: dict[bytes, list[bytes]] = {}
        for record in chunk.records:
            joined.setdefault(record.key, []).append(record.data)
        records = [part for key, datas in joined.items() for part in (key, b"".join(datas))]
        args = [version, epoch, len(chunk.upto), *places, len(chunk.records), *records]
        reach("tail.before_append")
        with redis_errors(f"appending to the tail of view {self._name}"):
            answer = self._append(keys=self._keys(version), args=args)
        reach("tail.after_append")
        if answer[0] == b"lost":
            return Appended(applied=False, state=None)
        state = TailState.from_json(answer[1])
        if answer[0] == b"moved":
            return Appended(applied=False, state=state)
        return Appended(True, state, int(answer[2] or 0), int(answer[3]), answer[4])

    def trim(self, now: int) -> Iterator[int]:
        """Remove the records that the base covers or that matter no more, some entities a step.

        Args:
            now: No moment before this is asked about any more, microseconds since 1970 UTC.

        Yields:
            How many records each step removed.
        """
        found = self.standing()
        if found.tail is None:
            return
        version, view = found.record.version, found.document.view
        since = max(now, found.complete_from)
        keys, gone = self._keys(version), {p: o for p, o in found.covered.offsets.items() if o >= 0}
        places = [part for place in gone.items() for part in place]
        with redis_errors(f"trimming the tail of view {self._name}"):
            held = self._client.hscan_iter(keys[1], count=TRIMMED_AT_ONCE)
            while some := dict(islice(held, TRIMMED_AT_ONCE)):
                args = [part for key, data in some.items() for part in _cut(view, found, since, key, data)]
                reach("tail.before_trim")
                yield int(self._rewrite(keys=keys, args=[version, since, len(gone), *places, *args])) if args else 0

    def memory(self) -> int:
        """Bytes that the tail of the version that is served takes up in Redis."""
        version = self.standing().record.version
        with redis_errors(f"measuring the tail of view {self._name}"):
            return int(self._client.memory_usage(self._keys(version)[1], samples=0) or 0)

    def _keys(self, version: str) -> list[str]:
        return [self._state, f"{self._state}:tail:{version}"]


def _cut(view: FeatureView, found: Fetched, since: int, key: bytes, data: bytes) -> list[bytes | int | str]:
    """What the script wants to know of an entity that loses records; nothing if it keeps them all."""
    tail = decode_tail(view, data, ())
    covered = found.covered.offsets
    floor = np.array([covered.get(int(p), -1) for p in tail.partition], np.int64)
    keep = tail.offset > floor
    if view.reach is not None:
        keep &= tail.event_time > since - view.reach
    if keep.all():
        return []
    begins = np.concatenate([[0], tail.ends[:-1]])
    left = b"".join(data[begins[i] : tail.ends[i]] for i in np.flatnonzero(keep))
    return [key, sha1(data, usedforsecurity=False).hexdigest(), int((~keep).sum()), left]
