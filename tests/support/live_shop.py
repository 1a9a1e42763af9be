"""A shop whose lines come by a stream: what was landed is pushed as a base, and an updater feeds the rest."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from multiprocessing.context import ForkServerProcess
from uuid import uuid4

import numpy as np
import orjson
import polars as pl

from mlinfra_assets.clock import HomeClock, to_micros
from mlinfra_assets.contracts.source import Source, StreamIngest
from mlinfra_assets.curated.sql_text import fingerprint
from mlinfra_assets.feature_store.engine.evaluate import evaluate
from mlinfra_assets.feature_store.engine.prepare import prepare
from mlinfra_assets.feature_store.online.lag import LiveLag
from mlinfra_assets.feature_store.online.store import OnlineStore
from mlinfra_assets.feature_store.online.vector import OnlineVector
from mlinfra_assets.feature_store.registry import ViewDocument
from mlinfra_assets.feature_store.view import FeatureView
from mlinfra_assets.ingest.processed import validate_source
from mlinfra_assets.ingest.source_tables import covered
from mlinfra_assets.ingest.streams import land_stream
from mlinfra_assets.lake.lake import Lake
from mlinfra_assets.lake.provenance import Provenance
from mlinfra_assets.live.feed import Fed, FeedSettings, SourceFeed, Turned
from mlinfra_assets.positions import Positions
from mlinfra_assets.redis_server import connect
from mlinfra_assets.settings import Settings
from mlinfra_assets.streams.log import StreamLog
from mlinfra_assets.streams.opening import open_log
from mlinfra_assets.streams.record import NewRecord
from tests.support.declared import declared
from tests.support.online import bits
from tests.support.served_shop import HABITS, KEYS, LINES, VIEW, with_features
from tests.support.staging import STAGING_SQL, staged
from tests.support.till import order_line

HABIT_VIEW = replace(with_features(VIEW, HABITS), ttl=None)  # the lines are old, and known from now on
RUN = Provenance(run_id="run", code_version="code")
PATIENCE = 300.0
GROUP = "shop"
LIBRARIES = [
    "pandera.polars",
    "mlinfra_assets.curated.kept",
    "mlinfra_assets.feature_store.engine.evaluate",
    "mlinfra_assets.lake.lake",
    "mlinfra_assets.live.feed",
]
"""What a process of its own finds imported; nothing that works with frames when it is: their threads do not survive."""


def messages() -> list[NewRecord]:
    """All lines of the shop as the till sends them; every 20th has no number where one has to be."""
    return [
        NewRecord(order_line(row, **({"Quantity": "a dozen"} if n % 20 == 7 else {})), str(row["customer_id"]).encode())
        for n, row in enumerate(LINES.sort("_known_at").iter_rows(named=True))
        if row["customer_id"] is not None and row["_release"] is None
    ]


@dataclass
class LiveShop:
    """The shop on one stream.

    Attributes:
        settings: Where everything is.
        system: The stream's system.
        topic: The stream.
        view: The view that is live.
    """

    settings: Settings
    system: str = "redis"
    topic: str = "order_lines"
    view: FeatureView = HABIT_VIEW
    _sent: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        self.client = connect(self.settings)
        self.store = OnlineStore(self.client)
        self.log: StreamLog = open_log(self.settings, self.system)
        self.lake = Lake(self.settings.lake)
        self.clock = HomeClock(self.settings.home)
        self.messages = messages()

    @property
    def source(self) -> Source:
        """The order lines, on the shop's own stream."""
        ingest = StreamIngest(self.topic, system=self.system)  # pyright: ignore[reportArgumentType]
        return replace(declared("order_lines"), ingest=ingest)

    @property
    def document(self) -> ViewDocument:
        """The view's version."""
        contract = self.source.contract
        rests_on = {"contract order_lines": contract.fingerprint, "sql stg_order_lines": fingerprint(STAGING_SQL)}
        return ViewDocument(self.view, rests_on, STAGING_SQL, "order_lines", orjson.loads(contract.to_json()))

    def send(self, count: int) -> None:
        """Have so many further lines come in, in one go."""
        self.log.append(self.topic, self.messages[self._sent : self._sent + count])
        self._sent += count

    def send_records(self, records: Sequence[NewRecord]) -> None:
        """Have these come in."""
        self.log.append(self.topic, records)

    def land(self) -> None:
        """Bring what the stream holds through raw and contract, as a run does."""
        land_stream(self.lake, self.log, self.source, RUN, self.clock, max_records=1_000)
        validate_source(
            self.lake, self.source, RUN, self.clock.now(), max_payload_bytes=self.settings.max_payload_bytes
        )

    def rows(self) -> tuple[pl.DataFrame, Positions]:
        """What is landed as rows of the dataset, and how far that is."""
        table = self.lake.table("processed/order_lines")
        return staged(table.read()), covered(table, "order_lines")

    def push(self) -> Positions:
        """Push what is landed as a base; returns what it covers."""
        rows, upto = self.rows()
        epoch = rows["_known_at"].max()
        assert isinstance(epoch, datetime)
        document = self.document
        prepared = prepare(self.view, rows)
        self.store.push(document, document.version, prepared, {"order_lines": upto}, to_micros(epoch))
        return upto

    def await_served(self) -> None:
        """Wait until what is served reaches the stream's end."""
        end = self.log.end(self.topic)

        def there() -> bool:
            reached = self.store.tail(self.view.name).standing().watermark["order_lines"].offsets
            return all(reached.get(p, -1) >= offset for p, offset in end.items())

        deadline = time.monotonic() + PATIENCE
        while not there():
            assert time.monotonic() < deadline, "it did not come about"
            time.sleep(0.02)

    def feed(self, updater: str = "test", report_seconds: float = 0.2) -> SourceFeed:
        """An updater of the view, on connections of its own."""
        client = connect(self.settings)
        return SourceFeed(
            OnlineStore(client),
            LiveLag(client),
            open_log(self.settings, self.system),
            self.source,
            [self.view.name],
            self.clock,
            FeedSettings(self.settings.max_payload_bytes, report_seconds, updater),
            lambda _source, _payloads: {},
        )

    def catch_up(self) -> list[Fed | Turned]:
        """Feed what the stream holds; what was told."""
        return list(self.feed().follow(threading.Event(), uuid4().hex, until_caught_up=True))

    def read(self, t: int | None = None) -> list[OnlineVector]:
        """What is served of every customer."""
        moment = to_micros(datetime.now(UTC)) + 60_000_000 if t is None else t
        return self.store.read(self.view.name, [(key,) for key in KEYS], moment)

    def assert_served(self) -> None:
        """Everything that was sent is served: as one base of what a run makes of it."""
        self.land()
        rows, upto = self.rows()
        t = to_micros(datetime.now(UTC)) + 60_000_000
        entities = pl.DataFrame({"customer_id": KEYS})
        expected = evaluate(self.view, prepare(self.view, rows), entities, np.full(len(KEYS), t))
        assert expected["orders"].sum() > 0
        for values, vector in zip(expected.iter_rows(named=True), self.read(t), strict=True):
            assert vector.watermark["order_lines"].offsets == upto.offsets
            assert {n: bits(v) for n, v in vector.values.items()} == {n: bits(v) for n, v in values.items()}

    def start(self, kill_at: str = "", group: str = GROUP) -> ForkServerProcess:
        """An updater in a process of its own, which follows until it is killed."""
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(LIBRARIES)
        environment = {**self.settings.to_environment(), "MLINFRA_KILL_AT": kill_at}
        process = context.Process(target=follow, args=(environment, self.system, self.topic, group), daemon=True)
        process.start()
        return process

    def die(self, kill_at: str) -> None:
        """An updater that dies at a point."""
        process = self.start(kill_at, uuid4().hex)
        process.join(PATIENCE)
        assert process.exitcode == -signal.SIGKILL, (kill_at, process.exitcode)


@contextmanager
def following(shop: LiveShop) -> Iterator[SourceFeed]:
    """An updater in a thread, for as long as this lasts."""
    stop, feed = threading.Event(), shop.feed()
    failed: list[BaseException] = []

    def run() -> None:
        try:
            for _ in feed.follow(stop, GROUP):
                pass
        except BaseException as error:  # noqa: BLE001 - told to the test
            failed.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield feed
    finally:
        stop.set()
        thread.join()
        assert failed == []


def follow(environment: Mapping[str, str], system: str, topic: str, group: str) -> None:
    """What a process of its own does."""
    os.environ.update(environment)
    shop = LiveShop(Settings.load(), system, topic)
    for _ in shop.feed(f"process-{os.getpid()}").follow(threading.Event(), group):
        pass
