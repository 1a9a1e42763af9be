"""`mlinfra demo`: the main job, on real or simulated data."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from mlinfra_assets.commands.context import HomeOption, JsonOption, adopt, begin
from mlinfra_assets.errors import MlinfraError


class NotReproducedError(MlinfraError):
    """A prediction did not come out the same from raw."""


def demo(
    data: Annotated[
        Path | None,
        typer.Option(help="Online Retail or Online Retail II as csv, csv.gz, xlsx or parquet.", show_default=False),
    ] = None,
    rates: Annotated[
        Path | None,
        typer.Option(help="The European Central Bank's eurofxref-hist.zip.", show_default=False),
    ] = None,
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """Play a shop's year through the whole platform, and reproduce every prediction from raw.

    Without --data the data set is downloaded from UCI once; without a network a simulated shop is played. Played
    again on one home, it adds nothing twice.
    """
    from mlinfra_assets.demo.progress import progress_for

    settings, place = begin(home)
    # The shop runs on a clock of its own, which only Redis's streams take.
    settings = replace(settings, stream_system="redis")
    progress = progress_for(sys.stderr, silent=json)
    from mlinfra_assets.home import hold

    with hold(place, "mlinfra demo"):
        from mlinfra_assets.demo import shop

        with progress.step("Data") as step:
            played = shop.load(settings.home / "demo", progress.say, data=data, rates=rates)
            step.note(f"{played.lines.height:,} order lines, {played.origin}")
        if played.first_day < settings.history_start:
            settings = replace(settings, history_start=played.first_day)
            place.with_history_start(played.first_day)
        adopt(settings)
        from mlinfra_assets.dagster_home import prepare

        prepare(settings.dagster_home)
        with progress.step("the program is loaded"):
            from mlinfra_assets.demo.play import play

        result = play(settings, played, progress)
    if json:
        sys.stdout.write(result.to_json() + "\n")
    else:
        from mlinfra_assets.demo.summary import show

        show(result, sys.stdout)
    if not result.exact:
        if not result.predictions.made:
            raise NotReproducedError(
                "no prediction was made: no version of the model beat the base rate on later data; give a longer file, "
                "and a home of its own with --home DIR"
            )
        made, same = result.predictions.made, result.predictions.reproduced
        raise NotReproducedError(
            f"{same} of {made} predictions were reproduced from raw; `mlinfra replay ID` shows how"
        )
