"""The audit: logged predictions against what raw gives, bit for bit."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

import numpy as np
import orjson
import polars as pl

from mlinfra_assets import names
from mlinfra_assets.audit.bits import Mismatch, same
from mlinfra_assets.audit.columnar import reproduced as reproduced_as_columns
from mlinfra_assets.audit.explain import causes
from mlinfra_assets.audit.from_raw import FromRaw
from mlinfra_assets.audit.logged import LoggedPrediction, logged_predictions
from mlinfra_assets.audit.raw_rows import Integrity
from mlinfra_assets.audit.report import AuditReport
from mlinfra_assets.audit.scores import rescore
from mlinfra_assets.audit.vectors import Vectors, recompute
from mlinfra_assets.contracts.source import Source
from mlinfra_assets.lake.lake import Lake
from mlinfra_assets.registry.registry import Registry

SCORE = "score"


@dataclass(frozen=True)
class Recomputation:
    """Everything that an audit or a replay compares.

    Attributes:
        predictions: As logged.
        vectors: What raw gives for their features.
        scores: What the logged model versions give for the recomputed vectors, by prediction id.
        report: The comparison.
        made: What rows were made from.
    """

    predictions: Sequence[LoggedPrediction]
    vectors: Vectors
    scores: Mapping[str, float | None]
    report: AuditReport
    made: FromRaw


def audit_predictions(
    lake: Lake,
    registry: Registry,
    sources: Mapping[str, Source],
    *,
    days: Sequence[date] | None = None,
    max_payload_bytes: int,
) -> AuditReport:
    """Recompute the predictions of some UTC days from raw and compare them.

    Args:
        lake: Where the tables are.
        registry: View definitions and contracts by version.
        sources: The declared sources: how raw records are decoded.
        days: UTC days of `predicted_at`; None: every prediction there is.
        max_payload_bytes: The limit that ingestion had.

    Raises:
        InvalidInputError: A row of `processed/predictions` is no prediction event.
    """
    frame = predictions_of(lake, days)
    if frame is None:
        return AuditReport()
    return recompute_and_compare(frame, lake, registry, sources, max_payload_bytes).report


def predictions_of(lake: Lake, days: Sequence[date] | None = None) -> pl.DataFrame | None:
    """The rows of `processed/predictions` of some UTC days; None: there is no such table."""
    table = lake.table(names.table(*names.processed(names.PREDICTIONS)))
    if not table.exists():
        return None
    if days is None:
        return table.read()
    first = datetime.combine(min(days), time.min, UTC)
    until = datetime.combine(max(days) + timedelta(days=1), time.min, UTC)
    within = [("predicted_at", ">=", first), ("predicted_at", "<", until)]
    return table.read(where=within).filter(pl.col("predicted_at").dt.date().is_in(list(days)))


def recompute_and_compare(
    frame: pl.DataFrame,
    lake: Lake,
    registry: Registry,
    sources: Mapping[str, Source],
    max_payload_bytes: int,
    *,
    by_entity: bool = False,
) -> Recomputation:
    """Recompute rows of `processed/predictions` from raw and compare. A prediction that came twice counts once.

    With `by_entity` the raw records of their entities alone are read, where processed says which they are.
    """
    frame = frame.unique("prediction_id", keep="first", maintain_order=True)
    integrity = Integrity()
    from_raw = FromRaw(lake, registry, sources, max_payload_bytes, integrity, by_entity=by_entity)
    seen = np.zeros(frame.height, np.bool_) if by_entity else reproduced_as_columns(frame, from_raw, registry, lake)
    predictions = logged_predictions(frame.filter(~pl.Series(seen, dtype=pl.Boolean)))
    vectors = recompute(predictions, from_raw, registry, lake)
    lost = {missing.prediction_id for missing in vectors.missing}
    scores, unscored = rescore([p for p in predictions if p.prediction_id not in lost], vectors.values, lake)
    missing = {m.prediction_id: m for m in [*vectors.missing, *unscored]}
    found = {p.prediction_id: _differences(p, vectors, scores) for p in predictions if p.prediction_id not in missing}
    mismatches = [mismatch for differences in found.values() for mismatch in differences]
    reproduced = {prediction_id for prediction_id, differences in found.items() if not differences}
    compared = [p for p in predictions if p.prediction_id in found]
    by_feature = _by_feature(frame, seen, compared, mismatches)
    report = AuditReport(
        made=frame.height,
        reproduced=len(reproduced) + int(seen.sum()),
        values=sum(count for count, _ in by_feature.values()),
        mismatches=mismatches,
        missing=list(missing.values()),
        problems=integrity.problems,
        causes=causes(mismatches, predictions, vectors, lake),
        by_day=_by_day(frame, seen, reproduced),
        by_feature=by_feature,
    )
    return Recomputation(predictions, vectors, scores, report, from_raw)


def _differences(prediction: LoggedPrediction, vectors: Vectors, scores: Mapping[str, float | None]) -> list[Mismatch]:
    found = []
    for reference, logged in prediction.features.items():
        recomputed = vectors.values[prediction.prediction_id][reference]
        if not same(logged, recomputed):
            view, _, feature = reference.partition(":")
            found.append(Mismatch(prediction.prediction_id, prediction.model, view, feature, logged, recomputed))
    score = scores[prediction.prediction_id]
    if not same(prediction.score, score):
        found.append(Mismatch(prediction.prediction_id, prediction.model, None, SCORE, prediction.score, score))
    return found


def _by_feature(
    frame: pl.DataFrame, seen: np.ndarray, predictions: Sequence[LoggedPrediction], mismatches: Sequence[Mismatch]
) -> dict[tuple[str | None, str], tuple[int, int]]:
    """Compared and different by view and feature: those that were seen as columns have all inputs of their model."""
    compared: Counter[tuple[str | None, str]] = Counter()
    rows = frame.filter(pl.Series(seen, dtype=pl.Boolean))
    inputs = rows.group_by("model", "model_version").agg(pl.len(), pl.col("features").first())
    counted = [(orjson.loads(features), count) for _, _, count, features in inputs.iter_rows()]
    for features, count in [*counted, *((prediction.features, 1) for prediction in predictions)]:
        for reference in features:
            view, _, feature = reference.partition(":")
            compared[view, feature] += count
        compared[None, SCORE] += count
    different = Counter((mismatch.view, mismatch.feature) for mismatch in mismatches)
    return {what: (count, different[what]) for what, count in compared.items()}


def _by_day(frame: pl.DataFrame, seen: np.ndarray, reproduced: set[str]) -> dict[date, tuple[int, int]]:
    again = pl.Series(seen, dtype=pl.Boolean) | frame["prediction_id"].is_in(list(reproduced))
    days = frame.select(pl.col("predicted_at").dt.date().alias("day"), again.alias("again"))
    counted = days.group_by("day").agg(pl.len(), pl.col("again").sum()).sort("day")
    return {day: (made, same_) for day, made, same_ in counted.iter_rows()}
