"""One prediction, recomputed from raw: every value beside the one that was logged."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from mlinfra_assets import names
from mlinfra_assets.audit.bits import Value, same
from mlinfra_assets.audit.logged import LoggedPrediction, UsedView
from mlinfra_assets.audit.predictions import SCORE, Recomputation, recompute_and_compare
from mlinfra_assets.audit.report import AuditReport
from mlinfra_assets.audit.source_rows import SourceRow, looks_up, source_rows
from mlinfra_assets.clock import from_micros
from mlinfra_assets.contracts.source import Source
from mlinfra_assets.errors import InvalidInputError
from mlinfra_assets.lake.lake import Lake
from mlinfra_assets.registry.registry import Registry


class UnknownPredictionError(InvalidInputError):
    """There is no such prediction."""


@dataclass(frozen=True)
class Compared:
    """One value of the prediction.

    Attributes:
        name: `"view:feature"`, or `score`.
        logged: What was served.
        recomputed: What raw gives; null too if it could not be recomputed.
        same: Whether they are the same to the last bit.
    """

    name: str
    logged: Value
    recomputed: Value
    same: bool


@dataclass(frozen=True)
class Replay:
    """A prediction as it was logged and as raw gives it.

    Attributes:
        prediction_id: Which.
        model: The model.
        model_version: The version that scored.
        entity: Join key values by name.
        predicted_at: `t`, UTC.
        views: The state of each view used.
        values: The vector in alphabetical order, then the score.
        rows: The source rows that the vector was made of, in order of time.
        read: How the rows were found, for people.
        report: The comparison, with what is missing and why values differ.
    """

    prediction_id: str
    model: str
    model_version: str
    entity: Mapping[str, Value]
    predicted_at: datetime
    views: Mapping[str, UsedView]
    values: tuple[Compared, ...]
    rows: tuple[SourceRow, ...]
    read: tuple[str, ...]
    report: AuditReport

    @property
    def reproduced(self) -> bool:
        """Whether every value came out the same, from raw rows that are what was landed."""
        return self.report.passed

    def to_dict(self) -> dict[str, object]:
        """A JSON-ready form."""
        return {
            "prediction_id": self.prediction_id,
            "model": self.model,
            "model_version": self.model_version,
            "entity": dict(self.entity),
            "predicted_at": self.predicted_at.isoformat(),
            "views": {
                name: {"version": used.version, "watermark": {s: p.to_dict() for s, p in used.watermark.items()}}
                for name, used in self.views.items()
            },
            "values": [value.__dict__ for value in self.values],
            "rows": [row.to_dict() for row in self.rows],
            "read": list(self.read),
            "reproduced": self.reproduced,
            "messages": self.report.messages(),
        }


def replay(
    prediction_id: str, lake: Lake, registry: Registry, sources: Mapping[str, Source], *, max_payload_bytes: int
) -> Replay:
    """Recompute one logged prediction from raw and compare it.

    Args:
        prediction_id: Its id.
        lake: Where the tables are.
        registry: View definitions and contracts by version.
        sources: The declared sources: how raw records are decoded.
        max_payload_bytes: The limit that ingestion had.

    Raises:
        UnknownPredictionError: There is no such prediction.
        InvalidInputError: Its row is no prediction event.
    """
    table = lake.table(names.table(*names.processed(names.PREDICTIONS)))
    frame = table.read(where=[("prediction_id", "==", prediction_id)]) if table.exists() else None
    if frame is None or frame.is_empty():
        raise UnknownPredictionError(
            f"there is no prediction {prediction_id} in {table.name}: if it was made just now, bring the predictions "
            "stream in first (materialize raw/predictions and processed/predictions)"
        )
    found = recompute_and_compare(frame, lake, registry, sources, max_payload_bytes, by_entity=True)
    logged = found.predictions[0]
    vector = found.vectors.values[prediction_id]
    pairs = [(name, value, vector.get(name), name in vector) for name, value in logged.features.items()]
    pairs.append((SCORE, logged.score, found.scores.get(prediction_id), prediction_id in found.scores))
    return Replay(
        prediction_id=prediction_id,
        model=logged.model,
        model_version=logged.model_version,
        entity=logged.entity,
        predicted_at=from_micros(logged.predicted_at),
        views=logged.views,
        values=tuple(Compared(name, was, now, there and same(was, now)) for name, was, now, there in pairs),
        rows=tuple(_rows(found, lake)),
        read=tuple(_read(found)),
        report=found.report,
    )


def _rows(found: Recomputation, lake: Lake) -> list[SourceRow]:
    """The rows behind each view of a prediction; one that several views rest on is there once."""
    logged = found.predictions[0]
    rows: dict[tuple[str, int, int, int], SourceRow] = {}
    for view, features in _used(logged).items():
        if (view, logged.views[view].version) not in found.vectors.rows:
            continue
        document, datasets = found.vectors.rows[view, logged.views[view].version]
        for row in source_rows(document.view, features, logged, datasets, lake, found.made.read):
            place = (row.source, row.partition, row.offset, row.row)
            known = rows.get(place)
            rows[place] = row if known is None else replace(known, features=(*known.features, *row.features))
    return sorted(rows.values(), key=lambda row: (row.event_time, row.known_at, row.partition, row.offset, row.row))


def _read(found: Recomputation) -> list[str]:
    """What was read to find the rows."""
    logged = found.predictions[0]
    said = []
    for view, features in _used(logged).items():
        if (view, logged.views[view].version) not in found.vectors.rows:
            continue
        definition = found.vectors.rows[view, logged.views[view].version][0].view
        source = definition.dataset.source
        raw = found.made.read.get(source)
        if raw is None:
            said.append(f"{view}: every record of raw/{source} up to the watermark was read")
        else:
            said.append(
                f"{view}: the {raw.height:,} records of raw/{source} that processed/{source} has of the entity were "
                "read, each checked by its content hash; what raw holds beside them, the audit looks through"
            )
        if looks_up(definition, features):
            said.append(f"{view}: the rows behind the features of other views that it looks up are not listed")
    return said


def _used(logged: LoggedPrediction) -> dict[str, list[str]]:
    """The features that were used of each view whose version was logged."""
    used: dict[str, list[str]] = {}
    for reference in logged.features:
        view, _, feature = reference.partition(":")
        if view in logged.views:
            used.setdefault(view, []).append(feature)
    return used
