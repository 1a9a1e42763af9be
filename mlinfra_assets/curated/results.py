"""What dbt's run results say: which models were built, which tests passed, and which models must not be published."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Literal

from mlinfra_assets.curated.errors import DbtError
from mlinfra_assets.curated.models import Model, Test, descendants
from mlinfra_assets.curated.project import DbtOutcome

RUN_RESULTS = "run_results.json"
TestStatus = Literal["pass", "warn", "fail", "error", "skipped"]


@dataclass(frozen=True)
class TestResult:
    """How one data test ended.

    Attributes:
        test: The test.
        status: `error` means that it could not run; `skipped` that what it tests was not built.
        failures: Rows that break it.
        message: What dbt says.
    """

    test: Test
    status: TestStatus
    failures: int
    message: str

    __test__ = False

    @property
    def passed(self) -> bool:
        """Whether everything it demands holds."""
        return self.status == "pass"

    @property
    def withholds(self) -> bool:
        """Whether it keeps what it tests from being published."""
        return self.test.error and self.status in {"fail", "error"}


@dataclass(frozen=True)
class Results:
    """One invocation's results.

    Attributes:
        tests: Every test that was to run.
        withheld: Unique ids of the models that must not be published, with the reason.
    """

    tests: tuple[TestResult, ...]
    withheld: Mapping[str, str]


def read_results(
    outcome: DbtOutcome, known: Mapping[str, Model], declared: Mapping[str, Test], selected: Collection[str]
) -> Results:
    """Read what an invocation of `dbt build` or `dbt test` left behind.

    Args:
        outcome: The invocation.
        known: Every model by unique id, parents first.
        declared: Every test by unique id.
        selected: Unique ids of the models that were to be built.

    Raises:
        DbtError: dbt stopped before it could build anything.
    """
    file = outcome.target / RUN_RESULTS
    if outcome.exit_code not in {0, 1} or not file.exists():
        raise DbtError(f"dbt stopped (exit code {outcome.exit_code}):\n{outcome.tail()}")
    entries = {r["unique_id"]: r for r in json.loads(file.read_text())["results"]}
    tests = tuple(_test_result(declared[uid], entry) for uid, entry in sorted(entries.items()) if uid in declared)
    return Results(tests, _withheld(entries, tests, known, selected))


def _test_result(test: Test, entry: Mapping) -> TestResult:
    return TestResult(test, entry["status"], int(entry.get("failures") or 0), entry.get("message") or "")


def _withheld(
    entries: Mapping[str, Mapping], tests: Collection[TestResult], known: Mapping[str, Model], selected: Collection[str]
) -> dict[str, str]:
    broken: dict[str, str] = {}
    for uid in selected:
        entry = entries.get(uid, {"status": "not built"})
        if entry["status"] not in {"success", "skipped"}:
            broken[uid] = f"{entry['status']}: {entry.get('message') or 'no word from dbt'}"
    for result in tests:
        if result.withholds:
            for uid in result.test.parents:
                broken.setdefault(uid, f"test {result.test.name} failed: {_evidence(result)}")
    for uid in known:
        upstream = next((p for p in known[uid].parents if p in broken), None)
        if upstream is not None:
            broken.setdefault(uid, f"it reads {known[upstream].name}, which is not published")
    skipped = [uid for uid in selected if entries.get(uid, {}).get("status") == "skipped"]
    for uid in descendants(known, skipped):
        broken.setdefault(uid, "dbt skipped it")
    return {uid: why for uid, why in broken.items() if uid in selected}


def _evidence(result: TestResult) -> str:
    rows = f"{result.failures} row{'' if result.failures == 1 else 's'}"
    return rows if result.status == "fail" else result.message
