"""An updater on the embedded stream: what it serves is what a run makes of the same records."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from mlinfra_assets.feature_store.online.frozen import OpenBreaker
from mlinfra_assets.feature_store.online.lag import LiveLag
from mlinfra_assets.live.feed import Fed, Turned
from mlinfra_assets.redis_server import embedded
from mlinfra_assets.settings import Settings
from mlinfra_assets.streams.record import NewRecord
from mlinfra_assets.streams.redis_log import RedisLog
from tests.support.consuming import until
from tests.support.live_shop import LiveShop, following


@pytest.fixture
def shop(settings: Settings) -> Iterator[LiveShop]:
    made = LiveShop(settings)
    made.send(100)
    made.land()
    made.push()
    yield made
    embedded(settings).release()


def test_events_past_the_base_are_served_as_a_run_makes_them(shop: LiveShop):
    shop.send(150)
    told = shop.catch_up()
    assert [(t.view, t.why) for t in told if isinstance(t, Turned)] == [("customer_features", None)]
    fed = [t for t in told if isinstance(t, Fed)]
    assert sum(t.records for t in fed) == 150
    assert sum(t.valid for t in fed) + sum(t.quarantined for t in fed) == 150
    assert sum(t.quarantined for t in fed) > 0
    assert fed[-1].lag[0].records == 0
    shop.assert_served()
    assert any(v.watermark["order_lines"].batch for v in shop.read())


def test_poison_and_oversize_messages_are_passed_over_as_a_run_quarantines_them(shop: LiveShop):
    good = shop.messages[200:203]
    shop.send_records(
        [good[0], NewRecord(b"\xff{"), NewRecord(None), NewRecord(b'{"Description": "' + b"x" * 1_100_000 + b'"}'),
         NewRecord(b"[1, 2]"), good[1], NewRecord(b"{}"), NewRecord(b"[" * 100_000), good[2]]
    )  # fmt: skip
    told = [t for t in shop.catch_up() if isinstance(t, Fed)]
    assert sum(t.records for t in told) == 9
    shop.assert_served()


def test_a_newer_base_is_gone_on_from_and_the_tail_is_trimmed(shop: LiveShop):
    with following(shop):
        shop.send(60)
        until(lambda: shop.store.tail(shop.view.name).standing().tail is not None)
        shop.land()
        shop.push()
        shop.send(50)
        end = shop.log.end(shop.topic)[0]
        until(lambda: shop.read()[0].watermark["order_lines"].offsets == {0: end})

        def trimmed() -> bool:
            found = shop.store.tail(shop.view.name).standing()
            return found.tail is not None and found.tail.records <= 50

        until(trimmed)
    shop.assert_served()


def test_an_emptied_redis_is_waited_for_and_the_updater_goes_on_from_the_new_base(shop: LiveShop):
    with following(shop) as feed:
        shop.send(20)
        until(lambda: not feed.waiting)
        shop.land()
        for key in shop.client.keys("mlinfra:online:*"):  # the stream's own data is restored
            shop.client.delete(key)
        until(lambda: bool(feed.waiting))
        assert "materialize online/" in feed.waiting[shop.view.name]
        shop.push()
        shop.send(20)
        end = shop.log.end(shop.topic)[0]
        until(lambda: not feed.waiting and shop.read()[0].watermark["order_lines"].offsets == {0: end})
    shop.assert_served()


def test_an_open_breaker_stops_the_updater_and_what_is_served_stays(shop: LiveShop):
    with following(shop) as feed:
        shop.send(20)
        end = shop.log.end(shop.topic)[0]
        until(lambda: shop.read()[0].watermark["order_lines"].offsets == {0: end})
        before = shop.read()[0].watermark
        shop.store.breakers.put(1, {"source/order_lines": OpenBreaker(0, "a rule", "too many bad records")})
        until(lambda: bool(feed.waiting))
        assert "too many bad records" in feed.waiting[shop.view.name]
        shop.send(20)
        assert shop.read()[0].watermark == before
        until(lambda: any(s.state == "waiting" for s in LiveLag(shop.client).states()))
        shop.store.breakers.put(2, {})
        end = shop.log.end(shop.topic)[0]
        until(lambda: shop.read()[0].watermark["order_lines"].offsets == {0: end})
    shop.assert_served()


def test_where_the_stream_has_lost_what_the_base_lacks_the_view_stops_and_says_so(shop: LiveShop):
    shop.send(50)
    assert isinstance(shop.log, RedisLog)
    end = shop.log.end(shop.topic)
    shop.land()
    shop.log.trim(shop.topic, end)
    with following(shop) as feed:
        until(lambda: "push a newer base" in feed.waiting.get(shop.view.name, ""))
        shop.push()
        shop.send(10)
        end = shop.log.end(shop.topic)
        until(lambda: not feed.waiting and shop.read()[0].watermark["order_lines"].offsets == end)
    shop.assert_served()


def test_how_far_it_is_behind_is_told_by_partition(shop: LiveShop):
    shop.send(30)
    shop.catch_up()
    (lag,) = LiveLag(shop.client).partitions()
    (state,) = LiveLag(shop.client).states()
    assert (lag.view, lag.partition, lag.records, lag.seconds) == (shop.view.name, 0, 0, 0.0)
    assert lag.offset == shop.log.end(shop.topic)[0]
    assert (state.state, state.why, state.version) == ("live", "", shop.document.version)
    assert state.largest > 0
