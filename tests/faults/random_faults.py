"""Random faults for as long as is wanted: `python -m tests.faults.random_faults --minutes 30`.

Each round has a source, a stream and tables of its own. A failure names the seed and the round, and
`--seed SEED --round NUMBER` takes the very same steps again. The broker is killed too if it is ours: the embedded
Redis, and the Kafka of `--kafka own`; one that is named by its address is let live.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from mlinfra_assets.redis_server import connect, embedded
from mlinfra_assets.settings import Settings
from tests.support.faults.ingestion import Ingestion
from tests.support.faults.random_plan import plan
from tests.support.faults.random_round import RandomRound
from tests.support.faults.worker import Task
from tests.support.kafka_broker import own_broker
from tests.support.kafka_topic import own_topic

STEPS, PARTITIONS = 20, 3
OWN = "own"


@dataclass(frozen=True)
class Kafka:
    """The Kafka that rounds are on.

    Attributes:
        servers: Its bootstrap servers.
        named: How the command line names it.
        fall: Kills it, and starts it again; None: it is not ours to kill.
    """

    servers: str
    named: str
    fall: Callable[[], None] | None = None


def kafka_named(named: str, stack: ExitStack) -> Kafka | None:
    """What `--kafka` names; None: nothing. A broker of our own ends with the stack."""
    if named != OWN:
        return Kafka(named, named) if named else None
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="mlinfra-broker-")))
    broker = stack.enter_context(own_broker(folder))
    return Kafka(broker.servers, OWN, broker.fall)


def run_round(seed: int, number: int, kafka: Kafka | None = None) -> int:
    """Take the steps of a round on Redis, or on a Kafka, and check every id; returns how many were sent.

    Raises:
        AssertionError: An id is lost or comes twice; names the seed, the round and the steps.
    """
    again = f"python -m tests.faults.random_faults --seed {seed} --round {number}"
    with tempfile.TemporaryDirectory(prefix="mlinfra-faults-") as folder, ExitStack() as stack:
        settings = Settings(home=Path(folder), lake=f"{folder}/lake", kafka_servers=kafka.servers if kafka else "")
        if kafka is not None:
            task = Task(stack.enter_context(own_topic(kafka.servers, PARTITIONS)).name, system="kafka")
            played = RandomRound(Ingestion(settings, task), kafka.fall)
            return _take(seed, number, played, f"{again} --kafka {kafka.named}")
        stack.callback(embedded(settings).release)
        played = RandomRound(Ingestion(settings, Task("events")), lambda: _kill_redis(settings))
        return _take(seed, number, played, again)


def _take(seed: int, number: int, played: RandomRound, again: str) -> int:
    steps, taken = plan(seed, number, STEPS), 0
    try:
        for step in steps:
            taken += 1
            played.take(step)
        played.check()
    except Exception as error:
        listed = "\n".join(f"  {n}. {step}" for n, step in enumerate(steps[:taken], 1))
        raise AssertionError(
            f"seed {seed}, round {number}, {played.ingestion.task.system}, after these steps:\n{listed}\n"
            f"{type(error).__name__}: {error}\n"
            f"again: {again}"
        ) from error
    return len(played.ingestion.sent)


def _kill_redis(settings: Settings) -> None:
    with connect(settings) as server:
        os.kill(int(server.info("server")["process_id"]), signal.SIGKILL)  # pyright: ignore[reportIndexIssue]


def run(seed: int, minutes: float, kafka: Kafka | None = None) -> tuple[int, int]:
    """Rounds until the time is over, the last of which is finished; returns rounds and events."""
    deadline = time.monotonic() + 60 * minutes
    rounds = events = 0
    while time.monotonic() < deadline:
        events += run_round(seed, rounds, kafka)
        rounds += 1
    return rounds, events


def main(arguments: list[str]) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults.random_faults", description=__doc__)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().getrandbits(32), help="default: any")
    parser.add_argument("--round", type=int, help="take the steps of this round only")
    parser.add_argument("--minutes", type=float, default=1.0)
    parser.add_argument("--kafka", default="", help=f"bootstrap servers, or {OWN}; default: an embedded Redis")
    asked = parser.parse_args(arguments)
    try:
        with ExitStack() as stack:
            kafka = kafka_named(asked.kafka, stack)
            if asked.round is not None:
                rounds, events = 1, run_round(asked.seed, asked.round, kafka)
            else:
                rounds, events = run(asked.seed, asked.minutes, kafka)
    except AssertionError as error:
        sys.exit(str(error))
    sys.stdout.write(f"seed {asked.seed}: {rounds} rounds, {events} events, each of them exactly once\n")


if __name__ == "__main__":
    main(sys.argv[1:])
