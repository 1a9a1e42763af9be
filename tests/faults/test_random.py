"""Random faults: a minute of them, and the promise that a seed always means the same."""

from __future__ import annotations

from contextlib import ExitStack

import pytest

from tests.faults.random_faults import OWN, STEPS, kafka_named, run
from tests.support.faults.random_plan import CHOICES, plan
from tests.support.faults.random_round import RandomRound

SEED, SEED_ON_KAFKA = 20_261, 20_262
MINUTES_ON_REDIS, MINUTES_ON_KAFKA = 0.75, 0.25


def test_a_seed_decides_every_step() -> None:
    again = [plan(seed, number, 40) for seed in (1, 2) for number in (0, 1)]
    assert again == [plan(seed, number, 40) for seed in (1, 2) for number in (0, 1)]
    assert len({str(steps) for steps in again}) == 4
    assert plan(1, 0, 40)[:25] == plan(1, 0, 25)


def test_every_step_is_one_that_a_round_can_take() -> None:
    assert all(callable(getattr(RandomRound, name)) for _, name, _ in CHOICES)


def test_three_quarters_of_a_minute_of_random_faults_on_redis() -> None:
    rounds, events = run(SEED, MINUTES_ON_REDIS)
    assert rounds > 0
    assert events > 0


@pytest.mark.service("kafka")
def test_a_quarter_of_a_minute_of_random_faults_on_a_kafka_that_is_killed_too() -> None:
    with ExitStack() as stack:
        rounds, events = run(SEED_ON_KAFKA, MINUTES_ON_KAFKA, kafka_named(OWN, stack))
    assert rounds > 0
    assert events > 0


def test_the_first_round_on_kafka_kills_its_broker() -> None:
    assert "broker_killed" in {step.name for step in plan(SEED_ON_KAFKA, 0, STEPS)}
