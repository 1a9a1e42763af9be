"""The dbt project as a program: where it is, and how dbt is run on it. Every invocation is a process of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mlinfra_assets.curated.errors import DbtError
from mlinfra_assets.settings import PROJECT

DBT_PROJECT = PROJECT / "dbt_project"
WORKSPACE_FILE = "workspace.duckdb"
BUILT = ("target", "logs", "dbt_packages", "*.duckdb")
TIMEOUT_SECONDS = 3600
SHOWN_LINES = 40


@dataclass(frozen=True)
class DbtOutcome:
    """What one invocation of dbt left behind.

    Attributes:
        exit_code: 0 all well, 1 a model or test failed, 2 dbt itself could not go on.
        output: What it printed.
        target: Folder of its artifacts.
    """

    exit_code: int
    output: str
    target: Path

    def tail(self) -> str:
        """The end of the output, where dbt says what went wrong."""
        return "\n".join(self.output.strip().splitlines()[-SHOWN_LINES:])


def dbt_executable() -> str:
    """Path of the `dbt` of this very environment: the one beside the interpreter, on PATH or not.

    Raises:
        DbtError: There is none.
    """
    beside = Path(sys.executable).with_name("dbt")
    found = str(beside) if beside.exists() else shutil.which("dbt")
    if found is None:
        raise DbtError(f"dbt is neither beside {sys.executable} nor on PATH: install the project's dependencies again")
    return found


def copy_project(project: Path, folder: Path) -> Path:
    """Copy the project's own files into a folder, where `../workspace.duckdb` is that folder's workspace.

    Returns:
        The copy's path.
    """
    copy = folder / "project"
    shutil.copytree(project, copy, ignore=shutil.ignore_patterns(*BUILT))
    return copy


def run_dbt(arguments: Sequence[str], *, project: Path, threads: int = 4) -> DbtOutcome:
    """Run dbt and wait for it.

    Args:
        arguments: The command and its options, such as `["build", "--select", "orders"]`.
        project: Folder of the dbt project; its `target` takes the artifacts and logs.
        threads: How many nodes it works on at once.

    Raises:
        DbtError: dbt is not there, or did not come to an end in an hour.
    """
    command = [dbt_executable(), "--no-use-colors", "--no-version-check", *arguments, "--threads", str(threads)]
    try:
        done = subprocess.run(
            command,
            cwd=project,
            env=_environment(project),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            errors="replace",
            timeout=TIMEOUT_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise DbtError(f"dbt {' '.join(arguments)} ran for more than {TIMEOUT_SECONDS} s and was stopped") from error
    return DbtOutcome(done.returncode, done.stdout, project / "target")


def _environment(project: Path) -> dict[str, str]:
    # A DBT_* variable of the caller's shell would change what is built.
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("DBT_")}
    return {
        **inherited,
        "DBT_PROFILES_DIR": str(project),
        "DBT_PROJECT_DIR": str(project),
        "DBT_TARGET_PATH": str(project / "target"),
        "DBT_LOG_PATH": str(project / "target"),
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
        "PYTHONIOENCODING": "utf-8",
    }
