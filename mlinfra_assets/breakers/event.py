"""What happened to a breaker, as it is kept in the lake: append-only, and the state follows from it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

State = Literal["closed", "open", "half_open"]
Kind = Literal["failed", "tripped", "opened", "probe_failed", "probe_passed", "released", "dropped", "passed", "closed"]


@dataclass(frozen=True, order=True)
class Span:
    """Records of a source that came in one after the other, both ends included: one batch.

    Attributes:
        partition: Their partition.
        first: Offset of the first.
        last: Offset of the last.
    """

    partition: int
    first: int
    last: int

    def __str__(self) -> str:
        return f"partition {self.partition}, offsets {self.first} to {self.last}"


@dataclass(frozen=True)
class Event:
    """One thing that happened to a breaker.

    Attributes:
        number: Order among the events of all breakers, from 1.
        subject: The breaker, as `subjects` writes it.
        kind: `failed`: a batch broke its rules, and the declaration allows for some; `tripped`: too many did;
            `opened`: by hand; `probe_failed`, `probe_passed`: what was judged while it was open; `released`, `dropped`:
            the decision about what is held; `passed`: a good batch; `closed`: by enough of them, or by hand.
        state: The breaker's state afterwards.
        by: Who, or which rule.
        at: When (UTC).
        why: In words.
        evidence: What it rests on, JSON.
        run_id: The run or command that recorded it.
        spans: The batches that it is about.
        contract: Fingerprint of the contract that they were judged with; empty if they were not.
    """

    number: int
    subject: str
    kind: Kind
    state: State
    by: str
    at: datetime
    why: str
    evidence: str
    run_id: str
    spans: tuple[Span, ...] = ()
    contract: str = ""

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready but for the time."""
        return {
            **{name: value for name, value in vars(self).items() if name not in {"evidence", "spans"}},
            "evidence": json.loads(self.evidence),
            "positions": spans_to_list(self.spans),
        }


@dataclass(frozen=True)
class Draft:
    """An event that is to be recorded; the log adds number, subject and run.

    Attributes: as those of `Event`; `evidence` is anything that JSON can hold.
    """

    kind: Kind
    state: State
    by: str
    at: datetime
    why: str
    evidence: Any = None
    spans: tuple[Span, ...] = ()
    contract: str = ""


def spans_to_list(spans: Iterable[Span]) -> list[list[int]]:
    """Spans as JSON holds them: partition, first offset, last offset."""
    return [[span.partition, span.first, span.last] for span in spans]


def spans_to_json(spans: Iterable[Span]) -> str:
    """Spans as text, for the lake."""
    return json.dumps(spans_to_list(spans), separators=(",", ":"))


def spans_from_json(text: str) -> tuple[Span, ...]:
    """The inverse of `spans_to_json`."""
    return tuple(Span(*each) for each in json.loads(text))
