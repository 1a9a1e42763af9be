"""Random faults for as long as is wanted: `python -m tests.faults.random_faults --minutes 30`.

Each round has a source, a stream and tables of its own. A failure names the seed and the round, and
`--seed SEED --round NUMBER` takes the very same steps again.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

from mlinfra_assets.redis_server import connect, embedded
from mlinfra_assets.settings import Settings
from tests.support.faults.ingestion import Ingestion
from tests.support.faults.random_plan import plan
from tests.support.faults.random_round import RandomRound
from tests.support.faults.worker import Task
from tests.support.kafka_topic import own_topic

STEPS, PARTITIONS = 20, 3


def run_round(seed: int, number: int, kafka_servers: str = "") -> int:
    """Take the steps of a round on Redis, or on a Kafka, and check every id; returns how many were sent.

    Raises:
        AssertionError: An id is lost or comes twice; names the seed, the round and the steps.
    """
    with tempfile.TemporaryDirectory(prefix="mlinfra-faults-") as folder, ExitStack() as stack:
        settings = Settings(home=Path(folder), lake=f"{folder}/lake", kafka_servers=kafka_servers)
        if kafka_servers:
            task = Task(stack.enter_context(own_topic(kafka_servers, PARTITIONS)).name, system="kafka")
            return _take(seed, number, RandomRound(Ingestion(settings, task), None))
        stack.callback(embedded(settings).release)
        return _take(seed, number, RandomRound(Ingestion(settings, Task("events")), lambda: _kill_redis(settings)))


def _take(seed: int, number: int, played: RandomRound) -> int:
    steps, taken = plan(seed, number, STEPS), 0
    try:
        for step in steps:
            taken += 1
            played.take(step)
        played.check()
    except Exception as error:
        listed = "\n".join(f"  {n}. {step}" for n, step in enumerate(steps[:taken], 1))
        servers = played.ingestion.settings.kafka_servers
        raise AssertionError(
            f"seed {seed}, round {number}, {played.ingestion.task.system}, after these steps:\n{listed}\n"
            f"{type(error).__name__}: {error}\n"
            f"again: python -m tests.faults.random_faults --seed {seed} --round {number}"
            f"{f' --kafka {servers}' if servers else ''}"
        ) from error
    return len(played.ingestion.sent)


def _kill_redis(settings: Settings) -> None:
    with connect(settings) as server:
        os.kill(int(server.info("server")["process_id"]), signal.SIGKILL)  # pyright: ignore[reportIndexIssue]


def run(seed: int, minutes: float, kafka_servers: str = "") -> tuple[int, int]:
    """Rounds until the time is over, the last of which is finished; returns rounds and events."""
    deadline = time.monotonic() + 60 * minutes
    rounds = events = 0
    while time.monotonic() < deadline:
        events += run_round(seed, rounds, kafka_servers)
        rounds += 1
    return rounds, events


def main(arguments: list[str]) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults.random_faults", description=__doc__)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().getrandbits(32), help="default: any")
    parser.add_argument("--round", type=int, help="take the steps of this round only")
    parser.add_argument("--minutes", type=float, default=1.0)
    parser.add_argument("--kafka", default="", help="bootstrap servers; default: an embedded Redis")
    asked = parser.parse_args(arguments)
    try:
        if asked.round is not None:
            rounds, events = 1, run_round(asked.seed, asked.round, asked.kafka)
        else:
            rounds, events = run(asked.seed, asked.minutes, asked.kafka)
    except AssertionError as error:
        sys.exit(str(error))
    sys.stdout.write(f"seed {asked.seed}: {rounds} rounds, {events} events, each of them exactly once\n")


if __name__ == "__main__":
    main(sys.argv[1:])
