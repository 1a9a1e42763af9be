"""Updaters killed with SIGKILL anywhere: what is served in the end is what a run makes of every record, once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from mlinfra_assets.redis_server import embedded
from mlinfra_assets.settings import Settings
from tests.support.kafka_topic import own_topic
from tests.support.live_shop import LiveShop

POINTS = ("live.after_read", "tail.before_append", "tail.after_append")


@pytest.fixture
def on_redis(tmp_path: Path) -> Iterator[LiveShop]:
    """The shop on the embedded stream, with a base of its first lines."""
    settings = Settings(home=tmp_path, lake=str(tmp_path / "lake"))
    yield begun(LiveShop(settings))
    embedded(settings).release()


@pytest.fixture
def on_kafka(tmp_path: Path, kafka_servers: str) -> Iterator[LiveShop]:
    """The shop on a Kafka topic of three partitions (use with the marker `service("kafka")`)."""
    settings = Settings(home=tmp_path, lake=str(tmp_path / "lake"), kafka_servers=kafka_servers)
    with own_topic(kafka_servers, 3, message_timestamp_type="LogAppendTime") as topic:
        yield begun(LiveShop(settings, "kafka", topic.name))
    embedded(settings).release()


def begun(shop: LiveShop) -> LiveShop:
    shop.send(60)
    shop.land()
    shop.push()
    return shop


def each_point(shop: LiveShop) -> None:
    for point in POINTS:
        shop.send(25)
        shop.die(point)
    shop.land()
    shop.push()
    shop.die("tail.before_trim")
    shop.send(25)
    shop.catch_up()
    shop.assert_served()


def sharing(shop: LiveShop) -> None:
    first, second = shop.start(), shop.start()
    try:
        shop.send(40)
        shop.await_served()
        first.kill()
        first.join()
        shop.send(40)
        shop.await_served()
        first = shop.start()
        second.kill()
        second.join()
        shop.send(40)
        shop.await_served()
    finally:
        for process in (first, second):
            process.kill()
            process.join()
    shop.assert_served()


def test_killed_at_every_point_an_updater_loses_and_repeats_nothing(on_redis: LiveShop) -> None:
    each_point(on_redis)


def test_two_updaters_of_a_redis_stream_race_and_die_in_turn(on_redis: LiveShop) -> None:
    sharing(on_redis)


@pytest.mark.service("kafka")
def test_killed_at_every_point_an_updater_of_a_kafka_topic_loses_and_repeats_nothing(on_kafka: LiveShop) -> None:
    each_point(on_kafka)


@pytest.mark.service("kafka")
def test_two_updaters_of_a_kafka_topic_share_its_partitions_and_take_over_from_each_other(on_kafka: LiveShop) -> None:
    sharing(on_kafka)
