"""From the files into the stream, in order; a file goes once the stream has had time to put its records on a disk."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable
from itertools import groupby

from mlinfra_assets.streams.errors import RetentionGapError, StreamResetError
from mlinfra_assets.streams.log import StreamLog
from mlinfra_assets.streams.record import NewRecord
from mlinfra_assets.streams.write_ahead.frames import Framed
from mlinfra_assets.streams.write_ahead.segment import Segment

BATCH = 500
SETTLE_SECONDS = 5.0
"""Longer than a Redis waits before it syncs what it has acknowledged."""
_log = logging.getLogger(__name__)


def send(log: StreamLog, topic: str, segment: Segment) -> bool:
    """Append the next records of a file to the stream; False if all of them are there.

    A process that dies in between leaves records that are sent again: their keys tell.

    Raises:
        UnavailableError: The stream did not take them; some may be there.
        InvalidInputError: The stream takes no such records.
    """
    found = segment.unsent(BATCH)
    if not found:
        return False
    segment.confirm(found[-1], len(found), _append(log, topic, found))
    return True


def settled(log: StreamLog, topic: str, segment: Segment) -> bool:
    """Whether a file may go: its records were sent a while ago, and the stream has them still.

    What a stream acknowledged and lost again, as one may whose machine lost power, is sent again.

    Raises:
        UnavailableError: The stream cannot be reached.
    """
    if not (segment.sealed and segment.all_sent) or time.monotonic() - segment.touched < SETTLE_SECONDS:
        return False
    there = _keys(log, topic, segment)
    if there is None:
        return True
    lost = [frame for frame in segment.all() if frame.key not in there]
    if not lost:
        return True
    _log.warning("%s lost %d records that it had acknowledged: they are sent again", topic, len(lost))
    for start in range(0, len(lost), BATCH):
        batch = lost[start : start + BATCH]
        places = _append(log, topic, batch)
        segment.confirm(_last(segment), 0, places)
    return False


def _append(log: StreamLog, topic: str, found: Iterable[Framed]) -> list[tuple[int, int]]:
    places: list[tuple[int, int]] = []
    for at, together in groupby(found, key=lambda frame: frame.at):
        places += log.append(topic, [NewRecord(frame.value, frame.key) for frame in together], at)
    return places


def _keys(log: StreamLog, topic: str, segment: Segment) -> set[bytes] | None:
    """The keys that the stream has where the file's records were put; None if they were there and let go since."""
    ranges = segment.sent.ranges
    found: set[bytes] = set()
    after = {partition: first - 1 for partition, (first, _) in ranges.items()}
    try:
        end = log.end(topic)
        upto = {partition: min(last, end.get(partition, -1)) for partition, (_, last) in ranges.items()}
        start = {partition: min(after[partition], last) for partition, last in upto.items()}
        for frame in log.read(topic, start, upto, 10_000, 8 << 20):
            found.update(frame["key"].drop_nulls())
    except RetentionGapError:
        return None
    except StreamResetError:
        return set()
    return found


def _last(segment: Segment) -> Framed:
    *_, last = segment.all()
    return last
