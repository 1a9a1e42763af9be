from __future__ import annotations

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mlinfra_assets.feature_store import Entity, FeatureStore
from mlinfra_assets.feature_store.engine.evaluate import NOT_FOUND, PRESENT, evaluate_at
from mlinfra_assets.feature_store.engine.prepare import prepare
from mlinfra_assets.feature_store.online.trimming import trim
from mlinfra_assets.feature_store.view import FeatureView
from tests.support.feature_cases import DAY, START, dataset, row_lists, to_frame
from tests.support.online import bits


def windowed(primary_key: tuple[str, ...], ttl: str, *, since_last: bool) -> FeatureView:
    """A view that needs no row older than its longest window and its TTL, unless it asks for an age."""

    def features(o):
        found = {
            "half": o.count("12h"),
            "hop": o["q"].sum("12h", hop="7h"),
            "latest": o["s"].last("1d"),
            "least": o["f"].min("36h", where=o["b"]),
        }
        return {**found, "age": o.since_last()} if since_last else found

    store = FeatureStore({"o": dataset(primary_key)})
    return store.create_feature_view("v", [Entity("one", ["a"])], ttl)(features)


def latest(primary_key: tuple[str, ...], ttl: str | None, *, windows: bool) -> FeatureView:
    """A view that needs the latest row of all history, and perhaps what its windows hold."""

    def features(o):
        found = {"text": o["s"].latest(), "number": o["f"].latest(), "age": o.since_last()}
        return {**found, "half": o.count("12h"), "hop": o["q"].sum("12h", hop="7h")} if windows else found

    store = FeatureStore({"o": dataset(primary_key)})
    return store.create_feature_view("v", [Entity("one", ["a"])], ttl)(features)


views = st.builds(
    latest, st.sampled_from([(), ("p",)]), st.sampled_from([None, "12h"]), windows=st.booleans()
) | st.builds(
    windowed,
    st.sampled_from([(), ("p",), ("p", "c")]),
    st.sampled_from(["1m", "12h", "1d", "2d"]),
    since_last=st.booleans(),
)
moments = st.builds(lambda halves, edge: START + halves * DAY // 2 + edge, st.integers(0, 8), st.integers(-1, 1))


@given(view=views, rows=row_lists(), since=moments, data=st.data())
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
def test_what_is_left_out_changes_no_value_from_then_on(view, rows, since, data):
    whole = prepare(view, to_frame(rows))
    kept = trim(view, whole, since)
    assert kept.keys is not None
    assert whole.keys is not None
    later = data.draw(st.lists(st.one_of(st.just(since), moments.map(lambda t: max(t, since))), min_size=1, max_size=4))
    for t in later:
        at = np.full(whole.entities, t)
        before = evaluate_at(view, whole, np.arange(whole.entities), at)
        after = evaluate_at(view, kept, kept.index_of(whole.keys), at)
        assert [list(map(bits, row)) for row in after.features.rows()] == [
            list(map(bits, row)) for row in before.features.rows()
        ]
        assert ((after.status == PRESENT) == (before.status == PRESENT)).all()
        assert (after.status[kept.index_of(whole.keys) < 0] == NOT_FOUND).all()


def test_old_rows_and_entities_go():
    view = windowed((), "1d", since_last=False)
    rows = [row(entity, START + day * DAY) for entity in (1, 2) for day in (0, 10)]
    rows = [r for r in rows if r["a"] == 1 or r["_event_time"] == START]
    kept = trim(view, prepare(view, to_frame(rows)), START + 10 * DAY)
    assert kept.keys is not None
    assert (kept.keys.rows(), kept.event_time.tolist()) == ([(1,)], [START + 10 * DAY])


def test_without_a_ttl_everything_stays():
    store = FeatureStore({"o": dataset(())})
    view = store.create_feature_view("v", [Entity("one", ["a"])])(lambda o: {"n": o.count("1d")})
    prepared = prepare(view, to_frame([row(1, START)]))
    assert len(trim(view, prepared, START + 10_000 * DAY)) == 1


def row(entity: int, at: int) -> dict:
    values = dict.fromkeys("cpiqdfsbw")
    coordinates = {
        "_known_at_assumed": False,
        "_partition": 0,
        "_offset": at,
        "_row": entity,
        "_release": None,
        "_contract_version": "v1",
    }
    return {"a": entity, **values, "_event_time": at, "_known_at": at, **coordinates}


def test_of_latest_values_the_latest_rows_stay():
    view = latest((), None, windows=False)
    rows = [row(key, START + hours * DAY // 24) for key in (1, 12) for hours in (0, 1, 2, 30)]
    whole = prepare(view, to_frame(rows))
    assert trim(view, whole, START + DAY).starts.tolist() == [0, 2, 4]
    assert trim(view, whole, START + 2 * DAY).starts.tolist() == [0, 1, 2]
