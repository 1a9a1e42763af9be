"""The current state of a change data source: the rows that its table has now, made from the change history.

The state is a function of the history: it says itself how far of it it has come, and can be made again at any time.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import polars as pl

from mlinfra_assets import names
from mlinfra_assets.contracts.added_fields import DELETED, LSN
from mlinfra_assets.contracts.row_changes import ARRIVAL
from mlinfra_assets.contracts.source import Source
from mlinfra_assets.fault_points import reach
from mlinfra_assets.lake.lake import Lake
from mlinfra_assets.lake.provenance import Provenance
from mlinfra_assets.lake.schema import to_polars
from mlinfra_assets.lake.table import LakeTable, ProgressConflictError
from mlinfra_assets.positions import Positions

ATTEMPTS = 20
APP = "history"


@dataclass(frozen=True)
class State:
    """What bringing a state up to its history did.

    Attributes:
        keys: Rows of the table whose state was looked at.
        rows: Rows that the table has now.
        version: The state's Delta version.
        history_version: The Delta version of the history that it is the outcome of.
    """

    keys: int
    rows: int
    version: int
    history_version: int


def update_state(lake: Lake, source: Source, provenance: Provenance) -> State:
    """Bring the current state up to the change history.

    Args:
        lake: Where both tables are.
        source: The source; its messages are changes.
        provenance: Run and code version that the commit names.

    Raises:
        ProgressConflictError: Other runs were faster again and again.
    """
    history = lake.table(names.table(*names.processed(source.name)))
    state = lake.table(names.table(*names.current(source.name)))
    for attempt in range(ATTEMPTS):
        try:
            return _update(history, state, source, provenance)
        except ProgressConflictError:
            if attempt == ATTEMPTS - 1:
                raise
    raise AssertionError("unreachable")


def _update(history: LakeTable, state: LakeTable, source: Source, provenance: Provenance) -> State:
    app = f"{source.name}/{APP}"
    version = history.version()
    if not state.exists():
        empty = pl.DataFrame(schema=to_polars(history.schema(version)))
        state.append(empty, provenance=replace(_stamped(provenance, source, history, version), positions={}))
    done = state.progress(app)
    keys = 0
    if done is None or done < version:
        before = _held(state, source)
        newest = _newest(source, history, version, before)
        keys = newest.height
        columns = newest.schema
        if state.lacks(columns):
            state.evolve(columns, provenance=replace(provenance, inputs={history.name: version}))
        reach("state.before_merge")
        state.merge(
            state.widened(newest),
            keys=source.contract.primary_key,
            deleted=DELETED,
            order=LSN,
            provenance=_stamped(provenance, source, history, version),
            advance={app: (done, version)},
        )
        reach("state.after_merge")
    return State(keys, state.count(), state.version(), version)


def _held(state: LakeTable, source: Source) -> Positions:
    """How much of the history the state is the outcome of."""
    provenance = state.provenance()
    return Positions() if provenance is None else provenance.positions.get(source.name, Positions())


def _newest(source: Source, history: LakeTable, version: int, before: Positions) -> pl.DataFrame:
    """The last change of each key among those that the state does not hold."""
    rows = pl.concat(list(_since(source.name, history, version, before)))
    return rows.sort(ARRIVAL).unique(list(source.contract.primary_key), keep="last", maintain_order=True)


def _since(source: str, history: LakeTable, version: int, before: Positions) -> Iterator[pl.DataFrame]:
    """The changes past a watermark, in a frame a partition, and those that were released since."""
    yield history.read(version=version, where=[(names.RELEASE, ">", before.releases)])
    provenance = history.provenance(version)
    reached = Positions() if provenance is None else provenance.positions.get(source, Positions())
    for partition in reached.offsets:
        where = [(names.PARTITION, "==", partition), (names.OFFSET, ">", before.offsets.get(partition, -1))]
        yield history.read(version=version, where=where).filter(pl.col(names.RELEASE).is_null())


def _stamped(provenance: Provenance, source: Source, history: LakeTable, version: int) -> Provenance:
    of = history.provenance(version)
    positions = {source.name: Positions()} if of is None else dict(of.positions)
    return Provenance(
        run_id=provenance.run_id,
        code_version=provenance.code_version,
        inputs={history.name: version},
        positions=positions,
        extra={"contract": source.contract.fingerprint},
    )
