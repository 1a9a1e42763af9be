"""A stream's records into the raw table, a bounded batch a commit, from where the table stands to the stream's end."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np
import polars as pl

from mlinfra_assets.clock import Clock
from mlinfra_assets.contracts.source import Source, StreamIngest
from mlinfra_assets.fault_points import reach
from mlinfra_assets.ingest.ahead import ahead
from mlinfra_assets.ingest.raw import (
    RAW_SCHEMA,
    Landed,
    commit_rows,
    ensure_raw,
    offsets,
    raw_rows,
    raw_table,
)
from mlinfra_assets.lake.lake import Lake
from mlinfra_assets.lake.provenance import Provenance
from mlinfra_assets.lake.table import LakeTable, ProgressConflictError
from mlinfra_assets.positions import Positions
from mlinfra_assets.streams.log import StreamLog
from mlinfra_assets.streams.records import RECORDS
from mlinfra_assets.streams.redis_log import RedisLog
from mlinfra_assets.streams.topic_state import TopicState

BATCH_RECORDS = 100_000
BATCH_BYTES = 64 * 1024 * 1024
INCARNATION = "stream_incarnation"
ACCEPTED_GAP = "accepted_gap"


@dataclass(frozen=True)
class Standing:
    """Where a raw table stands in its stream.

    Attributes:
        state: How the stream stands.
        held: Last offset that the table holds, by partition.
    """

    state: TopicState
    held: Mapping[int, int]

    @property
    def behind(self) -> dict[int, int]:
        """The partitions that the table does not hold up to their end, with that end."""
        return self.state.behind(self.held)


def topic_of(source: Source) -> str:
    """The stream that a source comes in by."""
    assert isinstance(source.ingest, StreamIngest)  # noqa: S101 - the caller chose by this very type
    return source.ingest.topic


def standing(table: LakeTable, log: StreamLog, source: Source) -> Standing:
    """Where a raw table stands in its stream.

    Raises:
        StreamResetError: The stream was emptied, or deleted and made again.
        RetentionGapError: Records that the table does not hold are gone from the stream.
        UnavailableError: The stream cannot be reached.
    """
    state = log.state(topic_of(source))
    came_from = table.provenance() if table.exists() else None
    known = came_from.positions.get(source.name, Positions()).offsets if came_from is not None else {}
    held = offsets(table, source.name, sorted({*state.oldest, *state.end, *known}))
    state.refuse_misfit(held, None if came_from is None else came_from.extra.get(INCARNATION))
    return Standing(state, held)


def land_stream(
    lake: Lake,
    log: StreamLog,
    source: Source,
    provenance: Provenance,
    clock: Clock,
    *,
    partitions: Collection[int] | None = None,
    max_records: int | None = None,
    max_commits: int | None = None,
    accept_gap: bool = False,
) -> Landed:
    """Bring a stream's records up to its present end into raw, a bounded batch a commit.

    Args:
        lake: Where the raw table is.
        log: The stream.
        source: What comes in; its ingest is a `StreamIngest`.
        provenance: Run and code version that the commits name.
        clock: Says when records land.
        partitions: The partitions to read; None: all.
        max_records: Most records of a commit; None: `BATCH_RECORDS`.
        max_commits: So many commits, then it is left for the next time, and what the last one added is at hand; None:
            up to the end.
        accept_gap: Go on past records that are gone: the operator's decision, which the table's commit records.

    Raises:
        StreamResetError: The stream was emptied, or deleted and made again.
        RetentionGapError: Records that the table does not hold are gone from the stream.
        UnavailableError: The stream cannot be reached, or stopped answering. What was committed stays.
    """
    topic, table, landed = topic_of(source), raw_table(lake, source), Landed()
    ensure_raw(table, source, provenance)
    if accept_gap:
        _accept_gap(table, log, source, provenance)
    found = standing(table, log, source)
    if found.state.incarnation is not None:
        provenance = replace(provenance, extra={**provenance.extra, INCARNATION: found.state.incarnation})
    end = {p: last for p, last in found.state.end.items() if partitions is None or p in partitions}
    held, most = dict(found.held), max_records or BATCH_RECORDS
    if not held:
        held = _begin(table, source, provenance, found.state)
    while behind := {p: last for p, last in end.items() if held.get(p, -1) < last}:
        frames = log.read(topic, after=held, upto=behind, max_records=most, max_bytes=BATCH_BYTES)
        if max_commits is None:
            frames = ahead(frames)
        for records, reached in _to_the_end(frames, behind, most):
            reach("raw.after_read")
            after = {p: offset for p, offset in reached.items() if offset > held.get(p, -1)}
            if not after:
                continue
            rows = raw_rows(source, _unseen(records, held), clock.now(), provenance.run_id)
            try:
                committed = commit_rows(table, source, rows, provenance, held, after)
            except ProgressConflictError:
                break  # another writer was faster: go on from what the table says now
            held = {**held, **after}
            landed.add(rows)
            if landed.commits == max_commits:
                landed.last = committed
                return _finished(landed, table, held)
        held = offsets(table, source.name, sorted({*held, *end}))
    return _finished(landed, table, held)


def trim_stream(lake: Lake, log: RedisLog, source: Source, older_than: datetime) -> int:
    """Remove from a stream what raw holds and what was appended before `older_than` (UTC); returns how many records.

    Only Redis's streams are the platform's own to trim: Kafka keeps what the topic's retention says.
    """
    held = offsets(raw_table(lake, source), source.name, [0])
    return log.trim(topic_of(source), held, before=older_than)


def _begin(table: LakeTable, source: Source, provenance: Provenance, state: TopicState) -> dict[int, int]:
    """Where a table that holds nothing starts: past what was gone before anybody asked, which it states for good."""
    start = {p: oldest - 1 for p, oldest in state.oldest.items() if oldest > 0}
    if start and state.incarnation is not None:
        try:
            commit_rows(table, source, pl.DataFrame(schema=RAW_SCHEMA), provenance, {}, start)
        except ProgressConflictError:
            return offsets(table, source.name, sorted({*state.oldest, *state.end}))
        return start
    return {}


def _accept_gap(table: LakeTable, log: StreamLog, source: Source, provenance: Provenance) -> None:
    """Move the table past what is gone from its stream, and keep in the commit what that was."""
    state = log.state(topic_of(source))
    held = offsets(table, source.name, sorted({*state.oldest, *state.end}))
    gaps = {p: (held.get(p, -1) + 1, oldest - 1) for p, oldest in state.oldest.items() if held.get(p, -1) + 1 < oldest}
    if not held or not gaps:
        return
    lost = {f"{ACCEPTED_GAP}/{p}": f"{first}-{last}" for p, (first, last) in gaps.items()}
    known = table.provenance()
    extra = {**(known.extra if known else {}), **provenance.extra, **lost}
    nothing = pl.DataFrame(schema=RAW_SCHEMA)
    commit_rows(
        table, source, nothing, replace(provenance, extra=extra), held, {p: last for p, (_, last) in gaps.items()}
    )


def _finished(landed: Landed, table: LakeTable, held: Mapping[int, int]) -> Landed:
    landed.positions = Positions(offsets=held)
    landed.version = table.version()
    return landed


def _to_the_end(
    frames: Iterator[pl.DataFrame], upto: Mapping[int, int], most: int
) -> Iterator[tuple[pl.DataFrame, dict[int, int]]]:
    """Each frame with the positions that it reaches; with the last one that is all of `upto`.

    What lies between the last record and the end (the marks of transactions, what compaction removed) is covered too:
    a table that did not say so would look as if it were behind.
    """
    frame = next(frames, None)
    while frame is not None:
        full = frame.height >= most
        following = None if full else next(frames, None)  # of a full frame it is not asked what comes after it
        if not full and following is None:
            yield frame, dict(upto)
            return
        yield frame, _reached(frame)
        frame = next(frames, None) if full else following
    yield pl.DataFrame(schema=RECORDS), dict(upto)


def _unseen(records: pl.DataFrame, held: Mapping[int, int]) -> pl.DataFrame:
    """The records past `held`, in order: a position that is delivered again is the same row, and counts once."""
    partitions, offsets_ = records["partition"].to_numpy(), records["offset"].to_numpy()
    fresh = np.zeros(records.height, bool)
    for partition in np.unique(partitions).tolist():
        own = np.flatnonzero(partitions == partition)
        come = np.maximum.accumulate(np.concatenate([[held.get(partition, -1)], offsets_[own]]))
        fresh[own] = offsets_[own] > come[:-1]
    return records if fresh.all() else records.filter(pl.Series(fresh))


def _reached(frame: pl.DataFrame) -> dict[int, int]:
    return dict(frame.group_by("partition").agg(pl.col("offset").max()).iter_rows())
