from __future__ import annotations

import io
import json
from dataclasses import replace

import pytest

from mlinfra_assets.demo.result import Features, Predictions
from mlinfra_assets.demo.summary import show
from tests.support.demo_result import demo_result


def printed(**changes: object) -> str:
    out = io.StringIO()
    show(replace(demo_result(), **changes), out)  # pyright: ignore[reportArgumentType]
    return out.getvalue()


def test_nothing_is_wider_than_80_columns_or_cut_off() -> None:
    text = printed()
    assert max(len(line.rstrip()) for line in text.splitlines()) <= 80
    assert "…" not in text


def test_it_says_what_a_person_wants_to_know() -> None:
    text = printed()
    for words in ("541,909", "1,348", "12680", "0.1235", "BAKING [red]SET", "31,204", "0.7812", "183.4", "mlinfra up"):
        assert words in text
    assert "All 3,120 predictions" in text


def test_the_commands_to_try_next_can_be_copied_whole() -> None:
    assert f"mlinfra replay {'0f' * 16}" in printed()


def test_a_step_taken_on_several_days_is_one_row_with_all_its_time() -> None:
    rows = [line for line in printed().splitlines() if "raw, contract, quarantine" in line]
    assert len(rows) == 1
    assert rows[0].split()[-1] == "7.5"


def test_many_reasons_are_counted_together() -> None:
    text = printed()
    assert "3 more reasons" in text


def test_predictions_that_differ_are_not_hidden() -> None:
    assert "Only 3,119 of 3,120 predictions" in printed(predictions=Predictions(3_120, 3_119, 0, "x"))
    assert "No prediction was made" in printed(predictions=Predictions(0, 0, 0, ""))


def test_an_empty_result_can_be_shown() -> None:
    text = printed(quarantine={}, features=Features(0, {}, {}, {}), seconds_by_step={}, next_steps=())
    assert "quarantine" not in text.split("Why")[-1].split("\n")[0] or "Why" not in text


@pytest.mark.parametrize(("made", "same", "exact"), [(5, 5, True), (5, 4, False), (0, 0, False)])
def test_exact_means_some_and_all(made: int, same: int, exact: bool) -> None:
    assert demo_result(made, same).exact is exact


def test_the_json_document_has_what_programs_read() -> None:
    document = json.loads(demo_result().to_json())
    assert document["rows"]["raw"]["order_lines"] == 541_909
    assert document["rows"]["processed"]["order_lines"] == 540_561
    assert document["rows"]["quarantined"]["order_lines"] == 1_348
    assert document["features"]["pushed"] == 8_442
    assert document["training"]["rows"] == 31_204
    assert document["model"]["metrics"] == {"auc": 0.7812, "log_loss": None}
    assert document["predictions"]["made"] == document["predictions"]["reproduced"] == 3_120
    assert document["seconds"] == 183.4
    assert document["data"]["last"].startswith("2011-12-09T12:50:00")
