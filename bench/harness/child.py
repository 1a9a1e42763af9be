"""What runs in a method's own process: get ready, do the work, say what it cost, write the answer.

Imports the standard library alone, since it also runs with the peers' libraries.
"""

from __future__ import annotations

import gc
import importlib
import json
import resource
import sys
import time
from pathlib import Path


def main(arguments: list[str]) -> None:
    """Run a method.

    Args:
        arguments: The method's module, its variant, a folder of very small data, the folder of the data, the file to
            report the cost in, and, if the answer is wanted, the file to write it to.
    """
    module_name, variant, small, data, report, *out = arguments
    module = importlib.import_module(module_name)
    # Libraries load parts of themselves, and the engine its compiled loops, when they are first asked anything.
    module.ready(Path(small), variant)()
    work = module.ready(Path(data), variant)
    gc.collect()
    start_cpu, start_wall = _cpu_seconds(), time.perf_counter()
    answer = work()
    cost = {
        "cpu_s": _cpu_seconds() - start_cpu,
        "wall_s": time.perf_counter() - start_wall,
        "memory_gb": _peak_bytes() / 1e9,
        "start_cpu_s": start_cpu,
    }
    Path(report).write_text(json.dumps(cost), encoding="utf-8")
    if out:
        module.save(answer, Path(out[0]))


def _cpu_seconds() -> float:
    """User and system time of this process and of the children that it has waited for."""
    usages = (resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def _peak_bytes() -> int:
    """The most memory that was resident at once.

    `ru_maxrss` of a process that was started by a larger one begins with that one's size; the kernel's mark does not.
    """
    status = Path("/proc/self/status")
    if status.exists():
        for line in status.read_text(encoding="ascii").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


if __name__ == "__main__":
    main(sys.argv[1:])
