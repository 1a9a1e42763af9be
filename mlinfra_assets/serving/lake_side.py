"""What the API asks of the lake, if it has one: an API beside Redis and the stream alone serves all the rest."""

from __future__ import annotations

from dataclasses import dataclass

from mlinfra_assets.errors import UnavailableError
from mlinfra_assets.serving.catalogue import Catalogue
from mlinfra_assets.serving.replays import Replays
from mlinfra_assets.serving.training_sets import TrainingSets


@dataclass(frozen=True)
class LakeSide:
    """What only the lake can answer.

    Attributes:
        training_sets: Makes training sets.
        catalogue: Knows what is registered, which tables there are, and where a value comes from.
        replays: Computes predictions from raw again.
    """

    training_sets: TrainingSets
    catalogue: Catalogue
    replays: Replays


class NoLakeError(UnavailableError):
    """The API has no lake to ask."""


def needed(lake: LakeSide | None) -> LakeSide:
    """The lake's side of an API.

    Raises:
        NoLakeError: It has none.
    """
    if lake is None:
        raise NoLakeError("this API has no lake: ask one that `mlinfra api` serves beside the lake")
    return lake
