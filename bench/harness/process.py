"""Running a method in a process of its own, and what that cost."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from bench.harness.method import Limits, Method

_POLL_SECONDS = 0.1
_LOG_SHOWN = 2_000
_ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Cost:
    """What one run cost.

    Attributes:
        cpu_s: User and system seconds of the work, children included, from when a very small question has been
            answered and this one is known until its answer stands in memory.
        wall_s: Seconds of the same.
        memory_gb: The most resident memory of the whole process, 10**9 bytes.
        start_cpu_s: CPU seconds before: the interpreter, imports, the very small question.
    """

    cpu_s: float
    wall_s: float
    memory_gb: float
    start_cpu_s: float


@dataclass(frozen=True)
class Unfinished:
    """A method that has no answer.

    Attributes:
        reason: Why, for the report.
        failed: Whether it broke off by itself instead of reaching a limit.
    """

    reason: str
    failed: bool = False


def run(
    method: Method,
    python: Path,
    small: Path,
    data: Path,
    out: Path | None = None,
    environ: Mapping[str, str] | None = None,
) -> Cost | Unfinished:
    """Run a method once.

    Args:
        method: What to run.
        python: The interpreter that has its libraries.
        small: Folder of the same data made very small, of which it is asked first, unmeasured.
        data: Folder of the data.
        out: Where its answer is written, after the measurement. None: nowhere.
        environ: Environment variables beside this process's own.
    """
    with tempfile.TemporaryDirectory() as scratch:
        report, log = Path(scratch, "cost.json"), Path(scratch, "log.txt")
        command = [str(python), "-m", "bench.harness.child", method.module, method.variant]
        command += [str(path) for path in (small, data, report, out) if path is not None]
        # A method that is stopped leaves its temporary files behind; they go with this folder.
        variables = {**os.environ, "PYTHONPATH": str(_ROOT), "TMPDIR": scratch, **(environ or {})}
        # Otherwise libraries may be compiled anew in each process.
        variables.pop("PYTHONDONTWRITEBYTECODE", None)
        with log.open("wb") as sink:
            child = subprocess.Popen(command, cwd=scratch, env=variables, stdout=sink, stderr=sink)
            stopped = _wait(child, method.limits)
        if stopped:
            return Unfinished(stopped)
        if child.returncode != 0:
            last = log.read_text(encoding="utf-8", errors="replace").strip()[-_LOG_SHOWN:]
            return Unfinished(f"stopped with code {child.returncode}:\n{last}", failed=True)
        return Cost(**json.loads(report.read_text(encoding="utf-8")))


def _wait(child: subprocess.Popen[bytes], limits: Limits) -> str:
    """Wait for the end; why it was stopped before, else nothing."""
    deadline = time.monotonic() + limits.seconds
    while True:
        try:
            child.wait(_POLL_SECONDS)
        except subprocess.TimeoutExpired:
            reason = _beyond(child.pid, deadline, limits)
            if reason:
                child.kill()
                child.wait()
                return reason
        else:
            return ""


def _beyond(pid: int, deadline: float, limits: Limits) -> str:
    if time.monotonic() > deadline:
        return f"did not finish in {limits.seconds:g} s"
    if _resident(pid) > limits.gigabytes * 1e9:
        return f"did not finish in {limits.gigabytes:g} GB"
    return ""


def _resident(pid: int) -> int:
    """Resident bytes of a process; 0 where the system does not tell."""
    try:
        pages = Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1]
    except (OSError, IndexError):
        return 0
    return int(pages) * os.sysconf("SC_PAGE_SIZE")
