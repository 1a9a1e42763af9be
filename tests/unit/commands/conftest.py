from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def own_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No setting from outside, and what a command adopts is taken back."""
    for name in [n for n in os.environ if n.startswith("MLINFRA_")]:
        monkeypatch.delenv(name)
    for name in ("MLINFRA_HOME", "DAGSTER_HOME"):
        monkeypatch.setenv(name, "")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
