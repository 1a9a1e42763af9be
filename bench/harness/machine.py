"""What a benchmark ran on: a number means little without it."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Machine:
    """The machine.

    Attributes:
        cpu: The processor's name, as the system tells it.
        cores: Cores that this process may use.
        memory_gb: 10**9 bytes of main memory.
        system: Operating system.
        python: Version of the interpreter.
    """

    cpu: str
    cores: int
    memory_gb: float
    system: str
    python: str

    @classmethod
    def this(cls) -> Machine:
        """The one that this runs on."""
        return cls(
            cpu=_processor(),
            cores=len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1,
            memory_gb=round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9, 1),
            system=f"{platform.system()} {platform.machine()}",
            python=platform.python_version(),
        )


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
