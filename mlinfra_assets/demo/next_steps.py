"""What a person may want to do when the demo has ended."""

from __future__ import annotations

import shlex
from pathlib import Path

from mlinfra_assets.demo.result import NextStep


def next_steps(home: Path, prediction: str, *, default: Path | None = None) -> tuple[NextStep, ...]:
    """Commands that work on this home as they stand.

    Args:
        home: The demo's home folder.
        prediction: Id of a prediction to replay.
        default: The home that commands use if none is given; then `--home` is left out.
    """
    where = "" if default is not None and home == default else f" --home {shlex.quote(str(home))}"
    return (
        NextStep(f"mlinfra up{where}", "Dagster's UI with the whole lineage, and the API"),
        NextStep(f"mlinfra replay {prediction}{where}", "one prediction, computed from raw again"),
        NextStep(f"mlinfra quarantine list{where}", "what broke the contract, and the way back"),
        NextStep(f"mlinfra doctor{where}", "what is configured, reachable, and how old"),
    )
