"""What a round of random faults does: a list of steps, decided by a seed before the first of them is taken."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any

ZONES = ("raw", "processed", "quarantine")
KILLS = (
    "raw.after_read",
    "raw.before_commit",
    "raw.after_commit",
    "processed.after_read",
    "processed.between_commits",
    "processed.after_commit",
)
VARIANTS = ("plain", "wider")


@dataclass(frozen=True)
class Step:
    """One step: a method of `RandomRound`, and what it is called with."""

    name: str
    options: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.name}({', '.join(f'{name}={value!r}' for name, value in self.options.items())})"


def kill_point(rng: Random) -> str:
    """A point at which a worker may die, at its first or a later time there."""
    return f"{rng.choice(KILLS)}:{rng.randint(1, 3)}"


CHOICES: tuple[tuple[int, str, Callable[[Random], dict[str, Any]]], ...] = (
    (8, "produce", lambda rng: {"count": rng.randint(1, 150)}),
    (2, "repeat", lambda rng: {"count": rng.randint(1, 30), "back": rng.randint(0, 200)}),
    (2, "poison", lambda rng: {"seed": rng.getrandbits(32), "count": rng.randint(1, 8)}),
    (5, "killed_run", lambda rng: {"kill_at": kill_point(rng), "batch": rng.choice((7, 20, 60))}),
    (3, "killed_between_file_and_commit", lambda rng: {"zone": rng.choice(("raw", "processed"))}),
    (3, "killed_after", lambda rng: {"milliseconds": rng.randint(0, 250), "batch": rng.choice((5, 20))}),
    (3, "delivered_again", lambda rng: {"batch": rng.choice((10, 40))}),
    (3, "lost_answer", lambda rng: {"nth": rng.randint(1, 4), "conflict": rng.random() < 0.5}),
    (
        2,
        "racing_writers",
        lambda rng: {"kills": [kill_point(rng) if rng.random() < 0.5 else "" for _ in range(rng.randint(2, 4))]},
    ),
    (2, "racing_compaction", lambda rng: {"zone": rng.choice(ZONES), "kill_at": kill_point(rng)}),
    (2, "killed_consumer", lambda rng: {"count": rng.randint(10, 80), "kill_at": kill_point(rng)}),
    (2, "checkpoint", lambda rng: {"zone": rng.choice(ZONES)}),
    (3, "restore", lambda rng: {"zone": rng.choice(ZONES), "back": rng.randint(1, 4)}),
    (2, "torn_commit", lambda rng: {"zone": rng.choice(ZONES), "share": rng.choice((0.0, 0.5, 0.9))}),
    (2, "clock", lambda rng: {"hours": rng.choice((-25, -1, 1, 25))}),
    (2, "broker_killed", lambda rng: {"after": rng.randint(1, 3)}),
    (1, "declare", lambda rng: {"variant": rng.choice(VARIANTS)}),
    (1, "check", lambda _: {}),
)
"""Weight, name and options of every step."""


def plan(seed: int, number: int, steps: int) -> list[Step]:
    """The steps of a round: equal arguments give equal steps."""
    rng = Random(f"{seed}/{number}")
    weights = [weight for weight, _, _ in CHOICES]
    made = []
    for _ in range(steps):
        [(_, name, options)] = rng.choices(CHOICES, weights)
        made.append(Step(name, options(rng)))
    return made
