from __future__ import annotations

from pathlib import Path

import dagster as dg
import pytest

from mlinfra_assets.dagster_home import prepare, recording
from mlinfra_assets.demo.graph import Graph, GraphRunError


@dg.asset
def interrupted() -> None:
    raise dg.DagsterExecutionInterruptedError


@dg.asset
def broken() -> None:
    raise ValueError("no such luck")


@dg.asset
def talking() -> None:
    print("words of a step")  # noqa: T201 - what the test is about


def graph(folder: Path) -> tuple[Graph, dg.DagsterInstance]:
    prepare(folder)
    instance = recording(folder)
    return Graph(dg.Definitions(assets=[interrupted, broken, talking]), instance), instance


def test_a_persons_interruption_of_a_step_is_an_interruption_and_no_failure_of_the_step(tmp_path: Path) -> None:
    runs, instance = graph(tmp_path)
    with instance, pytest.raises(KeyboardInterrupt):
        runs.run([("interrupted",)])


def test_a_step_that_fails_is_named_with_the_reason(tmp_path: Path) -> None:
    runs, instance = graph(tmp_path)
    with instance, pytest.raises(GraphRunError, match="step broken: ValueError: no such luck"):
        runs.run([("broken",)])


def test_runs_are_recorded_and_no_process_is_started_to_follow_their_output(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs, instance = graph(tmp_path)
    started: list[object] = []
    monkeypatch.setattr("subprocess.Popen", lambda *command, **_: started.append(command))
    with instance:
        runs.run([("talking",)])
        (record,) = instance.get_runs()
    assert record.status is dg.DagsterRunStatus.SUCCESS
    assert started == []
