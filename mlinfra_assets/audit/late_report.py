"""The late-data report: which snapshots and which served predictions would have been different."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

from mlinfra_assets.audit.late_predictions import LatePredictions, compare_predictions
from mlinfra_assets.audit.late_rows import LateWindow
from mlinfra_assets.audit.late_snapshots import LateSnapshots, compare_snapshots
from mlinfra_assets.audit.regret import by_model
from mlinfra_assets.contracts.source import Source
from mlinfra_assets.errors import InvalidInputError
from mlinfra_assets.feature_store.dataset import DatasetSchema
from mlinfra_assets.feature_store.view import FeatureView
from mlinfra_assets.lake.lake import Lake
from mlinfra_assets.publishing.day_inputs import behind
from mlinfra_assets.publishing.lake_reader import LakeReader
from mlinfra_assets.registry.registry import Registry


@dataclass(frozen=True)
class LateReport:
    """What late rows would have changed.

    Attributes:
        window: Which late rows.
        snapshots: By view, those with late rows first.
        predictions: Of all models.
    """

    window: LateWindow
    snapshots: Sequence[LateSnapshots]
    predictions: LatePredictions

    def to_dict(self) -> dict[str, object]:
        """A JSON-ready form."""
        return {
            "since": self.window.since.isoformat(),
            "until": self.window.until.isoformat(),
            "snapshots": [
                {
                    "view": one.view,
                    "late_rows": one.late_rows,
                    "compared": one.compared,
                    "different": one.different,
                    "values": one.values,
                    "days": {
                        day.isoformat(): {"compared": c, "different": d, "values": v}
                        for day, (c, d, v) in sorted(one.days.items())
                    },
                    "examples": [{**asdict(e), "day": e.day.isoformat()} for e in one.examples],
                }
                for one in self.snapshots
            ],
            "predictions": {
                "made": self.predictions.made,
                "touched": self.predictions.touched,
                "different": self.predictions.different,
                "missing": [asdict(one) for one in self.predictions.missing],
                "models": [asdict(one) for one in by_model(self.predictions.regrets)],
                "regrets": [one.to_dict() for one in self.predictions.regrets],
                "examples": [asdict(one) for one in self.predictions.examples],
            },
        }


def late_report(
    lake: Lake,
    views: Sequence[FeatureView],
    datasets: Mapping[str, DatasetSchema],
    sources: Mapping[str, Source],
    window: LateWindow,
    *,
    only: str | None = None,
    thresholds: Mapping[str, float] | None = None,
    max_payload_bytes: int,
) -> LateReport:
    """Compare snapshots and predictions with what they would have been had the late rows been known.

    Args:
        lake: Where everything is.
        views: The declared views.
        datasets: Every dataset that they read, by name.
        sources: The declared sources.
        window: Which late rows.
        only: Late rows of this source alone. None: of all.
        thresholds: By model, from which score on it decides for yes.
        max_payload_bytes: The limit that ingestion had.

    Raises:
        InvalidInputError: There is no such source, or the window is empty.
        UnavailableError: A dataset's table does not exist yet.
    """
    if only is not None and only not in sources:
        raise InvalidInputError(f"there is no source {only}: the sources are {', '.join(sorted(sources))}")
    if window.since >= window.until:
        raise InvalidInputError(f"nothing lies between {window.since.isoformat()} and {window.until.isoformat()}")
    concerned = [v for v in views if only is None or only in {used.dataset.source for used in behind(v)}]
    reader = LakeReader(lake, datasets)
    found = [compare_snapshots(lake, view, reader, window, only) for view in concerned]
    predictions = compare_predictions(
        lake,
        Registry(lake),
        sources,
        datasets,
        window,
        only=only,
        thresholds=thresholds,
        max_payload_bytes=max_payload_bytes,
    )
    return LateReport(window, sorted(found, key=lambda one: (-one.late_rows, one.view)), predictions)
