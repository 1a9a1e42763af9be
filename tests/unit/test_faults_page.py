"""The page of faults: each test that it names exists, and each fault that is promised has one."""

from __future__ import annotations

import ast
import re

import pytest

from mlinfra_assets.fault_points import POINTS
from mlinfra_assets.settings import PROJECT

PAGE = (PROJECT / "docs" / "faults.md").read_text()
ROWS = [
    tuple(cell.strip() for cell in row.strip("|").split(" | ")) for row in PAGE.splitlines() if row.startswith("| ")
]
FAULTS = [row for row in ROWS if len(row) == 3 and row[0] != "fault"]
PROMISED = (
    "kill -9 at every point",
    "8 concurrent writers of one source",
    "a commit whose answer is lost",
    "a Redis that is killed",
    "a Kafka broker that is killed",
    "a consumer rebalance",
    "every message delivered three times",
    "events out of order and a day late",
    "poison and oversize messages; NaN, infinities, overflow, invalid UTF-8, NUL, deep nesting",
    "a compatible schema change in mid-stream",
    "an incompatible schema change",
    "a backfill during sensor runs",
    "a full disk",
    "a zero-length or half-written last commit",
    "a restored table",
    "a sensor stopped in mid-tick, the daemon killed",
    "a failed run",
    "clock an hour off",
    "both days of the clock change",
    "ten thousand hostile requests",
    "random faults",
    "kill -9 of a live updater",
    "several live updaters",
    "an updater paused for an hour",
    "Redis killed in mid-push",
    "two pushers with the older last",
    "Redis empty",
    "Redis out of memory",
)


@pytest.mark.parametrize("promised", PROMISED)
def test_every_fault_that_is_promised_stands_on_the_page(promised: str) -> None:
    assert [fault for fault, _, _ in FAULTS if promised in fault]


@pytest.mark.parametrize(("fault", "promise", "test"), FAULTS)
def test_every_fault_on_the_page_has_its_test(fault: str, promise: str, test: str) -> None:
    named = re.fullmatch(r"`(\S+)::(\w+)`", test)
    assert named is not None, test
    tree = ast.parse((PROJECT / named[1]).read_text())
    assert named[2] in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
    assert promise


def test_every_point_stands_on_the_page() -> None:
    listed = {row[0].strip("`"): row[1] for row in ROWS if len(row) == 2 and row[0] != "point"}
    assert listed == POINTS
