from __future__ import annotations

from typing import Any
from xml.etree import ElementTree as ET

import pytest

from mlinfra_assets.learning.finding import Finding
from mlinfra_assets.learning.monitoring import Monitoring
from mlinfra_assets.learning.performance import Performance, Production, judge, performance
from tests.support.feedback import DAY, NOW, START, outcomes, predictions
from tests.support.shop_models import shop_model


def judged(*rows: tuple[float, int], version: str = "v1", **limits: Any) -> tuple[Performance, list[Finding]]:
    made = predictions(*({"id": f"p{n}", "score": score, "version": version} for n, (score, _) in enumerate(rows)))
    came = outcomes(*({"of": f"p{n}", "label": label} for n, (_, label) in enumerate(rows)))
    model = shop_model(monitoring=Monitoring(min_cases=4, **limits))
    found = performance(model, made, came, NOW)
    return found, judge(found, Production("v1", {"auc": 0.9}))


GOOD = ((0.1, 0), (0.2, 0), (0.8, 1), (0.9, 1))
BAD = ((0.9, 0), (0.8, 0), (0.2, 1), (0.1, 1))


def test_predictions_are_judged_by_their_own_outcomes() -> None:
    found = performance(
        shop_model(),
        predictions(
            {"id": "a", "day": 4, "score": 0.25},
            {"id": "b", "day": 35, "score": 0.75, "version": "v2"},
            {"id": "c", "day": 35, "score": 0.5, "version": "v2"},
            {"id": "d", "day": 35, "score": None, "version": "v2"},
            {"id": "x", "model": "other"},
        ),
        outcomes({"of": "a", "label": 0}, {"of": "b", "label": 1, "day": 40}, {"of": "x", "model": "other"}),
        NOW,
    )
    assert found.frame.select("prediction_id", "label").rows() == [("a", 0), ("b", 1)]
    assert found.overall.n == 2
    assert found.overall.brier == pytest.approx(0.0625)
    assert found.overall.auc == 1.0
    assert {version: m.n for version, m in found.by_version.items()} == {"v1": 1, "v2": 1}
    assert list(found.by_month) == ["2011-08", "2011-09"]
    assert set(found.by_month_and_version) == {("2011-08", "v1"), ("2011-09", "v2")}
    assert (found.counts.overdue, found.unscored) == (2, 1)
    assert found.newest == START + 40 * DAY


def test_an_event_that_came_twice_counts_once() -> None:
    found = performance(
        shop_model(),
        predictions({"id": "a"}, {"id": "a"}),
        outcomes({"id": "o", "of": "a"}, {"id": "o", "of": "a"}),
        NOW,
    )
    assert found.overall.n == 1


def test_live_labels_are_measured_by_themselves() -> None:
    made = predictions({"id": "a", "score": 0.5}, {"id": "b", "day": 50, "score": 0.25})
    came = outcomes({"of": "a", "label": 1, "day": 55}, {"of": "b", "label": 0, "day": 55})
    found = performance(shop_model(), made, came, START + 60 * DAY)
    assert (found.overall.n, found.live.n) == (1, 1)
    assert found.live.brier == pytest.approx(0.0625)
    assert "live: horizon not over" in found.to_markdown()
    assert performance(shop_model(), made, came, START + 110 * DAY).live.n == 0


def test_nothing_judged_yet_is_said_and_not_an_error() -> None:
    found = performance(shop_model(), predictions({"id": "a"}), outcomes(), START)
    assert found.overall.n == 0
    assert found.newest is None
    assert "| without an outcome, horizon not over | 1 |" in found.to_markdown()
    assert all(finding.passed and "0 predictions" in finding.why for finding in judge(found, Production("v1", {})))
    assert all(finding.passed for finding in judge(found, None))


def test_a_good_version_passes_every_check() -> None:
    found, findings = judged(*GOOD, calibration_error=0.5)
    assert [finding.check for finding in findings if not finding.passed] == []
    assert found.to_dict()["counts"] == found.counts.to_dict()


def test_one_that_tells_nothing_apart_any_more_fails_with_the_numbers() -> None:
    _, findings = judged(*BAD)
    assert {finding.check for finding in findings if not finding.passed} == {
        "better_than_chance",
        "as_measured",
        "calibrated",
    }
    assert "AUC 0.0000 over 4 predictions of version v1" in findings[0].why
    assert "0.9000 on its holdout: worse by 0.9000, the limit is 0.1" in findings[1].why


def test_only_the_version_in_production_is_judged_and_only_with_enough_cases() -> None:
    assert all(finding.passed for finding in judged(*BAD, version="v0")[1])
    assert all(finding.passed for finding in judged(*BAD[:3])[1])


def test_the_chart_has_a_line_for_each_version_and_is_well_formed() -> None:
    rows = [
        {"id": f"{day}{n}", "day": day, "score": n / 10, "version": f"v{day > 20}"}
        for day in (1, 35, 65)
        for n in range(4)
    ]
    came = outcomes(*({"of": row["id"], "label": n % 2, "day": 70} for n, row in enumerate(rows)))
    chart = performance(shop_model(), predictions(*rows), came, NOW).to_chart()
    root = ET.fromstring(chart)  # noqa: S314 - our own text
    space = "{http://www.w3.org/2000/svg}"
    assert len(root.findall(f"{space}circle")) == 3
    assert len(root.findall(f"{space}polyline")) == 1
