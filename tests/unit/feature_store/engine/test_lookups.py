"""Features of another view: only what is asked of it is computed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl

from mlinfra_assets.feature_store import Entity, FeatureStore, key, lit, request
from mlinfra_assets.feature_store.engine.evaluate import evaluate
from mlinfra_assets.feature_store.engine.prepare import prepare
from mlinfra_assets.feature_store.engine.related import looked_up
from mlinfra_assets.feature_store.snapshot import snapshot_at
from tests.support.feature_cases import START, dataset, to_frame
from tests.unit.feature_store.engine.test_prepare import row

ENTITY = Entity("e", ["a"])


def views(other, features):
    store = FeatureStore({"o": dataset(())})
    used = store.create_feature_view("w", [ENTITY])(other)
    return store.create_feature_view("v", [ENTITY])(lambda o: features(o, used))


def rows_of(view, mine, others):
    return replace(prepare(view, to_frame(mine)), uses={"w": prepare(looked_up(view, "w"), to_frame(others))})


def ask(view, rows, asked=None):
    return evaluate(view, rows, pl.DataFrame({"a": [1]}), np.array([START + 9]), request=asked).to_dicts()[0]


def test_a_snapshot_needs_no_request_for_what_it_does_not_hold():
    view = views(lambda o: {"n": o.count(), "r": request("given", "int64")}, lambda _, w: {"x": w["n"], "y": w["r"]})
    rows = rows_of(view, [row(0)], [row(0), row(1)])
    assert snapshot_at(view, rows, START + 9).to_dicts() == [{"a": 1, "x": 2}]


def test_a_feature_that_is_not_asked_of_an_entity_cannot_overflow():
    view = views(
        lambda o: {"y": o["i"].sum(), "z": o.count()},
        lambda _, w: {"x": w["z"].at(a=key("a")), "other": w["y"].at(a=key("a") + 1)},
    )
    rows = rows_of(view, [row(0)], [row(0, i=2**62), row(1, i=2**62)])
    assert ask(view, rows) == {"x": 2, "other": None}


def test_nothing_is_computed_for_an_entity_that_is_not_found():
    view = views(lambda o: {"n": o.count(), "y": request("r", "int64") * lit(2)}, lambda _, w: {"x": w["y"]})
    rows = rows_of(view, [row(0)], [row(0, a=12)])
    assert ask(view, rows, pl.DataFrame({"r": [2**63 - 1]})) == {"x": None}
