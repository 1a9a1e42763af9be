"""What a person decides about a breaker: open it, close it, let what is held in, or drop it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from mlinfra_assets.breakers.breaker import Breaker
from mlinfra_assets.breakers.event import Draft
from mlinfra_assets.breakers.log import BreakerLog
from mlinfra_assets.errors import InvalidInputError
from mlinfra_assets.lake.provenance import Provenance


@dataclass(frozen=True)
class Decision:
    """Who decides something, and why.

    Attributes:
        by: Who.
        why: The reason.
        at: When (UTC).
        provenance: The command or run that records it.

    Raises:
        InvalidInputError: Nobody decides, or for no reason.
    """

    by: str
    why: str
    at: datetime
    provenance: Provenance

    def __post_init__(self) -> None:
        if not self.by.strip() or not self.why.strip():
            raise InvalidInputError("a decision needs a name (who decides) and a reason: both are kept with it")


def open_by_hand(log: BreakerLog, subject: str, decision: Decision, evidence: Any = None) -> Breaker:  # noqa: ANN401 - any JSON
    """Open a breaker until a person closes it; no batch closes it by being good.

    Raises:
        InvalidInputError: A person opened it already.
    """

    def decide(breaker: Breaker) -> Draft:
        if breaker.is_open and breaker.by_hand:
            raise InvalidInputError(f"{breaker.reason}: it stays open until it is closed")
        return Draft("opened", "open", decision.by.strip(), decision.at, decision.why.strip(), evidence)

    return log.record(subject, decide, decision.provenance)


def close_by_hand(log: BreakerLog, subject: str, decision: Decision) -> Breaker:
    """Close a breaker that nothing is held by.

    Raises:
        InvalidInputError: It is closed already, or a batch is held: that has to be released or dropped.
    """

    def decide(breaker: Breaker) -> Draft:
        if breaker.state == "closed":
            raise InvalidInputError(f"the breaker of {subject} is closed already")
        if breaker.held:
            raise InvalidInputError(
                f"the breaker of {subject} holds {_held(breaker)}: let it in with `mlinfra breaker release {subject}`, "
                f"or leave it out with `mlinfra breaker drop {subject}`; either makes the breaker half open"
            )
        return Draft("closed", "closed", decision.by.strip(), decision.at, decision.why.strip())

    return log.record(subject, decide, decision.provenance)


def release_held(log: BreakerLog, subject: str, decision: Decision) -> Breaker:
    """Let in what is held, although it breaks the batch rules; its bad records go to quarantine one by one.

    Raises:
        InvalidInputError: Nothing is held.
    """
    return log.record(subject, _about_held(subject, "released", decision), decision.provenance)


def drop_held(log: BreakerLog, subject: str, decision: Decision) -> Breaker:
    """Leave out what is held: raw keeps it, and quarantine has every record of it with this reason.

    Raises:
        InvalidInputError: Nothing is held.
    """
    return log.record(subject, _about_held(subject, "dropped", decision), decision.provenance)


def _about_held(subject: str, kind: Any, decision: Decision) -> Callable[[Breaker], Draft]:  # noqa: ANN401 - one of two kinds
    def decide(breaker: Breaker) -> Draft:
        if not breaker.held:
            raise InvalidInputError(f"the breaker of {subject} ({breaker.state}) holds no batch: nothing to decide")
        after = "open" if breaker.by_hand else "half_open"  # what a person opened, a person closes
        return Draft(kind, after, decision.by.strip(), decision.at, decision.why.strip(), spans=breaker.held)

    return decide


def _held(breaker: Breaker) -> str:
    return f"{len(breaker.held)} batch{'es' if len(breaker.held) > 1 else ''} ({'; '.join(map(str, breaker.held))})"
