"""Random faults: a minute of them, and the promise that a seed always means the same."""

from __future__ import annotations

import pytest

from tests.faults.random_faults import run
from tests.support.faults.random_plan import CHOICES, plan
from tests.support.faults.random_round import RandomRound

SEED = 20_261
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
def test_a_quarter_of_a_minute_of_random_faults_on_kafka(kafka_servers: str) -> None:
    rounds, events = run(SEED, MINUTES_ON_KAFKA, kafka_servers)
    assert rounds > 0
    assert events > 0
