"""The declared sources, for commands that need them without the asset graph."""

from __future__ import annotations

from pathlib import Path

from mlinfra_assets.contracts.declaration import load_sources
from mlinfra_assets.contracts.source import Source

FOLDER = Path(__file__).parent.parent / "sources"


def declared_sources() -> dict[str, Source]:
    """Every declared source by name."""
    return load_sources(FOLDER)
