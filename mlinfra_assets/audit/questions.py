"""What logged predictions ask of one version of a view, as columns; and what the rows of raw answer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import pairwise

import numpy as np
import polars as pl

from mlinfra_assets.audit.chains import Chain, Watermarks, chains
from mlinfra_assets.audit.late_known import LateKnown
from mlinfra_assets.audit.raw_datasets import RawDatasets
from mlinfra_assets.errors import MlinfraError
from mlinfra_assets.feature_store.engine.evaluate import HINDSIGHT, evaluate
from mlinfra_assets.feature_store.engine.related import prepare_view
from mlinfra_assets.feature_store.errors import FeatureOverflowError, FunctionError
from mlinfra_assets.feature_store.view import FeatureView
from mlinfra_assets.lake.lake import Lake
from mlinfra_assets.learning.features_of import features_of
from mlinfra_assets.learning.scores import PinnedScores

MOST_APART = 200
"""How often questions are divided to find those that cannot be answered."""


@dataclass(frozen=True)
class Questions:
    """What n predictions ask of a view.

    Attributes:
        features: The features that they ask for.
        entities: The join keys, n rows.
        t: int64[n], their moments, microseconds since 1970 UTC.
        marks: How far the sources behind the view had been fed.
        scores: Version of each model whose score is a feature.
        request: The values that came with them, n rows; None if there are none.
    """

    features: tuple[str, ...]
    entities: pl.DataFrame
    t: np.ndarray
    marks: Watermarks
    scores: Mapping[str, str]
    request: pl.DataFrame | None

    def taken(self, places: np.ndarray) -> Questions:
        """Some of them (int64[m])."""
        request = None if self.request is None else self.request[places]
        marks = self.marks.taken(places)
        return Questions(self.features, self.entities[places], self.t[places], marks, self.scores, request)


def answers(
    view: FeatureView, asked: Questions, rows: RawDatasets, lake: Lake, late: LateKnown | None = None
) -> list[tuple[np.ndarray, pl.DataFrame | MlinfraError]]:
    """The features of questions: which of them (int64[m]), and one row each in that order, or why there is no answer.

    A question whose value does not fit, or whose function fails, keeps no answer from the others.

    Args:
        view: The version's definition.
        asked: The questions.
        rows: All rows behind the view that any of the watermarks covers.
        lake: Where models are.
        late: Rows that were not known, and are taken to have been. None: none were.
    """
    return list(_apart(view, asked, np.arange(len(asked.t)), (rows, lake, late), [MOST_APART]))


def _apart(
    view: FeatureView,
    asked: Questions,
    places: np.ndarray,
    rest: tuple[RawDatasets, Lake, LateKnown | None],
    left: list[int],
) -> Iterator[tuple[np.ndarray, pl.DataFrame | MlinfraError]]:
    try:
        yield places, together(view, asked.taken(places), *rest)
    except (FeatureOverflowError, FunctionError) as error:
        left[0] -= 1
        if len(places) == 1 or left[0] < 0:
            yield places, error
        else:
            for half in np.array_split(places, 2):
                yield from _apart(view, asked, half, rest, left)
    except MlinfraError as error:
        yield places, error


def together(
    view: FeatureView, asked: Questions, rows: RawDatasets, lake: Lake, late: LateKnown | None = None
) -> pl.DataFrame:
    """The features of each question, one row each, in order: one evaluation for each chain of watermarks.

    Args:
        view: The version's definition.
        asked: The questions.
        rows: All rows behind the view that any of the watermarks covers.
        lake: Where models are.
        late: Rows that were not known, and are taken to have been. None: none were.

    Raises:
        MlinfraError: They cannot be answered; says why.
    """
    view = features_of(view, asked.features)
    models = PinnedScores(lake, {model: asked.scores[model] for model in _models(view) if model in asked.scores})
    divided = chains(asked.t, asked.marks, one_mark=late is not None or _replaces(view))
    if late is not None:
        divided = [part for chain in divided for part in _by_moment(chain)]
    found = [_answered(view, asked.taken(chain.places), rows, chain, models, late) for chain in divided]
    return pl.concat(found)[np.argsort(np.concatenate([chain.places for chain in divided]))]


def _answered(
    view: FeatureView,
    asked: Questions,
    rows: RawDatasets,
    chain: Chain,
    models: PinnedScores,
    late: LateKnown | None,
) -> pl.DataFrame:
    k = None
    if late is not None:
        known = late.known(rows, view, chain.last, int(chain.t[0]))
        prepared = prepare_view(view, known, only=asked.entities)
        k = np.full_like(asked.t, HINDSIGHT)
    elif _replaces(view):
        prepared = prepare_view(view, rows, only=asked.entities, covered=chain.last)
    else:
        since = {source: partial(chain.since, source) for source in chain.last}
        prepared = prepare_view(view, rows, only=asked.entities, covered=chain.last, since=since)
    return evaluate(view, prepared, asked.entities, asked.t, k, models, asked.request)


def _by_moment(chain: Chain) -> list[Chain]:
    """The parts of a chain that are about one moment: which rows were not known yet differs from moment to moment."""
    bounds = np.flatnonzero(np.diff(chain.t, prepend=chain.t[0] - 1, append=chain.t[-1] + 1))
    return [
        Chain(chain.places[begin:end], chain.t[begin:end], chain.marks.taken(np.arange(begin, end)))
        for begin, end in pairwise(bounds)
    ]


def _replaces(view: FeatureView) -> bool:
    """Whether rows behind a view replace each other."""
    return bool(view.dataset.primary_key) or any(map(_replaces, view.uses))


def _models(view: FeatureView) -> set[str]:
    """The models whose scores a view's features are, its own and those of the views that it uses."""
    return set(view.models).union(*(_models(used) for used in view.uses))
