"""Whatever comes in whatever order: every record is in one place once, and no bad batch is let in but by decision.

A model that knows nothing of tables or events says after each step where every record has to be.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import pytest

from mlinfra_assets.breakers.decisions import close_by_hand, drop_held, open_by_hand, release_held
from tests.support.held_source import HeldSource, things

STEPS = ("good", "bad", "small", "run", "run", "run", "release", "drop", "open", "close")
SIZES = {"good": [1] * 8, "bad": [1, 99, 99, 99, 99, 1], "small": [1, 99]}
LEAST = 5
"""A smaller batch is not judged."""


@dataclass
class Model:
    """Where every record is.

    Attributes:
        waiting: Batches in raw that nothing was decided about, oldest first; those before `held` are held.
    """

    held: list[list[int]] = field(default_factory=list)
    pending: list[int] = field(default_factory=list)
    allowed: list[tuple[list[int], bool]] = field(default_factory=list)
    state: str = "closed"
    by_hand: bool = False
    processed: set[int] = field(default_factory=set)
    quarantined: set[int] = field(default_factory=set)

    def run(self, bad: set[int]) -> None:
        if self.by_hand:
            return
        for batch, let_in in self.allowed:
            self._place(batch, bad, let_in=let_in)
        self.allowed = []
        batch, judged = self.pending, len(self.pending) >= LEAST
        if not batch:
            return
        good = not judged or 5 * len(bad & set(batch)) < len(batch)
        if self.state == "open" and good and not judged:
            return
        self.pending = []
        if not good:
            self.state = "open"
            self.held.append(batch)
        elif self.state == "open":
            for each in self.held:
                self._place(each, bad, let_in=False)
            self.held, self.state = [], "half_open"
            self._place(batch, bad, let_in=True)
        else:
            self.state = "closed"
            self._place(batch, bad, let_in=True)

    def decide(self, *, let_in: bool) -> None:
        self.allowed += [(batch, let_in) for batch in self.held]
        self.held = []
        if not self.by_hand:
            self.state = "half_open"

    def _place(self, batch: list[int], bad: set[int], *, let_in: bool) -> None:
        valid = set(batch) - bad if let_in else set()
        self.processed |= valid
        self.quarantined |= set(batch) - valid


@pytest.mark.parametrize("seed", range(6))
def test_every_record_is_where_the_model_says(seed: int) -> None:
    random = Random(seed)
    with tempfile.TemporaryDirectory() as folder:
        shop, model = HeldSource(Path(folder) / "lake", things()), Model()
        for _ in range(14):
            take(random.choice(STEPS), shop, model)
            bad = {offset for offset, size in enumerate(shop.sent) if size > 9}
            breaker = shop.breaker()
            assert (breaker.state, len(breaker.held)) == (model.state, len(model.held))
            assert (set(shop.processed()), set(shop.quarantined())) == (model.processed, model.quarantined)
            assert len(shop.processed()) + len(shop.quarantined()) == len(model.processed) + len(model.quarantined)
            assert not (set(shop.processed()) & bad)


def take(step: str, shop: HeldSource, model: Model) -> None:
    """One step, for both; a decision that makes no sense at this moment is left out."""
    if step in SIZES:
        model.pending += range(len(shop.sent), len(shop.sent) + len(SIZES[step]))
        shop.send(SIZES[step])
    elif step == "run":
        shop.run()
        model.run({offset for offset, size in enumerate(shop.sent) if size > 9})
    elif step in {"release", "drop"} and model.held:
        (release_held if step == "release" else drop_held)(shop.log, shop.subject, shop.decision())
        model.decide(let_in=step == "release")
    elif step == "open" and not model.by_hand:
        open_by_hand(shop.log, shop.subject, shop.decision())
        model.state, model.by_hand = "open", True
    elif step == "close" and model.state != "closed" and not model.held:
        close_by_hand(shop.log, shop.subject, shop.decision())
        model.state, model.by_hand = "closed", False
