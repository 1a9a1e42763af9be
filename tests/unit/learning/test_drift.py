"""PSI and KS against a reading that counts one value after the other, and what is declared of them."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any
from xml.etree import ElementTree as ET

import numpy as np
import orjson
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlinfra_assets.contracts.profile import stability_index
from mlinfra_assets.errors import InvalidInputError
from mlinfra_assets.learning.drift import Drift, measure_drift
from mlinfra_assets.learning.logged_vectors import logged_vectors
from mlinfra_assets.learning.monitoring import Monitoring
from mlinfra_assets.learning.quantile_bins import QuantileBins, distance
from mlinfra_assets.learning.store import StoredModel, version_of
from mlinfra_assets.learning.train import fit
from tests.support.feedback import NOW, predictions
from tests.support.shop_models import shop_model

values = st.lists(st.one_of(st.just(math.nan), st.integers(-3, 9).map(float), st.floats(-5, 5)), max_size=40)


def array(sample: list[float]) -> np.ndarray:
    return np.array(sample, np.float64)


def slow_edges(sample: list[float], bins: int) -> list[float]:
    """The smallest value that at least number / bins of all are not above, for each number."""
    known = [v for v in sample if not math.isnan(v)]
    found = {
        min(v for v in known if Fraction(sum(w <= v for w in known), len(known)) >= Fraction(number, bins))
        for number in range(1, bins)
        if known
    }
    return sorted(found)


def slow_counts(edges: list[float], sample: list[float]) -> list[int]:
    counts = [0] * (len(edges) + 2)
    for value in sample:
        place = -1 if math.isnan(value) else sum(edge < value for edge in edges)
        counts[place] += 1
    return counts


def slow_psi(before: list[int], after: list[int]) -> float:
    half = Fraction(1, 2)
    p = [(n + half) / (sum(before) + half * len(before)) for n in before]
    q = [(n + half) / (sum(after) + half * len(after)) for n in after]
    return math.fsum(float(b - a) * math.log(b / a) for a, b in zip(p, q, strict=True))


def slow_ks(before: list[float], after: list[float]) -> float:
    first, second = ([-math.inf if math.isnan(v) else v for v in s] for s in (before, after))

    def below(sample: list[float], at: float) -> Fraction:
        return Fraction(sum(v <= at for v in sample), len(sample))

    return float(max(abs(below(first, at) - below(second, at)) for at in {*first, *second}))


@settings(max_examples=150, deadline=None)
@given(values, values, st.integers(1, 12))
def test_bins_and_both_measures_are_what_counting_one_by_one_gives(
    before: list[float], after: list[float], bins: int
) -> None:
    found = QuantileBins.of(array(before), bins)
    assert list(found.edges) == slow_edges(before, bins)
    trained, served = found.count(array(before)), found.count(array(after))
    assert (trained, served) == (slow_counts(list(found.edges), before), slow_counts(list(found.edges), after))
    assert stability_index(trained, served) == pytest.approx(slow_psi(trained, served), rel=1e-12, abs=1e-15)
    expected = slow_ks(before, after) if before and after else None
    assert distance(array(before), array(after)) == expected


def test_the_same_sample_has_drifted_by_nothing() -> None:
    sample = array([1.0, 2.0, math.nan, 2.0])
    bins = QuantileBins.of(sample)
    assert stability_index(bins.count(sample), bins.count(sample)) == 0.0
    assert distance(sample, sample) == 0.0


def test_a_constant_that_changes_and_nulls_that_appear_are_seen() -> None:
    sample = np.full(200, 3.0)
    bins = QuantileBins.of(sample)
    for other in (np.full(200, 4.0), np.full(200, np.nan)):
        assert stability_index(bins.count(sample), bins.count(other)) > 5
        assert distance(sample, other) == 1.0


def test_ten_equal_bins_of_a_hundred_values() -> None:
    bins = QuantileBins.of(np.arange(1.0, 101.0))
    assert bins.edges == (10, 20, 30, 40, 50, 60, 70, 80, 90)
    assert bins.count(np.arange(1.0, 101.0)) == [10] * 10 + [0]
    assert bins.names()[0] == "to 10"
    assert bins.names()[-2:] == ["above 90", "null"]


FEATURES = ["v:a", "v:b"]


def training(rows: int = 400) -> pl.DataFrame:
    generator = np.random.default_rng(1)
    a, b = generator.normal(size=rows), generator.integers(0, 5, rows).astype(float)
    role = ["train"] * (rows // 2) + ["holdout"] * (rows - rows // 2)
    label = (a + generator.normal(size=rows) > 0).astype(np.int64)
    return pl.DataFrame({"role": role, "v:a": a, "v:b": b, "label": label})


def stored(frame: pl.DataFrame) -> StoredModel:
    fitted = fit(shop_model(features=FEATURES), frame)
    inputs = tuple(FEATURES)
    return StoredModel("churn", version_of(fitted.onnx, inputs), NOW, "t", 0, inputs, "{}", "{}", fitted.onnx, "code")


def served(vectors: np.ndarray, version: str, scores: np.ndarray, **more: Any) -> pl.DataFrame:
    return predictions(
        *(
            {
                "id": f"p{n}",
                "version": version,
                "features": orjson.dumps({"v:a": row[0], "v:b": row[1]}).decode(),
                "score": float(score),
                **{name: each[n] for name, each in more.items()},
            }
            for n, (row, score) in enumerate(zip(vectors.tolist(), scores, strict=True))
        )
    )


def drift(frame: pl.DataFrame, vectors: np.ndarray, **more: Any) -> Drift:
    model = stored(frame)
    made = served(vectors, model.version, model.scorer().score(vectors), **more)
    return measure_drift(shop_model(features=FEATURES, monitoring=Monitoring(min_cases=50)), model, frame, made)


def test_what_was_learned_from_has_not_drifted_when_it_is_served() -> None:
    frame = training()
    learned = frame.filter(pl.col("role") == "train").select(FEATURES).to_numpy()
    found = drift(frame, learned)
    assert [(f.feature, f.psi, f.ks) for f in found.features] == [(n, 0.0, 0.0) for n in (*FEATURES, "score")]
    assert found.finding().passed


def test_a_feature_that_moved_is_named_and_the_score_with_it() -> None:
    frame = training()
    moved = frame.filter(pl.col("role") == "train").select(FEATURES).to_numpy() + np.array([3.0, 0.0])
    found = drift(frame, moved)
    finding = found.finding()
    assert not finding.passed
    assert [f.feature for f in found.features if f.drifted] == ["v:a", "score"]
    assert finding.why.startswith("2 drifted: score (PSI ")
    assert "v:a (PSI " in finding.why
    for chart in (found.to_chart(), found.to_markdown()):
        assert chart
    ET.fromstring(found.to_chart())  # noqa: S314 - our own text
    assert found.frame().height == 3


def test_nulls_that_were_not_learned_from_are_drift() -> None:
    frame = training()
    vectors = frame.filter(pl.col("role") == "train").select(FEATURES).to_numpy().copy()
    vectors[:120, 0] = np.nan
    row = next(f for f in drift(frame, vectors).features if f.feature == "v:a")
    assert row.drifted
    assert row.row()["served_null"] == 0.6


def test_only_the_newest_predictions_are_looked_at_and_few_judge_nothing() -> None:
    frame = training()
    moved = frame.filter(pl.col("role") == "train").select(FEATURES).to_numpy() + 3.0
    found = drift(frame, moved, day=[0] * 160 + [40] * 40)
    assert {sum(f.served) for f in found.features} == {40}
    assert found.finding().passed
    assert "40 predictions in 30d, 50 are needed" in found.finding().why
    assert list(found.by_month) == ["2011-08", "2011-09"]


def test_scores_of_other_versions_say_nothing_of_the_one_in_production() -> None:
    frame = training()
    model = stored(frame)
    made = served(frame.select(FEATURES).to_numpy(), "another", np.ones(frame.height))
    found = measure_drift(shop_model(features=FEATURES), model, frame, made)
    assert {f.feature: sum(f.served) for f in found.features} == {"v:a": 400, "v:b": 400, "score": 0}
    assert found.features[-1].psi is None


def test_without_predictions_there_is_nothing_to_say() -> None:
    frame = training()
    found = measure_drift(shop_model(features=FEATURES), stored(frame), frame, predictions())
    assert found.finding().passed
    assert "no predictions" in found.to_markdown()


def test_a_logged_vector_gives_the_numbers_that_serving_gave() -> None:
    text = '{"v:flag":true,"v:big":9007199254740993,"v:none":null,"v:x":0.1}'
    found = logged_vectors([text], ["v:x", "v:flag", "v:big", "v:none", "v:missing"])
    assert found[0, :3].tolist() == [0.1, 1.0, float(9007199254740993)]
    assert np.isnan(found[0, 3:]).all()
    with pytest.raises(InvalidInputError, match="not one of numbers"):
        logged_vectors(['{"v:x":"text"}'], ["v:x"])
