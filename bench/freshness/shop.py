"""The shop's order lines on a stream of their own, and the view that is fed from them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal, cast
from zoneinfo import ZoneInfo

import numpy as np
import orjson
import polars as pl

from mlinfra_assets.catalogue.views import open_catalogue
from mlinfra_assets.clock import SystemClock, to_micros
from mlinfra_assets.contracts.source import Source, StreamIngest
from mlinfra_assets.feature_store.engine.evaluate import evaluate
from mlinfra_assets.feature_store.engine.prepare import prepare
from mlinfra_assets.feature_store.online.lag import LiveLag
from mlinfra_assets.feature_store.online.store import OnlineStore
from mlinfra_assets.feature_store.registry import ViewDocument
from mlinfra_assets.live.feed import FeedSettings, SourceFeed
from mlinfra_assets.live.recipe import Recipe
from mlinfra_assets.positions import Positions
from mlinfra_assets.redis_server import connect
from mlinfra_assets.settings import Settings
from mlinfra_assets.streams.opening import open_log
from mlinfra_assets.streams.record import NewRecord

if TYPE_CHECKING:
    from mlinfra_assets.streams.log import StreamLog

VIEW = "product_features"
CUSTOMERS, PRODUCTS = 4_000, 3_000
LONDON = ZoneInfo("Europe/London")
MAX_PAYLOAD = 1 << 20
LAST = 2**63 - 1


class Shop:
    """The order lines on one stream.

    Args:
        settings: Where Redis and Kafka are.
        system: `redis` or `kafka`.
        topic: The stream.
    """

    def __init__(self, settings: Settings, system: str, topic: str) -> None:
        self._settings, self._system, self._topic = settings, system, topic
        catalogue = open_catalogue(settings)
        declared = catalogue.declared(VIEW)
        assert declared is not None, f"there is no view {VIEW}"
        self.document: ViewDocument = declared.document
        ingest = StreamIngest(topic, system=cast("Literal['redis', 'kafka']", system))
        self.source: Source = replace(catalogue.sources["order_lines"], ingest=ingest)
        self.log: StreamLog = open_log(settings, system)
        self.store = OnlineStore(connect(settings))

    def feed(self) -> SourceFeed:
        """An updater on connections of its own."""
        client = connect(self._settings)
        return SourceFeed(
            OnlineStore(client),
            LiveLag(client),
            open_log(self._settings, self._system),
            self.source,
            [VIEW],
            SystemClock(),
            FeedSettings(MAX_PAYLOAD, 1.0, "bench"),
            lambda _source, _payloads: {},
        )

    def push(self) -> None:
        """Push what the stream holds as a base."""
        rows, upto = self._rows()
        epoch = rows["_known_at"].max()
        assert isinstance(epoch, datetime)
        prepared = prepare(self.document.view, rows)
        covered = {self.source.name: Positions(upto)}
        self.store.push(self.document, self.document.version, prepared, covered, to_micros(epoch))

    def equal(self) -> bool:
        """Whether what is served of every product is what one base of all events gives."""
        rows, _ = self._rows()
        view, t = self.document.view, to_micros(datetime.now(UTC))
        prepared = prepare(view, rows)
        assert prepared.keys is not None
        keys = prepared.keys.rows()
        expected = evaluate(view, prepared, prepared.keys, np.full(len(keys), t)).rows(named=True)
        return [dict(vector.values) for vector in self.store.read(VIEW, keys, t)] == expected

    def _rows(self) -> tuple[pl.DataFrame, dict[int, int]]:
        recipe, end = Recipe(self.document, self.source, MAX_PAYLOAD), self.log.end(self._topic)
        frames = list(self.log.read(self._topic, {}, end, LAST, LAST))
        return recipe.make(pl.concat(frames), {}).rows, end


def lines(first: int, count: int) -> Sequence[NewRecord]:
    """Order lines of now, as the till sends them."""
    now = datetime.now(UTC).astimezone(LONDON).strftime("%Y-%m-%d %H:%M:%S")
    return [
        NewRecord(
            orjson.dumps(
                {
                    "InvoiceNo": f"{600_000 + number // 5}",
                    "StockCode": f"{20_000 + number * 7 % PRODUCTS}",
                    "Description": "WHITE HANGING HEART T-LIGHT HOLDER",
                    "Quantity": 1 + number % 12,
                    "InvoiceDate": now,
                    "UnitPrice": 2.55,
                    "CustomerID": f"{13_000 + number % CUSTOMERS}.0",
                    "Country": "United Kingdom",
                }
            )
        )
        for number in range(first, first + count)
    ]
