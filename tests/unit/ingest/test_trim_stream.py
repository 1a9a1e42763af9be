"""The stream forgets what raw holds and what is old, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from mlinfra_assets.clock import FixedClock
from mlinfra_assets.contracts.declaration import load_sources
from mlinfra_assets.datasets import SOURCES
from mlinfra_assets.ingest.streams import land_stream, trim_stream
from mlinfra_assets.lake.lake import Lake
from mlinfra_assets.lake.provenance import Provenance
from mlinfra_assets.redis_server import connect, embedded
from mlinfra_assets.settings import Settings
from mlinfra_assets.streams.record import NewRecord
from mlinfra_assets.streams.redis_log import RedisLog

NOON = datetime(2011, 9, 1, 12, tzinfo=UTC)
RUN = Provenance("run", "code")


@pytest.fixture
def log(settings: Settings) -> Iterator[RedisLog]:
    client = connect(settings)
    yield RedisLog(client)
    client.close()
    embedded(settings).release()


def test_only_old_records_that_raw_holds_are_removed(settings: Settings, log: RedisLog) -> None:
    lake, source = Lake(settings.lake), load_sources(SOURCES)["order_lines"]
    log.append_at("order_lines", [(NOON + timedelta(hours=h), NewRecord(b"%d" % h)) for h in range(4)])
    land_stream(lake, log, source, RUN, FixedClock(NOON + timedelta(hours=4)))
    log.append_at("order_lines", [(NOON + timedelta(hours=5), NewRecord(b"5"))])

    assert trim_stream(lake, log, source, NOON + timedelta(hours=2)) == 2
    assert trim_stream(lake, log, source, NOON + timedelta(hours=2)) == 0
    assert trim_stream(lake, log, source, NOON + timedelta(hours=9)) == 2

    land_stream(lake, log, source, RUN, FixedClock(NOON + timedelta(hours=9)))
    assert lake.table("raw/order_lines").read()["payload"].sort().to_list() == [b"0", b"1", b"2", b"3", b"5"]
