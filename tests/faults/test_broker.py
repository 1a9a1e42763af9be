"""A broker that dies in the middle of a read and comes back: what raw holds goes on where it stood."""

from __future__ import annotations

import os
import signal
import threading
from contextlib import suppress
from pathlib import Path

import pytest

from mlinfra_assets.errors import UnavailableError
from mlinfra_assets.redis_server import connect
from mlinfra_assets.settings import Settings
from tests.support.faults.faulty_stream import Interrupted
from tests.support.faults.ingestion import Ingestion
from tests.support.faults.worker import Task
from tests.support.kafka_broker import own_broker
from tests.support.kafka_topic import own_topic


@pytest.mark.parametrize("batch", [20, 400])
def test_a_redis_killed_in_mid_read_loses_and_repeats_nothing(ingestion: Ingestion, batch: int) -> None:
    def kill() -> None:
        server = connect(ingestion.settings)
        os.kill(int(server.info("server")["process_id"]), signal.SIGKILL)  # pyright: ignore[reportIndexIssue]
        server.close()

    for after in (1, 3):
        ingestion.produce(1500)
        with suppress(UnavailableError):  # a run may end here; the next one goes on
            ingestion.land(Interrupted(ingestion.log, after, kill), batch)
        assert ingestion.table("raw").count() > 0
    ingestion.settle()


@pytest.mark.service("kafka")
def test_a_kafka_killed_in_mid_read_loses_and_repeats_nothing(tmp_path: Path) -> None:
    with own_broker(tmp_path / "broker") as broker, own_topic(broker.servers, partitions=3) as topic:
        settings = Settings(home=tmp_path, lake=str(tmp_path / "lake"), kafka_servers=broker.servers)
        starting = threading.Thread(target=broker.start)

        def kill() -> None:
            broker.kill()
            starting.start()

        ingestion = Ingestion(settings, Task(topic.name, system="kafka"))
        ingestion.produce(1500)
        with suppress(UnavailableError):  # the run may end here; the next one goes on
            ingestion.land(Interrupted(ingestion.log, 2, kill), 100)
        assert ingestion.table("raw").count() > 0
        starting.join()
        ingestion.produce(100)
        ingestion.settle()
