"""The state of a breaker: what its events, taken in order, come to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Literal

from mlinfra_assets.breakers.event import Event, Span, State

NOTHING = "null"
Fate = Literal["publish", "set_aside"]


@dataclass(frozen=True)
class Decided:
    """What becomes of a batch, whatever its rules say.

    Attributes:
        fate: `publish`: its valid records are let in; `set_aside`: all of it goes to quarantine.
        by: Who decided, or which rule.
        why: The reason.
        number: The event that says so.
    """

    fate: Fate
    by: str
    why: str
    number: int


@dataclass(frozen=True)
class Breaker:
    """One breaker as it stands.

    Attributes:
        subject: What it is about.
        state: `closed`: all goes on. `open`: nothing is published, and what depends on it is frozen. `half_open`: all
            goes on, and the next batch decides.
        since: Since when it is in this state (UTC); None: it never was in another.
        by: Who or which rule put it there.
        why: In words.
        number: Its newest event; 0 if there is none.
        by_hand: Whether a person opened it: then only a person closes it.
        held: Batches that wait for a decision, or for a contract that they keep, in order.
        contract: Fingerprint of the contract that they were judged with last.
        evidence: What the newest judgement or decision rests on, JSON.
        failed: Batches in a row that broke their rules while it was closed.
        good: Good batches since it is half open.
        decided: What becomes of batches, by their span.
    """

    subject: str
    state: State = "closed"
    since: datetime | None = None
    by: str = ""
    why: str = ""
    number: int = 0
    by_hand: bool = False
    held: tuple[Span, ...] = ()
    contract: str = ""
    evidence: str = NOTHING
    failed: int = 0
    good: int = 0
    decided: Mapping[Span, Decided] = field(default_factory=dict)

    @property
    def is_open(self) -> bool:
        """Whether what depends on it is frozen."""
        return self.state == "open"

    @property
    def reason(self) -> str:
        """One sentence for whoever is frozen by it."""
        since = "" if self.since is None else f" since {self.since.isoformat(timespec='seconds')}"
        by = "" if self.why.startswith(self.by) else f" ({self.by})"
        return f"the breaker of {self.subject} is open{since}{by}: {self.why}"

    def after(self, event: Event) -> Breaker:
        """The breaker after one more event."""
        moved = event.state != self.state
        now = replace(
            self,
            state=event.state,
            number=event.number,
            since=event.at if moved else self.since,
            by=event.by if moved else self.by,
            why=event.why if moved else self.why,
        )
        match event.kind:
            case "failed":
                return replace(now, failed=self.failed + 1)
            case "tripped":
                return replace(_holding(now, event), held=_with(self.held, event.spans), failed=0, good=0)
            case "probe_failed":
                return replace(_holding(now, event), held=_with(self.held, event.spans))
            case "opened":
                evidence = event.evidence if event.evidence != NOTHING else self.evidence
                return replace(now, by_hand=True, by=event.by, why=event.why, evidence=evidence, failed=0, good=0)
            case "probe_passed":
                again = set(event.spans) <= set(self.held)
                aside = {} if again else _decided(self.held, "set_aside", event)
                return _recovering(now, {**aside, **_decided(event.spans, "publish", event)})
            case "released":
                return _recovering(now, _decided(event.spans, "publish", event))
            case "dropped":
                return _recovering(now, _decided(event.spans, "set_aside", event))
            case "passed":
                return replace(now, failed=0, good=self.good + 1 if event.state == "half_open" else 0)
            case "closed":
                return replace(now, by_hand=False, held=(), contract="", failed=0, good=0)


def folded(subject: str, events: Iterable[Event]) -> Breaker:
    """The breaker that events of one subject, in order, come to."""
    breaker = Breaker(subject)
    for event in events:
        breaker = breaker.after(event)
    return breaker


def _holding(breaker: Breaker, event: Event) -> Breaker:
    return replace(breaker, contract=event.contract, evidence=event.evidence)


def _recovering(breaker: Breaker, decided: Mapping[Span, Decided]) -> Breaker:
    return replace(
        breaker,
        by_hand=breaker.by_hand and breaker.is_open,
        held=(),
        contract="",
        failed=0,
        good=0,
        decided={**breaker.decided, **decided},
    )


def _decided(spans: Iterable[Span], fate: Fate, event: Event) -> dict[Span, Decided]:
    return {span: Decided(fate, event.by, event.why, event.number) for span in spans}


def _with(held: tuple[Span, ...], more: tuple[Span, ...]) -> tuple[Span, ...]:
    return tuple(sorted({*held, *more}))
