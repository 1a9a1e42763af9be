from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from mlinfra_assets.clock import to_micros
from mlinfra_assets.errors import InvalidInputError, UnavailableError
from mlinfra_assets.feature_store.engine.prepare import prepare
from mlinfra_assets.feature_store.online import push as pushing
from mlinfra_assets.feature_store.online.errors import NotLoadedError, PushLostError, StalePushError
from mlinfra_assets.feature_store.online.push import Push
from mlinfra_assets.feature_store.online.store import OnlineStore
from mlinfra_assets.feature_store.registry import ViewDocument
from mlinfra_assets.positions import Positions
from tests.support.online import SOURCE, push
from tests.support.shop_lines import shop_lines
from tests.support.shop_models import shop_view

VIEW = shop_view(ttl="36500d")
VIEW = replace(VIEW, features=VIEW.features[:-1])
LINES = shop_lines(customers=30, days=60)
HALF, WHOLE = Positions({0: int(LINES["_offset"][len(LINES) // 2])}), Positions({0: int(LINES["_offset"].max())})  # pyright: ignore[reportArgumentType]
T = to_micros(datetime(2012, 1, 1, tzinfo=UTC))
ENTITIES = 28
KEY = (int(LINES["customer_id"].drop_nulls()[0]),)


def served(store: OnlineStore) -> Positions:
    return store.read(VIEW.name, [KEY], T)[0].watermark[SOURCE]


def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pushing, "BATCH_ENTITIES", 5)


def meanwhile(action, at: int = 10):
    """Do something once, when so many entities are written."""
    done = []

    def progress(written: int, _: int) -> None:
        if written >= at and not done:
            done.append(action())

    return progress


def test_a_push_reports_what_it_wrote(store, client):
    seen = []
    report = push(store, VIEW, LINES, WHOLE, lambda *counts: seen.append(counts))
    customers = LINES["customer_id"].drop_nulls().n_unique()
    assert customers == ENTITIES
    assert (report.rows, report.left_out) == (customers, 0)
    assert report.events == LINES["customer_id"].drop_nulls().len()
    assert seen[-1] == (customers, customers)
    assert report.bytes == sum(
        len(k) + len(v) for k, v in client.hgetall("mlinfra:online:{customer_features}:1").items()
    )


def test_the_state_of_a_push_says_what_is_served(store):
    push(store, VIEW, LINES, WHOLE)
    (state,) = store.views()
    assert (state.name, dict(state.watermark)) == (VIEW.name, {SOURCE: WHOLE})
    assert state.version == ViewDocument(VIEW, {"rows": "1"}, source=SOURCE).version
    assert store.view(VIEW.name) == VIEW


def test_an_older_push_is_refused_and_changes_nothing(store):
    push(store, VIEW, LINES, WHOLE)
    with pytest.raises(StalePushError, match="nothing was changed; push from the current tables"):
        push(store, VIEW, LINES, HALF)
    assert served(store) == WHOLE


def test_of_two_pushes_up_to_the_same_moment_the_further_one_wins(store):
    rows = LINES.with_columns(
        pl.lit(datetime(2011, 6, 1, tzinfo=UTC)).cast(LINES["_known_at"].dtype).alias("_known_at")
    )
    push(store, VIEW, rows, WHOLE)
    with pytest.raises(StalePushError):
        push(store, VIEW, rows, HALF)
    push(store, VIEW, rows, replace(WHOLE, releases=1))
    with pytest.raises(StalePushError):
        push(store, VIEW, rows, WHOLE)


def test_the_same_push_again_is_no_harm(store, client):
    push(store, VIEW, LINES, WHOLE)
    before = store.read(VIEW.name, [KEY], T)
    push(store, VIEW, LINES, WHOLE)
    assert store.read(VIEW.name, [KEY], T) == before
    assert len(client.keys("mlinfra:online:{customer_features}:*")) == 1


def test_another_version_of_the_view_takes_over_with_the_same_rows(store):
    push(store, VIEW, LINES, WHOLE)
    other = replace(VIEW, features=VIEW.features[:2])
    push(store, other, LINES, WHOLE)
    assert list(store.read(VIEW.name, [KEY], T)[0].values) == [f.name for f in other.features]


def test_a_view_that_moves_to_another_source_may_know_less(store):
    push(store, VIEW, LINES, WHOLE)
    document = ViewDocument(VIEW, {"rows": "2"}, source="other")
    rows = prepare(VIEW, LINES, covered=HALF)
    store.push(document, document.version, rows, {"other": HALF}, 0)
    assert store.read(VIEW.name, [KEY], T)[0].watermark == {"other": HALF}


def test_an_older_push_that_is_overtaken_half_way_stops(store, monkeypatch):
    small_batches(monkeypatch)
    with pytest.raises(StalePushError):
        push(store, VIEW, LINES, HALF, meanwhile(lambda: push(store, VIEW, LINES, WHOLE)))
    assert served(store) == WHOLE


def test_a_newer_push_is_not_held_up_by_an_older_one_that_ends_first(store, client, monkeypatch):
    small_batches(monkeypatch)
    push(store, VIEW, LINES, WHOLE, meanwhile(lambda: push(store, VIEW, LINES, HALF)))
    assert served(store) == WHOLE
    assert len(client.keys("mlinfra:online:{customer_features}:*")) == 1


def test_readers_see_the_old_push_until_the_new_one_is_whole(store, monkeypatch):
    small_batches(monkeypatch)
    push(store, VIEW, LINES, HALF)
    seen = []
    push(store, VIEW, LINES, WHOLE, lambda *_: seen.append(served(store)))
    assert set(map(str, seen)) == {str(HALF)}
    assert served(store) == WHOLE


def test_a_first_push_that_stops_half_way_leaves_the_view_unloaded(store, monkeypatch):
    small_batches(monkeypatch)

    def stop(*_: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        push(store, VIEW, LINES, WHOLE, stop)
    with pytest.raises(NotLoadedError, match="materialize online/customer_features"):
        served(store)
    assert store.views() == []


def test_what_an_abandoned_push_wrote_goes_by_itself_and_with_the_next_push(store, client, monkeypatch):
    small_batches(monkeypatch)

    def stop(*_: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        push(store, VIEW, LINES, HALF, stop)
    assert 0 < client.ttl("mlinfra:online:{customer_features}:1") <= 3_600
    push(store, VIEW, LINES, WHOLE)
    assert client.keys("mlinfra:online:{customer_features}:*") == [b"mlinfra:online:{customer_features}:2"]
    assert client.ttl("mlinfra:online:{customer_features}:2") == -1
    assert not [f for f in client.hkeys("mlinfra:online:{customer_features}") if f.endswith(b":1")]


@pytest.mark.parametrize("loss", ["everything", "bases"])
@pytest.mark.parametrize("at", [10, ENTITIES])
def test_a_redis_that_loses_a_part_of_a_push_is_noticed(store, client, monkeypatch, loss, at):
    small_batches(monkeypatch)

    def lose() -> None:
        if loss == "everything":
            client.flushall()
        else:
            client.delete("mlinfra:online:{customer_features}:1")

    with pytest.raises(PushLostError, match="push again"):
        push(store, VIEW, LINES, WHOLE, meanwhile(lose, at))
    with pytest.raises(NotLoadedError):
        served(store)
    push(store, VIEW, LINES, WHOLE)
    assert served(store) == WHOLE


@pytest.mark.parametrize("stop", [None, 10])
def test_a_push_whose_number_was_given_out_again_after_a_loss_is_noticed(store, client, monkeypatch, stop):
    small_batches(monkeypatch)
    other = replace(VIEW, features=VIEW.features[:2])

    def halt(written: int, _: int) -> None:
        if written == stop:
            raise KeyboardInterrupt

    def lose() -> None:
        client.flushall()
        with suppress(KeyboardInterrupt):
            push(store, other, LINES, WHOLE, halt)

    with pytest.raises(PushLostError):
        push(store, VIEW, LINES, WHOLE, meanwhile(lose))
    if stop is None:
        assert list(store.read(VIEW.name, [KEY], T)[0].values) == [f.name for f in other.features]
    else:
        with pytest.raises(NotLoadedError):
            served(store)


def test_a_batch_that_arrives_twice_counts_once(store, monkeypatch):
    """As when the connection breaks before the answer and the client sends again."""
    small_batches(monkeypatch)
    call = Push._call

    def twice(self, script, keys, *args):
        call(self, script, keys, *args)
        return call(self, script, keys, *args)

    monkeypatch.setattr(Push, "_call", twice)
    report = push(store, VIEW, LINES, WHOLE)
    assert report.rows == LINES["customer_id"].drop_nulls().n_unique()
    assert served(store) == WHOLE


def test_a_view_without_rows_is_loaded_and_empty(store):
    push(store, VIEW, LINES.head(0), WHOLE)
    assert store.read(VIEW.name, [KEY], T)[0].status == "not_found"


def test_entities_past_their_ttl_are_left_out(store):
    view = replace(VIEW, ttl=30 * 86_400_000_000)
    newest = LINES["_known_at"].max()
    mine = pl.col("customer_id") == KEY[0]
    times = pl.col("_event_time", "_known_at")
    aged = LINES.with_columns(pl.when(mine).then(times - timedelta(days=400)).otherwise(times))
    report = push(store, view, aged, WHOLE)
    assert report.left_out >= 1
    t = to_micros(newest)  # pyright: ignore[reportArgumentType]
    (found,) = store.read(view.name, [KEY], t)
    assert found.status == "not_found"
    assert set(found.values.values()) == {None}


def test_a_moment_before_what_is_kept_is_refused(store):
    push(store, VIEW, LINES, WHOLE)
    epoch = store.views()[0].epoch
    assert store.read(VIEW.name, [KEY], epoch - 86_400_000_000)
    with pytest.raises(UnavailableError, match="see that the clock is right"):
        store.read(VIEW.name, [KEY], epoch - 86_400_000_001)


def test_a_document_of_another_version_is_refused(store):
    document = ViewDocument(VIEW)
    with pytest.raises(InvalidInputError, match="its document is version"):
        store.push(document, "000000000000", prepare(VIEW, LINES), {SOURCE: WHOLE}, 0)


def test_a_redis_that_is_full_keeps_what_it_serves(store, client):
    push(store, VIEW, LINES, HALF)
    client.config_set("maxmemory", "1")
    try:
        with pytest.raises(UnavailableError, match="memory limit"):
            push(store, VIEW, LINES, WHOLE)
    finally:
        client.config_set("maxmemory", "0")
    assert served(store) == HALF
