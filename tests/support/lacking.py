"""What a test needs and a machine may lack: a reason to skip, and in CI, which has it all, to fail."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import NoReturn

import pytest


def lacks(reason: str) -> NoReturn:
    """Skip the test that runs; where services are required, fail it."""
    if os.environ.get("MLINFRA_REQUIRE_SERVICES"):
        pytest.fail(reason)
    pytest.skip(reason)


def on_a_small_disk(folder: Path, megabytes: int) -> list[str]:
    """The words before a command that make it run with a disk of so many megabytes of its own at `folder`."""
    folder.mkdir()
    mount = f'mount -t tmpfs -o size={megabytes}m none "{folder}"'
    program = shutil.which("unshare")
    if program is None or subprocess.run([program, "-rm", "sh", "-c", mount], check=False).returncode != 0:
        lacks("needs a small disk of its own, which this machine does not let users mount")
    return [program, "-rm", "sh", "-c", f'{mount} && exec "$0" "$@"']
