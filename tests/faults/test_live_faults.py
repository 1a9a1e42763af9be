"""What holds while Redis is full, and after an updater has slept for an hour."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from mlinfra_assets.clock import to_micros
from mlinfra_assets.errors import UnavailableError
from mlinfra_assets.redis_server import embedded
from mlinfra_assets.settings import Settings
from tests.support.live_shop import LiveShop


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[LiveShop]:
    settings = Settings(home=tmp_path, lake=str(tmp_path / "lake"))
    made = LiveShop(settings)
    made.send(60)
    made.land()
    made.push()
    yield made
    embedded(settings).release()


def test_a_full_redis_takes_no_part_of_a_chunk_and_the_updater_goes_on_later(shop: LiveShop) -> None:
    shop.send(30)
    shop.catch_up()
    t = to_micros(datetime.now(UTC))
    before = shop.read(t)
    shop.send(30)
    limit = shop.client.config_get("maxmemory")["maxmemory"]
    shop.client.config_set("maxmemory", 1)
    try:
        with pytest.raises(UnavailableError, match="MLINFRA_REDIS_MAXMEMORY"):
            shop.catch_up()
        assert shop.read(t) == before
    finally:
        shop.client.config_set("maxmemory", limit or "0")
    shop.catch_up()
    shop.assert_served()


def test_an_updater_that_slept_while_others_fed_and_pushed_goes_on_from_what_stands(shop: LiveShop) -> None:
    updater = shop.start()
    try:
        shop.send(20)
        shop.await_served()
        os.kill(updater.pid or 0, signal.SIGSTOP)
        shop.send(20)
        shop.catch_up()
        shop.land()
        shop.push()
        list(shop.store.tail(shop.view.name).trim(0))
        shop.send(20)
        os.kill(updater.pid or 0, signal.SIGCONT)
        shop.await_served()
    finally:
        updater.kill()
        updater.join()
    shop.assert_served()
