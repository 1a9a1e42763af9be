"""One push of a view: all bases beside those being served, then the switch."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from uuid import uuid4

import redis

from mlinfra_assets.clock import from_micros
from mlinfra_assets.errors import InvalidInputError
from mlinfra_assets.fault_points import reach
from mlinfra_assets.feature_store.duration import UNITS
from mlinfra_assets.feature_store.engine.rows import PreparedRows
from mlinfra_assets.feature_store.online import scripts
from mlinfra_assets.feature_store.online.codec import BaseEncoder
from mlinfra_assets.feature_store.online.errors import PinnedError, PushLostError, StalePushError, redis_errors
from mlinfra_assets.feature_store.online.keys import encode_keys
from mlinfra_assets.feature_store.online.pinning import Pin
from mlinfra_assets.feature_store.online.record import PushRecord
from mlinfra_assets.feature_store.online.trimming import trim
from mlinfra_assets.feature_store.registry import ViewDocument
from mlinfra_assets.positions import Positions

SLACK = UNITS["d"]
"""How far before the newest row a moment may lie that can still be asked about: clocks differ."""

ABANDONED_SECONDS = 3_600
"""How long Redis keeps the bases of a push that stopped half-way."""

BATCH_ENTITIES = 200
BATCH_BYTES = 1 << 20
EXACT_IN_LUA = 2**53

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class PushReport:
    """What a push wrote.

    Attributes:
        rows: Entities that are served now.
        events: Rows of the dataset in their bases.
        left_out: Entities whose rows are all too old to matter.
        bytes: Size of keys and bases.
    """

    rows: int
    events: int
    left_out: int
    bytes: int


class Push:
    """Writes one push.

    Args:
        client: Redis, answering in bytes.
        state: Key of the view's state.
        document: The view.
        prepared: Its rows, with keys.
        watermark: What the rows cover of each source.
        epoch: Known-at time of the newest row, microseconds since 1970 UTC.
        run: The run that pushes.
    """

    def __init__(
        self,
        client: redis.Redis,
        state: str,
        document: ViewDocument,
        prepared: PreparedRows,
        watermark: Mapping[str, Positions],
        epoch: int,
        run: str = "",
    ) -> None:
        if not 0 <= epoch < EXACT_IN_LUA:
            raise InvalidInputError(f"view {document.name}: epoch {epoch} is no time after 1970 in microseconds")
        if prepared.keys is None:
            raise InvalidInputError(f"view {document.name}: rows without keys cannot be pushed")
        self._client = client
        self._state = state
        self._document = document
        self._rows = trim(document.view, prepared, epoch - SLACK)
        self._left_out = prepared.entities - self._rows.entities
        self._bytes = 0
        self._doing = f"pushing view {document.name}"
        self._record = PushRecord(
            name=document.name,
            version=document.version,
            watermark=watermark,
            epoch=epoch,
            complete_from=epoch - SLACK,
            entities=self._rows.entities,
            rows=len(self._rows),
            token=uuid4().hex,
            run=run,
        )

    def run(self, progress: Progress | None) -> PushReport:
        """Write and switch over; readers see what was there until the switch, and all of this after it."""
        with redis_errors(self._doing):
            number = self._call(scripts.BEGIN, [self._state], self._record.to_json(), self._document.to_json())[1]
            self._write(int(number), progress)
        return PushReport(self._rows.entities, len(self._rows), self._left_out, self._bytes)

    def _write(self, number: int, progress: Progress | None) -> None:
        keys = [self._state, f"{self._state}:{number}"]
        token, total, done = self._record.token, self._rows.entities, 0
        bases = self._bases()
        while batch := list(_batch(bases)):
            flat = [part for pair in batch for part in pair]
            self._bytes += sum(map(len, flat))
            self._call(scripts.WRITE, keys, number, token, done, ABANDONED_SECONDS, *flat)
            done += len(batch)
            reach("online.after_batch")
            if progress is not None:
                progress(done, total)
        reach("online.before_switch")
        self._call(scripts.SWITCH, keys, number, token, total)
        reach("online.after_switch")

    def _bases(self) -> Iterator[tuple[bytes, bytes]]:
        encoder = BaseEncoder(self._rows)
        schema, keys = self._document.view.key_schema, self._rows.keys
        assert keys is not None  # noqa: S101 - the constructor has made sure
        for begin in range(0, keys.height, BATCH_ENTITIES):
            some = keys[begin : begin + BATCH_ENTITIES].rows()
            yield from zip(encode_keys(schema, some), encoder.encode_many(begin, begin + len(some)), strict=True)

    def _call(self, script: str, keys: list[str], *args: bytes | str | int) -> list[bytes]:
        answer: list[bytes] = self._client.register_script(script)(keys=keys, args=list(args))  # pyright: ignore[reportAssignmentType]
        if answer[0] == b"stale":
            served = PushRecord.from_json(answer[1])
            raise StalePushError(
                f"view {self._document.name}: Redis serves push {served.number}, with rows up to "
                f"{from_micros(served.epoch).isoformat()}, and this push ends at "
                f"{from_micros(self._record.epoch).isoformat()}: nothing was changed; push from the current tables"
            )
        if answer[0] == b"pinned":
            pin = Pin.from_json(answer[1])
            raise PinnedError(
                f"view {self._document.name} is rolled back to version {pin.version}, by {pin.by}: {pin.why}; version "
                f"{self._document.version} was not pushed: `mlinfra online resume {self._document.name}` ends that"
            )
        if answer[0] == b"lost":
            raise PushLostError(
                f"view {self._document.name}: Redis lost a part of the push while it was written, as after a restart: "
                "push again; what was served before was not changed"
            )
        return answer


def _batch(bases: Iterator[tuple[bytes, bytes]]) -> Iterator[tuple[bytes, bytes]]:
    """The next bases, few and small enough that Redis is not held up for long."""
    size = 0
    for key, base in islice(bases, BATCH_ENTITIES):
        yield key, base
        size += len(key) + len(base)
        if size >= BATCH_BYTES:
            return
