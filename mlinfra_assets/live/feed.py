"""One stream source's events into the tails of the views that rest on it.

A view's tail says how far it has come, and moves with the records in one step. So an updater may be killed, started
twice, or share partitions with others: whoever appends first is first, and the other goes on from there.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field

import polars as pl

from mlinfra_assets import names
from mlinfra_assets.clock import Clock, to_micros
from mlinfra_assets.connectors.written_schema import Schemas
from mlinfra_assets.contracts.source import Source, StreamIngest
from mlinfra_assets.errors import InvalidInputError
from mlinfra_assets.fault_points import reach
from mlinfra_assets.feature_store.errors import FeatureOverflowError
from mlinfra_assets.feature_store.online.lag import LiveLag, PartitionLag, ViewState
from mlinfra_assets.feature_store.online.push import SLACK
from mlinfra_assets.feature_store.online.store import OnlineStore
from mlinfra_assets.feature_store.online.tail import Chunk
from mlinfra_assets.feature_store.online.tail_codec import encode_records
from mlinfra_assets.live.recipe import Made, Recipe
from mlinfra_assets.live.view import LiveView
from mlinfra_assets.streams.arrivals import Arrivals, Arrived
from mlinfra_assets.streams.errors import RetentionGapError, StreamResetError
from mlinfra_assets.streams.log import StreamLog

LOOK = 1.0
"""Seconds between two looks at what is served, and the longest wait for records."""
MOST = 1_000
"""Records of one chunk at most."""
MOST_BEHIND = 1_000_000
TRIM = 600.0
"""Seconds between two cuts of what no window reaches any more."""

FindSchemas = Callable[[Source, pl.Series], Schemas]
"""The schemas that a source's messages were written with."""


@dataclass(frozen=True)
class Fed:
    """What came of a source's events since the last report.

    Attributes:
        source: Which.
        records: Events that arrived.
        valid: How many of them passed the contract.
        quarantined: How many did not.
        applied: Records that each live view's tail took, by view.
        lag: How far each partition of each view is behind.
    """

    source: str
    records: int
    valid: int
    quarantined: int
    applied: Mapping[str, int]
    lag: Sequence[PartitionLag]


@dataclass(frozen=True)
class Turned:
    """A view begins to follow its stream, or stops doing so.

    Attributes:
        source: Whose events.
        view: Which.
        version: The version that is served; empty if none is.
        why: Why it stops; None: it goes on.
    """

    source: str
    view: str
    version: str
    why: str | None


@dataclass
class _Count:
    records: int = 0
    valid: int = 0
    quarantined: int = 0


@dataclass(frozen=True)
class FeedSettings:
    """How a feed works.

    Attributes:
        max_payload_bytes: The limit that ingestion has.
        report_seconds: Seconds between two reports.
        updater: Name of this updater.
    """

    max_payload_bytes: int
    report_seconds: float
    updater: str


