"""The breakers' events in the lake: appended by whoever comes first, looked at again by whoever comes second."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable

import polars as pl

from mlinfra_assets.breakers.breaker import Breaker, folded
from mlinfra_assets.breakers.event import Draft, Event, spans_from_json, spans_to_json
from mlinfra_assets.errors import InvalidInputError
from mlinfra_assets.fault_points import reach
from mlinfra_assets.lake.lake import Lake
from mlinfra_assets.lake.provenance import Provenance
from mlinfra_assets.lake.table import ProgressConflictError
from mlinfra_assets.registry.tables import BREAKERS, schema

ATTEMPTS = 100
Decide = Callable[[Breaker], Draft | None]
"""What is to be recorded of a breaker as it stands; None: nothing. Asked again if another writer came first."""


class BreakerLog:
    """The breakers of a lake: what the table holds at the moment that it is asked.

    Args:
        lake: Where the table `registry/breakers` is.
    """

    def __init__(self, lake: Lake) -> None:
        self._table = lake.table(BREAKERS)
        self._known: tuple[int, tuple[Event, ...]] = (-1, ())

    def events(self, subject: str | None = None) -> list[Event]:
        """Everything that happened to all breakers, or to one, in order."""
        return [event for event in self._all() if subject in (None, event.subject)]

    def breaker(self, subject: str) -> Breaker:
        """A breaker as it stands; one that nothing ever happened to is closed."""
        return folded(subject, self.events(subject))

    def breakers(self) -> dict[str, Breaker]:
        """Every breaker that anything ever happened to, by subject."""
        by_subject: dict[str, list[Event]] = {}
        for event in self._all():
            by_subject.setdefault(event.subject, []).append(event)
        return {subject: folded(subject, by_subject[subject]) for subject in sorted(by_subject)}

    def open(self, subjects: Iterable[str]) -> list[Breaker]:
        """Those of these breakers that are open, in order of subject."""
        wanted = set(subjects)
        return [breaker for subject, breaker in self.breakers().items() if subject in wanted and breaker.is_open]

    def record(self, subject: str, decide: Decide, provenance: Provenance) -> Breaker:
        """Add the event that `decide` makes of the breaker as it stands; returns the breaker afterwards.

        Args:
            subject: The breaker.
            decide: May be asked several times: what it was told is then no longer so.
            provenance: Run and code version that the commit names.

        Raises:
            UnavailableError: The lake cannot be written to; nothing was recorded.
        """
        for _ in range(ATTEMPTS):
            last = self._table.progress(self._table.name)
            breaker = self.breaker(subject)
            draft = decide(breaker)
            if draft is None:
                return breaker
            number = (last or 0) + 1
            row = {
                **{name: value for name, value in vars(draft).items() if name not in {"evidence", "spans"}},
                "number": number,
                "subject": subject,
                "evidence": json.dumps(draft.evidence, ensure_ascii=False, default=str),
                "run_id": provenance.run_id,
                "positions": spans_to_json(draft.spans),
            }
            reach("breaker.before_event")
            try:
                self._table.append(
                    pl.DataFrame([row], schema=schema(BREAKERS)),
                    provenance=provenance,
                    advance={self._table.name: (last, number)},
                    stats_columns=["number", "subject"],
                )
            except ProgressConflictError:
                continue  # another writer was faster: what is to be recorded may be another thing now
            reach("breaker.after_event")
            return self.breaker(subject)
        raise InvalidInputError(f"{subject}: others are changing breakers all the time; try again")

    def _all(self) -> tuple[Event, ...]:
        if not self._table.exists():
            return ()
        version = self._table.version()
        if version != self._known[0]:
            rows = self._table.read(version=version).sort("number").iter_rows(named=True)
            self._known = (version, tuple(_event(row) for row in rows))
        return self._known[1]


def _event(row: dict) -> Event:
    spans = spans_from_json(row.pop("positions"))
    return Event(**row, spans=spans)
