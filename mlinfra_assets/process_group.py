"""A child process and all that it starts: ended as a whole, gently first."""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from pathlib import Path
from subprocess import Popen

PROC = Path("/proc")
TICK = 0.05


def alive(group: int) -> bool:
    """Whether a process of the group still runs; one that has ended and was not yet collected does not count."""
    if (PROC / "self" / "stat").exists():
        return any(_group_of(entry) == group for entry in PROC.iterdir() if entry.name.isdigit())
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def end(process: Popen[bytes], grace: float) -> bool:
    """End a process that leads a group of its own, and the rest of its group.

    First an interrupt to the leader, as Ctrl-C gives it; when the grace is over or the leader is gone, a request to
    terminate to what is left of the group, and at last a kill.

    Args:
        process: Started with `start_new_session=True`.
        grace: Seconds that the leader gets to end by itself.

    Returns:
        Whether it ended without being killed.
    """
    group = process.pid
    if process.poll() is None:
        _send(group, signal.SIGINT, whole=False)
        _until_gone(process, group, grace, whole=False)
    if alive(group):
        _send(group, signal.SIGTERM, whole=True)
        _until_gone(process, group, max(grace / 2, 1.0), whole=True)
    gentle = not alive(group)
    if not gentle:
        kill(process)
    process.poll()
    return gentle


def kill(process: Popen[bytes]) -> None:
    """Kill the whole group at once."""
    _send(process.pid, signal.SIGKILL, whole=True)
    _until_gone(process, process.pid, 5.0, whole=True)


def _send(group: int, which: signal.Signals, *, whole: bool) -> None:
    with suppress(ProcessLookupError, PermissionError):
        if whole:
            os.killpg(group, which)
        else:
            os.kill(group, which)


def _until_gone(process: Popen[bytes], group: int, seconds: float, *, whole: bool) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        ended = process.poll() is not None
        if ended and (not whole or not alive(group)):
            return
        time.sleep(TICK)


def _group_of(entry: Path) -> int | None:
    """The process group of a running process; None if it has ended."""
    try:
        text = (entry / "stat").read_text()
    except OSError:
        return None
    state, _parent, group = text[text.rindex(")") + 2 :].split()[:3]
    return None if state in {"Z", "X"} else int(group)
