"""Change data killed (kill -9) around the merge into the current state: the state is what the history says."""

from __future__ import annotations

from itertools import count
from random import Random

from mlinfra_assets.fault_points import POINTS
from mlinfra_assets.streams.record import NewRecord
from tests.support.envelopes import Change
from tests.support.faults.events import NAME
from tests.support.faults.ingestion import Ingestion
from tests.support.faults.systems import each_system

KILLS = ("state.after_merge", "state.before_merge", "state.before_merge:2", "state.after_merge:2")
ORDERS, CHANGES = 12, 40


class Table:
    """A table of orders whose changes go to the stream as Debezium sends them: the judge of the current state."""

    def __init__(self, ingestion: Ingestion) -> None:
        self.rows: dict[int, str] = {}
        self._ingestion = ingestion
        self._random = Random(20_261)
        self._lsn = count(1)

    def work(self) -> None:
        """Some changes of random orders."""
        self._ingestion.send([self._changed(self._random.randrange(ORDERS)) for _ in range(CHANGES)])

    def _changed(self, order: int) -> NewRecord:
        lsn = next(self._lsn)
        if order in self.rows and self._random.random() < 0.3:
            del self.rows[order]
            change = Change("d", {"id": order}, lsn)
        else:
            change = Change("u" if order in self.rows else "c", {"id": order, "note": f"change {lsn}"}, lsn)
            self.rows[order] = f"change {lsn}"
        return NewRecord(change.payload(), key=b"%d" % order)


def test_every_point_of_the_current_state_is_among_them() -> None:
    assert {kill.partition(":")[0] for kill in KILLS} == {point for point in POINTS if point.startswith("state.")}


@each_system
def test_killed_around_its_merge_the_current_state_is_that_of_the_table(ingestion: Ingestion) -> None:
    ingestion.declare("changes")
    table = Table(ingestion)
    table.work()
    ingestion.ingest()
    for kill in KILLS:
        table.work()
        ingestion.die(kill)
        table.work()
    ingestion.settle()
    assert dict(ingestion.lake.table(f"processed/{NAME}_current").read(["id", "note"]).iter_rows()) == table.rows
