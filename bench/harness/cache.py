"""Where a benchmark keeps its data and the environment of its peers: a folder outside the repository."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

_DONE = "complete"


def default_folder() -> Path:
    """The user's cache folder for benchmarks."""
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "mlinfra" / "bench"


def made_once(folder: Path, make: Callable[[Path], None]) -> Path:
    """A folder that `make` fills; one that was left half full by an earlier run is made again.

    Args:
        folder: Where it is kept.
        make: Fills the (empty, existing) folder.
    """
    if (folder / _DONE).exists():
        return folder
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    make(folder)
    (folder / _DONE).touch()
    return folder
