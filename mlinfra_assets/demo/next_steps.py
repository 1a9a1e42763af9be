"""What a person may want to do when the demo has ended."""

from __future__ import annotations

import shlex
from pathlib import Path

from mlinfra_assets.demo.result import NextStep

DEFAULT = ".mlinfra"


def next_steps(home: Path, prediction: str) -> tuple[NextStep, ...]:
    """Commands that work on this home as they stand, in the folder that the demo was played in.

    Args:
        home: The demo's home folder, absolute.
        prediction: Id of a prediction to replay.
    """
    where = "" if home == Path(DEFAULT).resolve() else f" --home {shlex.quote(str(home))}"
    return (
        NextStep(f"mlinfra up{where}", "Dagster's UI with the whole lineage, and the API"),
        NextStep(f"mlinfra replay {prediction}{where}", "one prediction, computed from raw again"),
        NextStep(f"mlinfra quarantine list{where}", "what broke the contract, and the way back"),
        NextStep(f"mlinfra doctor{where}", "what is configured, reachable, and versioned how"),
    )
