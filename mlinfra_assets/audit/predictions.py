"""The audit: logged predictions against what raw gives, bit for bit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import polars as pl

from mlinfra_assets import names
from mlinfra_assets.audit.bits import Mismatch, same
from mlinfra_assets.audit.explain import causes
from mlinfra_assets.audit.from_raw import FromRaw
from mlinfra_assets.audit.logged import LoggedPrediction, logged_predictions
from mlinfra_assets.audit.raw_rows import Integrity
from mlinfra_assets.audit.report import AuditReport, day_of
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
    """

    predictions: Sequence[LoggedPrediction]
    vectors: Vectors
    scores: Mapping[str, float | None]
    report: AuditReport


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
    table = lake.table(names.table(*names.processed(names.PREDICTIONS)))
    if not table.exists():
        return AuditReport()
    frame = table.read()
    if days is not None:
        frame = frame.filter(pl.col("predicted_at").dt.date().is_in(list(days)))
    return recompute_and_compare(frame, lake, registry, sources, max_payload_bytes).report


def recompute_and_compare(
    frame: pl.DataFrame, lake: Lake, registry: Registry, sources: Mapping[str, Source], max_payload_bytes: int
) -> Recomputation:
    """Recompute rows of `processed/predictions` from raw and compare. A prediction that came twice counts once."""
    predictions = logged_predictions(frame.unique("prediction_id", keep="first", maintain_order=True))
    integrity = Integrity()
    from_raw = FromRaw(lake, registry, sources, max_payload_bytes, integrity)
    vectors = recompute(predictions, from_raw, registry, lake)
    lost = {missing.prediction_id for missing in vectors.missing}
    scores, unscored = rescore([p for p in predictions if p.prediction_id not in lost], vectors.values, lake)
    missing = {m.prediction_id: m for m in [*vectors.missing, *unscored]}
    found = {p.prediction_id: _differences(p, vectors, scores) for p in predictions if p.prediction_id not in missing}
    mismatches = [mismatch for differences in found.values() for mismatch in differences]
    reproduced = {prediction_id for prediction_id, differences in found.items() if not differences}
    report = AuditReport(
        made=len(predictions),
        reproduced=len(reproduced),
        values=sum(len(p.features) + 1 for p in predictions if p.prediction_id in found),
        mismatches=mismatches,
        missing=list(missing.values()),
        problems=integrity.problems,
        causes=causes(mismatches, predictions, vectors, lake),
        by_day=_by_day(predictions, reproduced),
    )
    return Recomputation(predictions, vectors, scores, report)


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


def _by_day(predictions: Sequence[LoggedPrediction], reproduced: set[str]) -> dict[date, tuple[int, int]]:
    days: dict[date, tuple[int, int]] = {}
    for prediction in predictions:
        day = day_of(prediction.predicted_at)
        made, again = days.get(day, (0, 0))
        days[day] = made + 1, again + (prediction.prediction_id in reproduced)
    return days
