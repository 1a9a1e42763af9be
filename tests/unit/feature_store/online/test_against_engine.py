"""What is served is what the engine computes from the rows that the watermark covers, whatever happened to a push."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mlinfra_assets.feature_store.errors import FeatureOverflowError
from mlinfra_assets.feature_store.nodes import Score, walk
from mlinfra_assets.feature_store.online import push as pushing
from mlinfra_assets.feature_store.online.errors import NotLoadedError, StalePushError
from mlinfra_assets.feature_store.online.store import OnlineStore
from mlinfra_assets.positions import Positions
from tests.support.feature_cases import Case, cases, instants, numbers
from tests.support.online import SOURCE, bits, covered, epoch_of, offline, push

MANY = settings(
    max_examples=100,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.function_scoped_fixture],
)
LAST = 36


class StoppedError(Exception):
    """Stands for a process that ends in the middle of a push."""


def without_scores(case: Case) -> Case:
    features = [f for f in case.view.features if not any(isinstance(n, Score) for n in walk(f.node))]
    return replace(case, view=replace(case.view, features=tuple(features)))


@st.composite
def watermarks(draw):
    """Watermarks that grow, as pushes of one source have them."""
    steps = draw(st.lists(st.tuples(st.integers(0, 15), st.integers(0, 15)), min_size=1, max_size=4))
    reached = np.minimum(np.cumsum(steps, axis=0) - 1, LAST).tolist()
    return [Positions({0: first, 1: second}) for first, second in reached]


def stop_after(batches: int | None):
    def progress(done: int, _: int) -> None:
        if batches is not None and done >= batches:
            raise StoppedError

    return progress


@given(case=cases().map(without_scores), pushes=watermarks(), data=st.data())
@MANY
def test_served_is_what_the_engine_computes_of_the_logged_watermark(
    store: OnlineStore, client, case: Case, pushes, data
):
    client.flushall()
    view, rows = case.view, case.frame
    entity = st.tuples(*(numbers[key] for key in view.join_keys)).filter(lambda key: None not in key)
    served: list[Positions] = []
    for watermark in pushes:
        stop = data.draw(st.one_of(st.none(), st.integers(1, 3)), label="batches before the end")
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(pushing, "BATCH_ENTITIES", 1)
            try:
                push(store, view, rows, watermark, stop_after(stop))
                served.append(watermark)
            except FeatureOverflowError:
                return
            except StoppedError:
                pass
        questions = data.draw(st.lists(st.tuples(entity, instants), max_size=3), label="questions")
        for key, t in questions:
            judge(store, case, served, key, t)
    if (
        served
        and len(covered(rows, served[0]))
        and epoch_of(covered(rows, served[0])) < epoch_of(covered(rows, served[-1]))
    ):
        with pytest.raises(StalePushError):
            push(store, view, rows, served[0])


def judge(store: OnlineStore, case: Case, served: list[Positions], key: tuple, t: int) -> None:
    if not served:
        with pytest.raises(NotLoadedError):
            store.read(case.view.name, [key], t)
        return
    t = max(t, epoch_of(covered(case.frame, served[-1])) - pushing.SLACK)
    try:
        values, status = offline(case.view, case.frame, served[-1], key, t)
    except FeatureOverflowError:
        with pytest.raises(FeatureOverflowError, match="v:"):
            store.read(case.view.name, [key], t)
        return
    (found,) = store.read(case.view.name, [key], t)
    assert {name: bits(value) for name, value in found.values.items()} == {n: bits(v) for n, v in values.items()}
    assert found.watermark == {SOURCE: served[-1]}
    assert (found.status == "present") == (status == 0)


@given(case=cases().map(without_scores), data=st.data())
@MANY
def test_some_features_of_many_entities_at_once_are_those_of_each_alone(store: OnlineStore, client, case: Case, data):
    client.flushall()
    everything = Positions({0: LAST, 1: LAST})
    entity = st.tuples(*(numbers[key] for key in case.view.join_keys)).filter(lambda key: None not in key)
    keys = data.draw(st.lists(entity, max_size=5))
    chosen = data.draw(st.lists(st.sampled_from([f.name for f in case.view.features]), min_size=1, unique=True))
    t = max(data.draw(instants), epoch_of(case.frame))
    try:
        push(store, case.view, case.frame, everything)
        alone = [store.read("v", [key], t)[0] for key in keys]
    except FeatureOverflowError:
        return
    together = store.read("v", keys, t, chosen)
    for one, some in zip(alone, together, strict=True):
        assert list(some.values) == chosen
        assert [bits(some.values[n]) for n in chosen] == [bits(one.values[n]) for n in chosen]
        assert (some.status, some.event_time) == (one.status, one.event_time)
