"""Which models may not be published, given what dbt says."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mlinfra_assets.curated.errors import DbtError
from mlinfra_assets.curated.models import Model, Test
from mlinfra_assets.curated.project import DbtOutcome
from mlinfra_assets.curated.results import read_results


def _model(name: str, *parents: str) -> Model:
    return Model(name, name, f"curated/{name}", f'"curated"."{name}"', "select 1", parents, {}, {}, row_wise=False)


KNOWN = {m.name: m for m in (_model("a"), _model("b", "a"), _model("c", "b"), _model("other"))}
TESTS = {
    "strict": Test("strict", "strict", ("b",), error=True, description=""),
    "lenient": Test("lenient", "lenient", ("b",), error=False, description=""),
}


def _withheld(tmp_path: Path, **statuses: str) -> dict[str, str]:
    results = [{"unique_id": uid, "status": s, "failures": 2, "message": "Got 2"} for uid, s in statuses.items()]
    (tmp_path / "run_results.json").write_text(json.dumps({"results": results}))
    outcome = DbtOutcome(1, "", tmp_path)
    return dict(read_results(outcome, KNOWN, TESTS, list(KNOWN)).withheld)


def test_all_well_withholds_nothing(tmp_path: Path) -> None:
    assert _withheld(tmp_path, a="success", b="success", c="success", other="success", strict="pass") == {}


def test_a_failed_test_withholds_what_it_tests_and_what_reads_it(tmp_path: Path) -> None:
    withheld = _withheld(tmp_path, a="success", b="success", c="skipped", other="success", strict="fail")
    assert withheld == {"b": "test strict failed: 2 rows", "c": "it reads b, which is not published"}


def test_a_failed_warning_withholds_nothing(tmp_path: Path) -> None:
    assert _withheld(tmp_path, a="success", b="success", c="success", other="success", lenient="warn") == {}


def test_a_test_that_cannot_run_withholds_like_one_that_fails(tmp_path: Path) -> None:
    withheld = _withheld(tmp_path, a="success", b="success", c="success", other="success", strict="error")
    assert set(withheld) == {"b", "c"}


def test_a_model_that_fails_or_is_missing_withholds_its_descendants(tmp_path: Path) -> None:
    assert set(_withheld(tmp_path, a="error", b="skipped", c="skipped", other="success")) == {"a", "b", "c"}
    assert set(_withheld(tmp_path, b="success", c="success", other="success")) == {"a", "b", "c"}


def test_dbt_that_stops_early_is_an_error_with_its_own_words(tmp_path: Path) -> None:
    with pytest.raises(DbtError, match=r"(?s)exit code 2.*disk is full"):
        read_results(DbtOutcome(2, "the disk is full", tmp_path), KNOWN, TESTS, list(KNOWN))
