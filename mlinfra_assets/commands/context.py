"""What every command begins with: the settings of its home, in this process and in those that it starts."""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Annotated

import typer

from mlinfra_assets.errors import InvalidInputError
from mlinfra_assets.home import Home, begun, inspect_home, open_home
from mlinfra_assets.settings import PREFIX, Settings

HomeOption = Annotated[
    Path | None,
    typer.Option("--home", help="Home folder. Default: $MLINFRA_HOME, else .mlinfra here.", show_default=False),
]
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")]


def settings_for(home: Path | None) -> Settings:
    """The settings of the environment, on the home that was named.

    A home whose data begins on another day says so itself, unless the environment does.
    """
    environment = dict(os.environ)
    if home is not None:
        environment[f"{PREFIX}HOME"] = str(home)
    settings = Settings.load(environment)
    known = inspect_home(settings.home)
    if known is not None and known.history_start and not os.environ.get(f"{PREFIX}HISTORY_START"):
        settings = replace(settings, history_start=date.fromisoformat(known.history_start))
    return settings


def begin(home: Path | None) -> tuple[Settings, Home]:
    """The settings, and their home, made if there is none."""
    settings = settings_for(home)
    return settings, open_home(settings.home)


def existing(home: Path | None) -> Settings:
    """The settings of a home that is there; makes none.

    Raises:
        InvalidInputError: Nothing of ours lies in the folder.
    """
    settings = settings_for(home)
    if not begun(settings.home) and not Path(settings.lake).is_dir() and "://" not in settings.lake:
        raise InvalidInputError(
            f"there is no home at {settings.home}: name the one that was played with --home DIR, or make one with "
            "mlinfra demo"
        )
    return settings


def adopt(settings: Settings) -> None:
    """Let this process, and what it starts, read these settings and this Dagster home from the environment."""
    os.environ.update(settings.to_environment())
    os.environ["DAGSTER_HOME"] = str(settings.dagster_home)