@dataclass
class SourceFeed:
    """Feeds the views of one source. Used by one thread.

    Attributes:
        store: Where the views are served from.
        lag: Where is said how far they are.
        log: The stream, on a connection that nobody else waits on.
        source: As it is declared; its ingest is a `StreamIngest`.
        views: The views' names.
        clock: Tells the present.
        settings: How it works.
        schemas: Finds the schemas of messages that name one.
    """

    store: OnlineStore
    lag: LiveLag
    log: StreamLog
    source: Source
    views: Sequence[str]
    clock: Clock
    settings: FeedSettings
    schemas: FindSchemas
    _views: list[LiveView] = field(default_factory=list, init=False)
    _recipes: dict[str, Recipe] = field(default_factory=dict, init=False)
    _trims: list[Iterator[int]] = field(default_factory=list, init=False)
    _count: _Count = field(default_factory=_Count, init=False)

    def __post_init__(self) -> None:
        assert isinstance(self.source.ingest, StreamIngest)  # noqa: S101 - the caller chose by this very type
        self._topic = self.source.ingest.topic
        self._views = [LiveView(name, self.store.tail(name), self.source) for name in self.views]

    @property
    def waiting(self) -> dict[str, str]:
        """Why views do not follow the stream at present, by name."""
        return {view.name: view.waits for view in self._views if view.waits is not None}

    def follow(self, stop: threading.Event, group: str, *, until_caught_up: bool = False) -> Iterator[Fed | Turned]:
        """What happens, as it happens, until the stop, which lets a chunk be finished.

        Args:
            stop: Set from another thread.
            group: Name that the updaters share who divide the topic's partitions among them.
            until_caught_up: End when no live view is behind the stream any more.

        Raises:
            UnavailableError: The stream or Redis is gone; following again goes on from what the tails hold.
            InvalidInputError: The stream does not say when its records could first be known.
        """
        try:
            with closing(self.log.arrivals(self._topic, f"{group}-live-{self.source.name}")) as arrivals:
                yield from self._follow(stop, arrivals, until_caught_up=until_caught_up)
        finally:
            for recipe in self._recipes.values():
                recipe.close()
            self._recipes.clear()

    def _follow(self, stop: threading.Event, arrivals: Arrivals, *, until_caught_up: bool) -> Iterator[Fed | Turned]:
        looked = told = trimmed = float("-inf")
        while not stop.is_set():
            now = time.monotonic()
            if now - looked >= LOOK:
                yield from self._look()
                looked = now
            if now - trimmed >= TRIM:
                self._trims += [view.tail.trim(to_micros(self.clock.now()) - SLACK) for view in self._live()]
                trimmed = now
            self._trim()
            if now - told >= self.settings.report_seconds:
                yield from self._report()
                told = now
            live = self._live()
            if not live:
                if until_caught_up:
                    break
                stop.wait(LOOK)
                looked = float("-inf")
                continue
            try:
                arrived = arrivals.next(_lowest(live), MOST, 0.0 if self._trims else LOOK)
            except (RetentionGapError, StreamResetError):
                yield from self._look()
                if [view.name for view in self._live()] == [view.name for view in live]:
                    raise  # it is not about where one of them stands
                continue
            if arrived.reached:
                looked = float("-inf") if self._feed(live, arrived) else looked
            elif until_caught_up and not self._behind(arrivals):
                break
        yield from self._report()

    def _live(self) -> list[LiveView]:
        return [view for view in self._views if view.live]

    def _look(self) -> Iterator[Turned]:
        """See what is served of each view, and whether it can go on from there."""
        topic, opened = self.log.state(self._topic), self.store.breakers.all()
        for view in self._views:
            pushed = 0 if view.found is None else view.found.record.number
            view.look(topic, opened)
            if view.live and view.found is not None and view.found.record.number != pushed:
                self._trims.append(view.tail.trim(0))
            if view.turned():
                yield Turned(self.source.name, view.name, view.version, view.waits)

    def _feed(self, live: Sequence[LiveView], arrived: Arrived) -> bool:
        """Append what arrived; returns whether the views have to be looked at anew."""
        records, again = arrived.records, False
        if records["known_at"].null_count():
            raise InvalidInputError(
                f"the topic {self._topic} carries its producers' times, so when a record could first be known is "
                "decided when it lands: set message.timestamp.type=LogAppendTime on it for live views"
            )
        opened = self.store.breakers.all()
        made: dict[str, Made] = {}
        for view in live:
            view.waits = view.frozen(opened)
            after = {p: view.at.get(p, -1) for p, offset in arrived.reached.items() if view.at.get(p, -1) < offset}
            if view.waits is not None or not after:
                again = again or view.waits is not None
                continue
            key = Recipe.key(view.document)
            if key not in made:
                made[key] = self._made(key, view, records)
            try:
                events = encode_records(view.document.view, _past(made[key].rows, after))
            except FeatureOverflowError as error:
                view.stop(f"view {view.name} has stopped: {error}; its snapshots fail too: correct the view")
                again = True
                continue
            chunk = Chunk(after, {p: arrived.reached[p] for p in after}, events)
            again = view.took(view.tail.append(view.document.version, chunk), len(events)) or again
        self._count.records += records.height
        first = next(iter(made.values()), None)
        if first is not None:
            self._count.valid += first.valid
            self._count.quarantined += first.quarantined
        return again

    def _made(self, key: str, view: LiveView, records: pl.DataFrame) -> Made:
        if key not in self._recipes:
            self._recipes[key] = Recipe(view.document, self.source, self.settings.max_payload_bytes)
        recipe = self._recipes[key]
        reach("live.after_read")
        return recipe.make(records, self.schemas(recipe.source, records["payload"]))

    def _trim(self) -> None:
        """One step of what there is to trim."""
        while self._trims:
            if next(self._trims[0], None) is not None:
                return
            self._trims.pop(0)

    def _behind(self, arrivals: Arrivals) -> bool:
        own = arrivals.partitions()
        if own is not None and not own:
            return True  # the group has not let it in yet
        behind = self.log.state(self._topic).behind(_lowest(self._live()))
        return any(own is None or partition in own for partition in behind)

    def _report(self) -> Iterator[Fed]:
        """Say how the views stand, in Redis and to whoever listens."""
        end = self.log.end(self._topic)
        lags: list[PartitionLag] = []
        now = to_micros(self.clock.now())
        for view in self._views:
            own = [self._lag(view, partition, end, now) for partition in sorted(end)] if view.found else []
            state = "live" if view.live else "waiting"
            why, updater = view.waits or "", self.settings.updater
            told = ViewState(view.name, self.source.name, view.version, state, why, view.largest, now, updater)
            self.lag.tell(told, own)
            lags += own
        count, applied = self._count, {view.name: view.applied for view in self._views}
        self._count = _Count()
        for view in self._views:
            view.applied = 0
        if count.records or any(applied.values()):
            yield Fed(self.source.name, count.records, count.valid, count.quarantined, applied, lags)

    def _lag(self, view: LiveView, partition: int, end: Mapping[int, int], now: int) -> PartitionLag:
        at = view.at.get(partition, -1)
        records = max(0, end[partition] - at)
        if records and len(end) == 1:
            records = self.log.behind(self._topic, {partition: at} if at >= 0 else {}, MOST_BEHIND)
        known = 0 if view.found is None else view.found.epoch
        seconds = max(0, now - known) / 1e6 if records else 0.0
        return PartitionLag(view.name, partition, at, records, seconds, now, self.settings.updater)


def _lowest(views: Sequence[LiveView]) -> dict[int, int]:
    """How far all of some views have come, by partition; a partition that one of them has nothing of is left out."""
    shared = set.intersection(*(set(view.at) for view in views)) if views else set()
    lowest = {p: min(view.at[p] for view in views) for p in shared}
    return {p: offset for p, offset in lowest.items() if offset >= 0}


def _past(rows: pl.DataFrame, after: Mapping[int, int]) -> pl.DataFrame:
    """The rows past `after`, of its partitions."""
    past = pl.lit(value=False)
    for partition, offset in after.items():
        past |= (pl.col(names.PARTITION) == partition) & (pl.col(names.OFFSET) > offset)
    return rows.filter(past)
