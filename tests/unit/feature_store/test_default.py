"""A declared default: what a feature is of an entity that the view does not serve, offline and online alike."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import numpy as np
import polars as pl
import pytest

from mlinfra_assets.clock import to_micros
from mlinfra_assets.feature_store import Entity, FeatureStore, FeatureView, Model
from mlinfra_assets.feature_store.canonical import definition_hash, view_from_dict, view_to_dict
from mlinfra_assets.feature_store.engine.evaluate import evaluate
from mlinfra_assets.feature_store.engine.prepare import prepare
from mlinfra_assets.feature_store.errors import DefinitionError
from mlinfra_assets.feature_store.online.store import OnlineStore
from mlinfra_assets.feature_store.registry import ViewDocument
from tests.support.online import SOURCE, client, push, redis_server, store
from tests.support.served_shop import KEYS, NOW, WHOLE
from tests.support.served_shop import LINES as ROWS
from tests.support.shop_lines import LINES

__all__ = ["client", "redis_server", "store"]

NEVER_SEEN = 1
CUSTOMER = Entity("customer", join_keys=["customer_id"])


def habits(ttl: str | None, features: Any = None) -> FeatureView:
    def plain(stg_order_lines: Any) -> dict[str, Any]:
        lines = stg_order_lines
        return {
            "lines": lines.count().default(-1),
            "returned": lines["line_amount"].sum(where=lines["is_return"]).default(0.5),
            "last_code": lines["stock_code"].last().default("none"),
            "recent": lines.count("10d").default(7),
            "plain": lines["line_amount"].sum(),
        }

    declared = FeatureStore({LINES.name: LINES})

    def function(stg_order_lines: Any) -> dict[str, Any]:
        return (features or plain)(stg_order_lines)

    return declared.create_feature_view("customer_habits", [CUSTOMER], ttl=ttl, online=True)(function)


@pytest.mark.parametrize("ttl", ["20d", None])
def test_offline_and_online_agree_on_who_is_served_and_who_is_not(store: OnlineStore, ttl: str | None) -> None:
    view = habits(ttl)
    push(store, view, ROWS, WHOLE)
    t = to_micros(NOW + timedelta(days=3))
    keys = [*KEYS, NEVER_SEEN]
    entities = pl.DataFrame({"customer_id": keys})
    offline = evaluate(view, prepare(view, ROWS), entities, np.full(len(keys), t))
    online = store.read(view.name, [(key,) for key in keys], t)
    assert [dict(vector.values) for vector in online] == offline.to_dicts()
    defaults = {"lines": -1, "returned": 0.5, "last_code": "none", "recent": 7, "plain": None}
    served = 0
    for key, row in zip(keys, offline.to_dicts(), strict=True):
        latest: Any = ROWS.filter(pl.col("customer_id") == key)["_event_time"].max()
        here = latest is not None and (ttl is None or latest >= NOW + timedelta(days=3) - timedelta(days=20))
        if not here:
            assert row == defaults
        else:
            served += 1
            assert row["lines"] == ROWS.filter(pl.col("customer_id") == key).height
            assert row["last_code"] != "none"
    assert 0 < served < len(keys)


def test_a_null_of_an_entity_that_is_served_stays_null() -> None:
    view = habits(None)
    found = evaluate(view, prepare(view, ROWS), pl.DataFrame({"customer_id": KEYS}), np.full(len(KEYS), to_micros(NOW)))
    assert found["returned"].null_count() > 0


def test_it_is_a_part_of_the_definition() -> None:
    view = habits(None)
    other = habits(None, lambda lines: {"lines": lines.count().default(0)})
    less = habits(None, lambda lines: {"lines": lines.count()})
    assert len({definition_hash(one) for one in (view, other, less)}) == 3
    assert view_from_dict(view_to_dict(view)) == view
    assert str(other.schema["lines"]) == "int64"


def test_a_whole_number_may_default_to_a_fraction_and_becomes_one() -> None:
    view = habits(None, lambda lines: {"lines": lines.count().default(0.5)})
    t = np.full(2, to_micros(NOW))
    found = evaluate(view, prepare(view, ROWS), pl.DataFrame({"customer_id": [KEYS[0], NEVER_SEEN]}), t)
    assert found["lines"].to_list() == [float(ROWS.filter(pl.col("customer_id") == KEYS[0]).height), 0.5]


@pytest.mark.parametrize(
    ("features", "said"),
    [
        (lambda lines: {"n": lines.count().default(0) + 1}, r"default\(\) comes last"),
        (lambda lines: {"n": lines.count().default(lines.count())}, r"default\(\).*a constant|is no constant|constant"),
        (lambda lines: {"n": lines.count().default("a")}, "do not go together"),
        (lambda lines: {"n": lines["stock_code"].last_n(2).default("a")}, "a list is a feature as it is"),
    ],
)
def test_it_comes_last_and_is_a_constant_of_the_features_type(features: Any, said: str) -> None:
    with pytest.raises(DefinitionError, match=said):
        habits(None, features)


def test_a_score_is_made_of_what_the_view_serves() -> None:
    def scored(lines: Any) -> dict[str, Any]:
        count = {"n": lines.count().default(0)}
        return {**count, "score": Model("churn").score(count)}

    assert [feature.name for feature in habits(None, scored).features] == ["n", "score"]


def test_another_view_sees_null_of_an_entity_that_is_not_served() -> None:
    used = replace(habits("20d"), online=False)
    declared = FeatureStore({LINES.name: LINES})
    declared.views[used.name] = used

    def looking(stg_order_lines: Any) -> dict[str, Any]:
        return {"lines": used["lines"], "any": stg_order_lines.count()}

    view = declared.create_feature_view("looking", [CUSTOMER])(looking)
    from mlinfra_assets.feature_store.engine.related import prepare_view
    from tests.support.shop_lines import FrameReader

    t = to_micros(NOW + timedelta(days=400))
    prepared = prepare_view(view, FrameReader({LINES.name: ROWS}))
    found = evaluate(view, prepared, pl.DataFrame({"customer_id": KEYS}), np.full(len(KEYS), t))
    assert found["lines"].to_list() == [None] * len(KEYS)


def test_the_served_document_keeps_it(store: OnlineStore) -> None:
    view = habits(None)
    document = ViewDocument(view, {"rows": "1"}, source=SOURCE)
    assert ViewDocument.from_json(document.to_json()).view == view
    push(store, view, ROWS, WHOLE)
    assert store.view(view.name).feature("lines").default is not None
