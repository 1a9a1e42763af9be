"""A source's asset while its breaker is open: runs succeed, write nothing, and the UI is told why."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from mlinfra_assets.assets.processed import processed_asset
from mlinfra_assets.breakers.decisions import drop_held, open_by_hand
from mlinfra_assets.settings import Settings
from resources.clock import ClockResource
from resources.lake import LakeResource
from tests.support.held_source import HeldSource, things

GOOD, BAD = [1] * 10, [1] * 5 + [99] * 5
PROCESSED, BELOW = dg.AssetKey(["processed", "things"]), dg.AssetKey("below")


class Graph:
    """The processed asset of a source, and one that reads it."""

    def __init__(self, home: Path, instance: dg.DagsterInstance) -> None:
        self.shop = HeldSource(home / "lake", things())
        self.instance = instance
        self._settings = Settings(home=home, lake=str(home / "lake"))
        self._resources = {"lake": LakeResource(root=self._settings.lake), "clock": ClockResource(home=str(home))}

    def run(self) -> dg.ExecuteInProcessResult:
        """Materialize both."""

        @dg.asset(key=BELOW, deps=[PROCESSED])
        def below() -> None: ...

        assets = [processed_asset(self.shop.source, self._settings), below]
        return dg.materialize(assets, instance=self.instance, resources=self._resources, raise_on_error=False)

    def check(self, name: str) -> dg.AssetCheckEvaluation:
        """The newest evaluation of a check of the processed asset."""
        history = self.instance.event_log_storage.get_asset_check_execution_history(
            dg.AssetCheckKey(PROCESSED, name), limit=1
        )
        assert history[0].event is not None
        assert history[0].event.dagster_event is not None
        return history[0].event.dagster_event.asset_check_evaluation_data


@pytest.fixture
def graph(tmp_path: Path) -> Iterator[Graph]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield Graph(tmp_path, instance)


def made(result: dg.ExecuteInProcessResult) -> set[str]:
    return {e.asset_key.to_user_string() for e in result.get_asset_materialization_events() if e.asset_key}


def tripped(graph: Graph) -> Graph:
    for sizes in (GOOD, BAD):
        graph.shop.send(sizes)
        graph.run()
    return graph


def test_the_run_that_meets_the_bad_batch_fails_and_both_checks_say_why(graph: Graph) -> None:
    graph.shop.send(GOOD)
    assert made(graph.run()) == {"processed/things", "processed/things_quarantine", "below"}
    assert graph.check("breaker").passed

    graph.shop.send(BAD)
    result = graph.run()

    assert not result.success
    assert "below" not in made(result)
    for check in ("contract", "breaker"):
        assert not graph.check(check).passed
        assert "50% records that break the contract" in (graph.check(check).description or "")
    assert "mlinfra breaker release source/things" in (graph.check("contract").description or "")


def test_later_runs_succeed_and_what_is_below_is_skipped_with_the_reason(graph: Graph) -> None:
    tripped(graph)
    graph.shop.send(BAD)  # a probe that fails

    result = graph.run()

    assert result.success
    assert made(result) == set()
    [skipped] = [e for e in result.all_events if e.event_type == dg.DagsterEventType.STEP_SKIPPED]
    assert skipped.step_key == "below"
    [seen] = graph.instance.fetch_observations(PROCESSED, limit=1).records
    assert seen.asset_observation is not None
    said = str(seen.asset_observation.metadata["frozen"].value)
    assert "the breaker of source/things is open since" in said
    assert "50% records that break the contract" in said
    assert graph.check("contract").severity == dg.AssetCheckSeverity.WARN
    assert not graph.check("breaker").passed


def test_a_good_batch_lets_everything_go_on(graph: Graph) -> None:
    tripped(graph)
    for state in ("half_open", "closed"):
        graph.shop.send(GOOD)
        assert made(graph.run()) == {"processed/things", "processed/things_quarantine", "below"}
        assert graph.check("breaker").metadata["state"].value == state
        assert graph.check("contract").passed
    assert graph.shop.processed() == [*range(10), *range(20, 40)]
    assert graph.shop.quarantined() == list(range(10, 20))


def test_a_decision_is_acted_upon_by_the_next_run(graph: Graph) -> None:
    tripped(graph)
    drop_held(graph.shop.log, graph.shop.subject, graph.shop.decision())
    assert "below" in made(graph.run())
    assert graph.shop.quarantined() == list(range(10, 20))


def test_a_breaker_opened_by_hand_freezes_without_any_check_of_the_contract(graph: Graph) -> None:
    graph.shop.send(GOOD)
    open_by_hand(graph.shop.log, graph.shop.subject, graph.shop.decision("they are moving house"))

    result = graph.run()

    assert result.success
    assert made(result) == set()
    assert "they are moving house" in (graph.check("breaker").description or "")
