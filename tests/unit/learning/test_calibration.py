from __future__ import annotations

from xml.etree import ElementTree as ET

import numpy as np
import pytest

from mlinfra_assets.learning import charts
from mlinfra_assets.learning.calibration import calibration, calibration_error, markdown, svg


def test_scores_fall_into_bins_with_the_upper_edge_excluded_except_one() -> None:
    bins = calibration(np.array([0, 1, 1, 0]), np.array([0.0, 0.1, 1.0, 0.95]))
    assert [b.n for b in bins] == [1, 1, 0, 0, 0, 0, 0, 0, 0, 2]
    assert bins[9].observed == 0.5
    assert bins[9].mean_score == pytest.approx(0.975)


def test_a_calibrated_model_has_no_calibration_error() -> None:
    labels = np.array([0, 0, 0, 1] * 5)
    assert calibration_error(calibration(labels, np.full(20, 0.25))) == 0.0


def test_without_cases_there_is_no_error() -> None:
    assert calibration_error(calibration(np.array([], dtype=np.int64), np.array([]))) is None


def test_the_chart_is_well_formed_and_escapes_its_title() -> None:
    bins = calibration(np.array([0, 1]), np.array([0.2, 0.8]))
    chart = svg(bins, "a < b & c")
    root = ET.fromstring(chart)  # noqa: S314 - our own text
    assert len(root.findall("{http://www.w3.org/2000/svg}circle")) == 2
    assert charts.image(chart).startswith("![chart](data:image/svg+xml;base64,")


def test_the_table_has_a_line_for_every_bin() -> None:
    assert len(markdown(calibration(np.array([1]), np.array([0.5]))).splitlines()) == 12
