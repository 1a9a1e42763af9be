"""Python, packages, disk and settings."""

from __future__ import annotations

import platform
import shutil
import sys
from collections.abc import Iterator
from dataclasses import fields
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from mlinfra_assets.commands.diagnosis.finding import Finding, State
from mlinfra_assets.home import FORMAT, inspect_home
from mlinfra_assets.settings import PREFIX, Settings

PACKAGES = (
    "mlinfra", "dagster", "dagster-webserver", "dbt-core", "dbt-duckdb", "duckdb", "deltalake", "polars", "pyarrow",
    "pandera", "redis", "confluent-kafka", "scikit-learn", "onnxruntime", "numba",
)  # fmt: skip
LITTLE = 2 * 1024**3


def software() -> Iterator[Finding]:
    """Versions."""
    area = "Software"
    running = platform.python_version()
    fits = (3, 11) <= sys.version_info[:2] < (3, 13)
    yield Finding(
        area,
        "python",
        f"{running}, {platform.system()} {platform.machine()}",
        State.OK if fits else State.BROKEN,
        "" if fits else "use Python 3.11 or 3.12: uv sync --python 3.12",
    )
    for package in PACKAGES:
        try:
            yield Finding(area, package, version(package))
        except PackageNotFoundError:
            yield Finding(area, package, "not installed", State.BROKEN, "install what is locked: uv sync --locked")


def settings_in_force(settings: Settings) -> Iterator[Finding]:
    """Every setting, secrets hidden."""
    for setting in fields(settings):
        value = getattr(settings, setting.name)
        shown = str(value) if value != "" else "(not set)"
        if setting.metadata.get("secret") and value:
            shown = "(set, hidden)"
        yield Finding("Settings", PREFIX + setting.name.upper(), shown)


def home(settings: Settings) -> Iterator[Finding]:
    """The home folder, its clock, and the room on its disk."""
    from mlinfra_assets.clock import HomeClock

    area, folder = "Home", settings.home
    found = inspect_home(folder)
    if found is None:
        yield Finding(area, "format", f"no home at {folder} yet", State.NOTE, "mlinfra demo or mlinfra up makes one")
    else:
        yield Finding(area, "format", f"{found.format} (this version reads {FORMAT}), made {found.created_at}")
    clock = HomeClock(folder)
    if clock.simulated:
        remedy = f"delete {folder / 'clock.json'} to run on the system's time"
        yield Finding(area, "clock", f"simulated: {clock.now().isoformat()}", State.NOTE, remedy)
    else:
        yield Finding(area, "clock", f"the system's: {clock.now().isoformat(timespec='seconds')}")
    yield _disk(area, folder)


def _disk(area: str, folder: Path) -> Finding:
    there = next(p for p in (folder, *folder.parents) if p.exists())
    free = shutil.disk_usage(there).free
    enough = free >= LITTLE
    return Finding(
        area,
        "free disk",
        f"{free / 1024**3:.1f} GiB on {there}",
        State.OK if enough else State.BROKEN,
        "" if enough else "free some space: below 2 GiB a backfill may fail (nothing is lost if it does)",
    )
