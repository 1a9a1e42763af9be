"""Which outcome is that of which prediction: each rule by hand, and all of them against a slow reading."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from mlinfra_assets import names
from mlinfra_assets.learning.labels import Labelled, label_predictions
from tests.support.feedback import DAY, NOW, START, outcomes, predictions
from tests.support.shop_models import shop_model

HORIZON = 60


def labelled(made: pl.DataFrame, came: pl.DataFrame, now: Any = NOW) -> Labelled:
    return label_predictions(shop_model(), made, came, now)


def labels(made: pl.DataFrame, came: pl.DataFrame, now: Any = NOW) -> dict[str, tuple[int | None, str | None]]:
    frame = labelled(made, came, now).frame
    return {i: (label, by) for i, label, by in frame.select("prediction_id", "label", "named_by").iter_rows()}


def test_an_outcome_that_names_a_prediction_is_its_own_alone() -> None:
    made = predictions({"id": "a"}, {"id": "b"})
    assert labels(made, outcomes({"of": "a", "customer": 1})) == {"a": (1, "id"), "b": (None, None)}


def test_an_outcome_of_an_entity_is_that_of_every_prediction_whose_horizon_it_lies_in() -> None:
    made = predictions(
        {"id": "too old", "day": -51},
        {"id": "edge", "day": -50},
        {"id": "young", "day": 9},
        {"id": "same moment", "day": 10},
        {"id": "other", "customer": 2},
        {"id": "other model", "model": "else"},
    )
    found = labels(made, outcomes({"customer": 1, "day": 10}))
    assert {i for i, (label, _) in found.items() if label == 1} == {"edge", "young"}
    assert "other model" not in found


def test_the_far_edge_of_the_horizon_counts_and_a_microsecond_later_does_not() -> None:
    made = predictions({"id": "a"})
    at = outcomes({"customer": 1, "day": HORIZON})
    assert labels(made, at) == {"a": (1, "entity")}
    after = at.with_columns(pl.col("observed_at") + timedelta(microseconds=1))
    assert labels(made, after) == {"a": (None, None)}


def test_one_that_names_the_prediction_comes_before_a_later_one_of_the_entity() -> None:
    came = outcomes({"of": "a", "label": 0, "day": 3}, {"customer": 1, "label": 1, "day": 20})
    assert labels(predictions({"id": "a"}), came) == {"a": (0, "id")}


def test_of_several_the_last_observed_counts_then_the_last_arrived() -> None:
    made = predictions({"id": "a"})
    assert labels(made, outcomes({"of": "a", "label": 0, "day": 9}, {"of": "a", "label": 1, "day": 3}))["a"][0] == 0
    tie = outcomes({"of": "a", "label": 0, "known": 30}, {"of": "a", "label": 1, "known": 20})
    assert labels(made, tie)["a"][0] == 0
    assert labels(made, outcomes({"of": "a", "label": 0}, {"of": "a", "label": 1}))["a"][0] == 1


def test_the_same_id_again_corrects_an_outcome_even_if_it_is_observed_earlier() -> None:
    came = outcomes(
        {"id": "x", "of": "a", "label": 1, "day": 9}, {"id": "x", "of": "a", "label": 0, "day": 3, "known": 11}
    )
    found = labelled(predictions({"id": "a"}), came)
    assert found.frame["label"].to_list() == [0]
    assert (found.counts.corrected, found.counts.several, found.counts.outcomes) == (1, 0, 1)


def test_a_correction_may_take_an_outcome_to_another_prediction() -> None:
    came = outcomes({"id": "x", "of": "a"}, {"id": "x", "of": "b"})
    assert labels(predictions({"id": "a"}, {"id": "b"}), came) == {"a": (None, None), "b": (1, "id")}


def test_a_label_is_live_until_the_horizon_is_over() -> None:
    made, came = predictions({"id": "a"}), outcomes({"of": "a", "day": 3})
    before = labelled(made, came, START + HORIZON * DAY - timedelta(microseconds=1))
    after = labelled(made, came, START + HORIZON * DAY)
    assert (before.frame["final"].to_list(), before.counts.live) == ([False], 1)
    assert (after.frame["final"].to_list(), after.counts.live) == ([True], 0)


def test_everything_that_found_no_partner_is_counted() -> None:
    made = predictions({"id": "a"}, {"id": "b", "customer": 2}, {"id": "c", "customer": 3, "day": 190})
    came = outcomes(
        {"of": "a", "label": 0},
        {"of": "a", "label": 1},
        {"of": "nobody"},
        {"customer": 1, "day": 90},
        {"customer": 9},
        {"of": "c", "day": 190},
        {},
        {"of": "a", "model": "else"},
    )
    counts = labelled(made, came).counts
    assert counts.to_dict() == {
        "predictions": 3,
        "outcomes": 7,
        "corrected": 0,
        "by_id": 1,
        "by_entity": 0,
        "several": 1,
        "disagreeing": 1,
        "live": 0,
        "waiting": 1,
        "overdue": 1,
        "unknown": 1,
        "outside": 2,
        "early": 1,
        "nameless": 1,
    }


def test_an_outcome_of_an_entity_may_serve_several_predictions_and_counts_as_joined_once() -> None:
    found = labelled(predictions({"id": "a"}, {"id": "b", "day": 1}), outcomes({"customer": 1}))
    assert (found.counts.by_entity, found.counts.outside, found.counts.outcomes) == (2, 0, 1)


def slow(made: list[dict], came: list[dict]) -> dict[str, tuple[int | None, str | None]]:
    """The rules, read one by one."""
    newest = {}
    for row in sorted(came, key=lambda r: (r[names.KNOWN_AT], r[names.OFFSET])):
        newest[row["outcome_id"]] = row
    found: dict[str, tuple[int | None, str | None]] = {}
    for p in made:
        best: tuple | None = None
        for o in newest.values():
            t, at = p["predicted_at"], o["observed_at"]
            if o["model"] != p["model"] or at <= t:
                continue
            if o["prediction_id"] == p["prediction_id"]:
                by = "id"
            elif o["prediction_id"] is None and o["entity"] == p["entity"] and at <= t + HORIZON * DAY:
                by = "entity"
            else:
                continue
            rank = (by == "id", at, o[names.KNOWN_AT], o[names.OFFSET])
            if best is None or rank > best[0]:
                best = (rank, o["label"], by)
        found[p["prediction_id"]] = (None, None) if best is None else (best[1], best[2])
    return found


made_rows = st.lists(
    st.fixed_dictionaries({"customer": st.integers(1, 2), "day": st.sampled_from([0, 1, 10, 60, 61])}), max_size=6
)
came_rows = st.lists(
    st.fixed_dictionaries(
        {"day": st.sampled_from([0, 1, 2, 10, 60, 61, 70]), "label": st.integers(0, 1), "known": st.integers(0, 3)},
        optional={
            "of": st.sampled_from(["p0", "p1", "p2", "nobody"]),
            "customer": st.integers(1, 3),
            "id": st.sampled_from(["x", "y"]),
            "model": st.sampled_from(["churn", "else"]),
        },
    ),
    max_size=8,
)


@settings(max_examples=150, deadline=None)
@given(made_rows, came_rows)
def test_any_predictions_and_outcomes_join_as_the_rules_read(made: list[dict], came: list[dict]) -> None:
    logged = predictions(*({"id": f"p{place}", **row} for place, row in enumerate(made)))
    sent = outcomes(*came)
    found = labelled(logged, sent)
    expected = slow(logged.to_dicts(), sent.to_dicts())
    assert labels(logged, sent) == expected
    counts = found.counts
    assert counts.by_id + counts.by_entity + counts.waiting + counts.overdue == counts.predictions == len(made)
