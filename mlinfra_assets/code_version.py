"""Which code ran: a hash of everything that is declared and everything that acts on it."""

from __future__ import annotations

from functools import cache
from hashlib import sha256

from mlinfra_assets.settings import PROJECT

ROOTS = ("mlinfra_assets", "resources", "sensors", "dbt_project")
KINDS = {".py", ".sql", ".yaml", ".yml"}
BUILT = {"target", "logs", "dbt_packages", "__pycache__"}


@cache
def code_version() -> str:
    """12 hexadecimal digits over the paths and contents of the project's source files, in path order."""
    digest = sha256()
    for root in ROOTS:
        for path in sorted((PROJECT / root).rglob("*")):
            if path.suffix in KINDS and not BUILT & set(path.parts):
                digest.update(path.relative_to(PROJECT).as_posix().encode())
                digest.update(path.read_bytes())
    return digest.hexdigest()[:12]
