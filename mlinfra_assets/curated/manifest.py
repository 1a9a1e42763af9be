"""The dbt manifest, prepared on demand: what the project declares, with each model's compiled SQL.

A manifest is kept under the hash of all that it is made of, so that it can never be stale; it is written elsewhere and
renamed into place, so that processes which prepare it at the same time cannot see half of it.
"""

from __future__ import annotations

import fcntl
import json
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from time import time
from typing import Any

from mlinfra_assets.curated.errors import DbtError
from mlinfra_assets.curated.project import DBT_PROJECT, copy_project, run_dbt

MANIFEST = "manifest.json"
PARTIAL_PARSE = "partial_parse.msgpack"
MADE_OF = {".sql", ".yml", ".yaml", ".csv"}
NOT_SOURCE = {"target", "logs", "dbt_packages"}
KEEP_SECONDS = 7 * 86_400

Manifest = Mapping[str, Any]


def prepared_manifest(project: Path = DBT_PROJECT) -> Path:
    """Path of the manifest of the project as it is now; made first if there is none (about 5 s).

    Raises:
        DbtError: The project does not compile, or its folder cannot be written to.
    """
    folder = _prepared(project) / project_digest(project)
    if not (folder / MANIFEST).exists():
        with _preparing(project):
            if not (folder / MANIFEST).exists():
                _prepare(project, folder)
    return folder / MANIFEST


def load_manifest(project: Path = DBT_PROJECT) -> Manifest:
    """The manifest itself, read once per state of the project."""
    return _parsed(prepared_manifest(project))


def project_digest(project: Path = DBT_PROJECT) -> str:
    """16 hexadecimal digits over the project's files, in path order, and over dbt's own versions."""
    digest = sha256(f"{version('dbt-core')} {version('dbt-duckdb')}".encode())
    for path in sorted(project.rglob("*")):
        relative = path.relative_to(project)
        if path.suffix in MADE_OF and not NOT_SOURCE & set(relative.parts):
            digest.update(f"\0{relative.as_posix()}\0".encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


@cache
def _parsed(path: Path) -> Manifest:
    return json.loads(path.read_text())


def _prepared(project: Path) -> Path:
    return project / "target" / "prepared"


@contextmanager
def _preparing(project: Path) -> Iterator[None]:
    """One process at a time; the kernel drops the lock of one that dies."""
    folder = _prepared(project)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / "lock").open("w")
    except OSError as error:
        raise DbtError(
            f"the dbt project has to be compiled once, and {folder} cannot be written ({error}): make it writable"
        ) from error
    with lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _prepare(project: Path, folder: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="draft-", dir=folder.parent) as name:
        draft = Path(name)
        outcome = run_dbt(["compile", "--quiet"], project=copy_project(project, draft))
        if outcome.exit_code != 0:
            raise DbtError(f"the dbt project {project} does not compile:\n{outcome.tail()}")
        kept = draft / "kept"
        kept.mkdir()
        for file in (MANIFEST, PARTIAL_PARSE):
            (outcome.target / file).rename(kept / file)
        kept.rename(folder)
    _forget_old(folder)


def _forget_old(current: Path) -> None:
    for folder in current.parent.iterdir():
        if folder.is_dir() and folder != current and time() - folder.stat().st_mtime > KEEP_SECONDS:
            shutil.rmtree(folder, ignore_errors=True)
