"""Named points at which a process can be made to die, so that recovery is tested where it matters.

With `MLINFRA_KILL_AT` unset, which is the case outside of fault tests and drills, reaching a point does nothing. With
`MLINFRA_KILL_AT=<point>` the process is killed (SIGKILL: no handler, no clean-up) when it first reaches that point;
`<point>:<n>` kills it at the n-th time.
"""

from __future__ import annotations

import os
import signal
from collections import Counter

from mlinfra_assets.errors import InvalidInputError

VARIABLE = "MLINFRA_KILL_AT"
POINTS = {
    "raw.after_read": "a batch of a stream is read, nothing of it is written",
    "raw.before_commit": "the rows of a batch are ready, nothing of them is written",
    "raw.after_commit": "a batch is in raw, nobody has been told",
    "snapshot.after_chunk": "a part of a table's rows is read, nothing of them is written",
    "processed.after_read": "a batch of raw is read, nothing of it is written",
    "processed.between_commits": "the quarantine of a batch is written, its valid rows are not",
    "processed.after_commit": "the valid rows of a batch are written, nobody has been told",
    "state.before_merge": "changes are in the history, the current state does not have them",
    "state.after_merge": "the current state has them, nobody has been told",
    "breaker.before_event": "what becomes of a batch, or of a breaker, is decided and not recorded",
    "breaker.after_event": "it is recorded, nothing that it allows is written",
    "lake.after_evolution": "a table has new columns or wider types, no row in them",
    "sensor.before_cursor": "a sensor has decided to ask for a run, Dagster does not know of it",
    "curated.after_commit": "one of several curated tables is published",
    "features.between_commits": "a snapshot's rows are written, its place in the ledger is not",
    "online.after_batch": "a part of a push is in Redis",
    "online.before_switch": "all of a push is in Redis, the old one is still served",
    "online.after_switch": "a push is served, nobody has been told",
    "live.after_read": "a live updater has read some events, nothing of them is in a tail",
    "tail.before_append": "a chunk of events is ready, nothing of it is in the tail",
    "tail.after_append": "a chunk is in the tail, nobody has been told",
    "tail.before_trim": "a part of a tail is about to be cut, the parts before it are",
    "predictions.after_write": "a prediction is in the local file, neither the stream nor who asked has it",
    "predictions.after_stream": "predictions are in the stream, and their file is still there",
    "outcomes.after_stream": "outcomes are in the stream, the table of what was sent does not hold them",
}
"""Every point that there is, and what stands where when it is reached."""
_reached: Counter[str] = Counter()


def reach(point: str) -> None:
    """Say that the process is at `point`, one of `POINTS`.

    Raises:
        InvalidInputError: `MLINFRA_KILL_AT` names no point.
    """
    wanted = os.environ.get(VARIABLE)
    if not wanted:
        return
    name, _, nth = wanted.partition(":")
    if name not in POINTS or not (nth or "1").isdecimal():
        raise InvalidInputError(f"{VARIABLE}={wanted!r} names no point (<point>:<n>): there are {', '.join(POINTS)}")
    if name != point:
        return
    _reached[point] += 1
    if _reached[point] >= int(nth or 1):
        os.kill(os.getpid(), signal.SIGKILL)
