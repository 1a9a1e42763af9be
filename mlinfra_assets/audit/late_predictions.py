"""Served predictions beside what they would have been had the rows been known that came late."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import polars as pl

from mlinfra_assets import names
from mlinfra_assets.audit.bits import Mismatch, same
from mlinfra_assets.audit.documents import registered_view
from mlinfra_assets.audit.from_raw import FromRaw
from mlinfra_assets.audit.late_known import LateKnown
from mlinfra_assets.audit.late_rows import LateRows, LateWindow
from mlinfra_assets.audit.logged import COLUMNS, OPTIONAL, LoggedPrediction, logged_predictions
from mlinfra_assets.audit.raw_rows import Integrity
from mlinfra_assets.audit.regret import Regret
from mlinfra_assets.audit.report import Missing
from mlinfra_assets.audit.scores import rescore
from mlinfra_assets.audit.vectors import recompute
from mlinfra_assets.clock import from_micros
from mlinfra_assets.contracts.source import Source
from mlinfra_assets.errors import MlinfraError
from mlinfra_assets.feature_store.dataset import DatasetSchema
from mlinfra_assets.feature_store.engine.rows import dtypes
from mlinfra_assets.feature_store.view import FeatureView
from mlinfra_assets.lake.lake import Lake
from mlinfra_assets.registry.registry import Registry

SCORE = "score"
EXAMPLES = 100
AT_ONCE = 20_000


@dataclass
class LatePredictions:
    """What late rows would have changed in predictions.

    Attributes:
        made: Predictions looked at.
        touched: Of them, those of an entity with a row that had happened and was not known yet.
        different: Of them, those whose vector or score would have been another.
        regrets: Of each that is different its score beside the one with the late rows.
        examples: The first values that differ: `logged` as served, `recomputed` with the late rows.
        missing: Predictions that cannot be recomputed.
    """

    made: int = 0
    touched: int = 0
    different: int = 0
    regrets: list[Regret] = field(default_factory=list)
    examples: list[Mismatch] = field(default_factory=list)
    missing: list[Missing] = field(default_factory=list)


def compare_predictions(
    lake: Lake,
    registry: Registry,
    sources: Mapping[str, Source],
    datasets: Mapping[str, DatasetSchema],
    window: LateWindow,
    *,
    only: str | None = None,
    thresholds: Mapping[str, float] | None = None,
    max_payload_bytes: int,
) -> LatePredictions:
    """Recompute, from raw, the predictions that late rows touch.

    Args:
        lake: Where the tables are.
        registry: View definitions and contracts by version.
        sources: The declared sources.
        datasets: Every dataset that views read, by name.
        window: Which late rows.
        only: Late rows of this source alone. None: of all.
        thresholds: By model, from which score on it decides for yes.
        max_payload_bytes: The limit that ingestion had.
    """
    found = LatePredictions()
    table = lake.table(names.table(*names.processed(names.PREDICTIONS)))
    if not table.exists():
        return found
    made = FromRaw(lake, registry, sources, max_payload_bytes, Integrity())
    touching = _Touching(lake, registry, datasets, window, only)
    present = [*COLUMNS, *(column for column in OPTIONAL if column in table.schema().names)]
    before = [("predicted_at", "<", window.until)]
    for frame in table.batches(columns=present, where=before, rows=AT_ONCE):
        predictions = logged_predictions(frame)
        found.made += len(predictions)
        touched = list(touching.of(predictions))
        found.touched += len(touched)
        if touched:
            late = LateKnown(lake, window, only)
            _recompute(touched, made, registry, lake, late, thresholds or {}, found)
    return found


class _Touching:
    """Which predictions late rows touch, by view version.

    A view that looks up others is touched by any late row of theirs that was not known when a prediction was made.
    """

    def __init__(
        self,
        lake: Lake,
        registry: Registry,
        datasets: Mapping[str, DatasetSchema],
        window: LateWindow,
        only: str | None,
    ) -> None:
        self._lake, self._registry, self._datasets, self._window, self._only = lake, registry, datasets, window, only
        self._views: dict[tuple[str, str], FeatureView | None] = {}

    def of(self, predictions: Sequence[LoggedPrediction]) -> Iterator[LoggedPrediction]:
        """The predictions that are touched, each once."""
        by_view: dict[tuple[str, str], list[LoggedPrediction]] = {}
        for prediction in predictions:
            for name, used in prediction.views.items():
                by_view.setdefault((name, used.version), []).append(prediction)
        touched = set[str]()
        for (name, version), asked in by_view.items():
            view = self._view(name, version)
            if view is None:
                touched |= {p.prediction_id for p in asked}  # why it cannot be recomputed is said there
            else:
                touched |= self._by_entity(view, asked)
        yield from (p for p in predictions if p.prediction_id in touched)

    def _view(self, name: str, version: str) -> FeatureView | None:
        if (name, version) not in self._views:
            try:
                self._views[name, version] = registered_view(self._registry, name, version).view
            except MlinfraError:
                self._views[name, version] = None
        return self._views[name, version]

    def _by_entity(self, view: FeatureView, asked: Sequence[LoggedPrediction]) -> set[str]:
        frame = _questions(view, asked)
        found = self._joined(view, frame, list(view.join_keys))
        for used in _used(view):
            found |= self._joined(used, frame, [])
        return found

    def _joined(self, view: FeatureView, frame: pl.DataFrame, keys: list[str]) -> set[str]:
        dataset = self._datasets.get(view.dataset.name)
        if dataset is None or self._only not in (None, dataset.source):
            return set()
        found = set[str]()
        for rows in LateRows(self._lake, dataset, view.join_keys, self._window).parts():
            late = rows.select(*keys, names.EVENT_TIME, names.KNOWN_AT)
            then = (pl.col(names.EVENT_TIME) <= pl.col("t")) & (pl.col("t") < pl.col(names.KNOWN_AT))
            joined = frame.join(late, on=keys).filter(then) if keys else frame.join_where(late, then)
            found |= set(joined["id"])
        return found


def _used(view: FeatureView) -> Iterator[FeatureView]:
    for used in view.uses:
        yield used
        yield from _used(used)


def _questions(view: FeatureView, asked: Sequence[LoggedPrediction]) -> pl.DataFrame:
    keys = {key: [p.entity.get(key) for p in asked] for key in view.join_keys}
    values = pl.DataFrame(keys, schema=dtypes(view.key_schema), strict=False)
    times = pl.Series("t", [p.predicted_at for p in asked], dtype=pl.Int64).cast(pl.Datetime("us", "UTC"))
    return values.with_columns(times, pl.Series("id", [p.prediction_id for p in asked], dtype=pl.String))


def _recompute(
    touched: Sequence[LoggedPrediction],
    made: FromRaw,
    registry: Registry,
    lake: Lake,
    late: LateKnown,
    thresholds: Mapping[str, float],
    found: LatePredictions,
) -> None:
    vectors = recompute(touched, made, registry, lake, late)
    lost = {missing.prediction_id for missing in vectors.missing}
    scores, unscored = rescore([p for p in touched if p.prediction_id not in lost], vectors.values, lake)
    found.missing += [*{m.prediction_id: m for m in vectors.missing}.values(), *unscored]
    lost |= {missing.prediction_id for missing in unscored}
    for prediction in touched:
        if prediction.prediction_id in lost:
            continue
        values = vectors.values[prediction.prediction_id]
        pairs = [(reference, logged, values[reference]) for reference, logged in prediction.features.items()]
        pairs.append((SCORE, prediction.score, scores[prediction.prediction_id]))
        differing = [pair for pair in pairs if not same(pair[1], pair[2])]
        if not differing:
            continue
        found.different += 1
        found.regrets.append(
            Regret(
                prediction_id=prediction.prediction_id,
                model=prediction.model,
                predicted_at=from_micros(prediction.predicted_at),
                score=prediction.score,
                hindsight=scores[prediction.prediction_id],
                features=tuple(reference for reference, _, _ in differing if reference != SCORE),
                threshold=thresholds.get(prediction.model),
            )
        )
        for reference, logged, recomputed in differing[: EXAMPLES - len(found.examples)]:
            view, _, feature = reference.rpartition(":")
            what = (prediction.prediction_id, prediction.model, view or None, feature)
            found.examples.append(Mismatch(*what, logged, recomputed))
