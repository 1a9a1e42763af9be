"""The environment of the peers that the project itself does not install: pandas and Feast."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from bench.harness.cache import made_once

REQUIREMENTS = ("feast[duckdb,redis]==0.67.*",)
LIBRARIES = ("feast", "pandas", "dask", "duckdb", "ibis-framework", "pyarrow", "numpy")
_VERSIONS = "import importlib.metadata as m, json, sys; print(json.dumps({n: m.version(n) for n in sys.argv[1:]}))"


class PeersUnavailableError(Exception):
    """The peers' environment cannot be made; the message says what to do."""


def interpreter(cache: Path) -> Path:
    """The Python of the peers' environment, which is made when it is first needed.

    Raises:
        PeersUnavailableError: There is no `uv`, or a package cannot be installed.
    """
    folder = cache / f"peers-{sys.version_info.major}.{sys.version_info.minor}-feast-0.67-redis"
    return made_once(folder, _install) / "env" / "bin" / "python"


def versions(python: Path, libraries: Sequence[str]) -> dict[str, str]:
    """The versions of some libraries, as an interpreter has them."""
    printed = subprocess.run(
        [str(python), "-c", _VERSIONS, *libraries], check=True, capture_output=True, text=True
    ).stdout
    return json.loads(printed)


def _install(folder: Path) -> None:
    uv = os.environ.get("UV") or shutil.which("uv")
    if uv is None:
        raise PeersUnavailableError("pandas and Feast are left out: there is no uv to make their environment with")
    python = folder / "env"
    for command in (
        [uv, "venv", "--quiet", "--python", sys.executable, str(python)],
        [uv, "pip", "install", "--quiet", "--python", str(python / "bin" / "python"), *REQUIREMENTS],
    ):
        done = subprocess.run(command, check=False, capture_output=True, text=True)
        if done.returncode:
            last = " ".join(done.stderr.split())[-300:]
            raise PeersUnavailableError(f"pandas and Feast are left out: {REQUIREMENTS[0]} cannot be installed: {last}")
