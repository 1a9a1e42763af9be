"""Named points at which a process can be made to die, so that recovery is tested where it matters.

With `MLINFRA_KILL_AT` unset, which is the case outside of fault tests, reaching a point does nothing. With
`MLINFRA_KILL_AT=<point>` the process is killed (SIGKILL: no handler, no clean-up) when it first reaches that point;
`<point>:<n>` kills it at the n-th time.
"""

from __future__ import annotations

import os
import signal
from collections import Counter

VARIABLE = "MLINFRA_KILL_AT"
_reached: Counter[str] = Counter()


def reach(point: str) -> None:
    """Say that the process is at `point`, such as `raw.before_commit`."""
    wanted = os.environ.get(VARIABLE)
    if not wanted:
        return
    name, _, nth = wanted.partition(":")
    if name != point:
        return
    _reached[point] += 1
    if _reached[point] >= int(nth or 1):
        os.kill(os.getpid(), signal.SIGKILL)
