"""The source rows that made a feature: which, where they stand in their stream, and what arrived there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import polars as pl

from mlinfra_assets import names
from mlinfra_assets.audit.logged import LoggedPrediction
from mlinfra_assets.audit.raw_datasets import RawDatasets
from mlinfra_assets.clock import from_micros
from mlinfra_assets.feature_store.engine.gather import checked, inputs_of, is_covered
from mlinfra_assets.feature_store.engine.rows import VALUE
from mlinfra_assets.feature_store.nodes import Aggregate, Lookup, Node, walk
from mlinfra_assets.feature_store.view import FeatureView
from mlinfra_assets.lake.lake import Lake
from mlinfra_assets.learning.features_of import features_of

EXCERPT = 300
MOST_ROWS = 10_000
PLACE = [names.PARTITION, names.OFFSET, names.ROW]


@dataclass(frozen=True)
class SourceRow:
    """A row that a view's value rests on.

    Attributes:
        source: Where it came in.
        partition: Its partition there.
        offset: Its offset.
        row: Which row of that record.
        release: Number of the release that let it in; null if its contract accepted it.
        event_time: When it happened, UTC.
        known_at: When it became known, UTC.
        payload: The beginning of what arrived, as text.
        features: The features, `"view:feature"`, in whose windows it lies.
    """

    source: str
    partition: int
    offset: int
    row: int
    release: int | None
    event_time: datetime
    known_at: datetime
    payload: str
    features: tuple[str, ...]

    def to_dict(self) -> dict[str, object]:
        """A JSON-ready form."""
        times = {"event_time": self.event_time.isoformat(), "known_at": self.known_at.isoformat()}
        return {**self.__dict__, **times, "features": list(self.features)}


def source_rows(
    view: FeatureView,
    features: Sequence[str],
    prediction: LoggedPrediction,
    rows: RawDatasets,
    lake: Lake,
    read: Mapping[str, pl.DataFrame],
) -> list[SourceRow]:
    """The rows of the entity that a view's features of a prediction were made of, in order of time.

    Rows behind the features of other views that are looked up are not among them.

    Args:
        view: The version's definition.
        features: The features that were used.
        prediction: Whose.
        rows: The view's rows, from raw.
        lake: Where raw is.
        read: Raw records that are in memory already, by source.
    """
    view = features_of(view, features)
    source = view.dataset.source
    at = pl.lit(from_micros(prediction.predicted_at))
    seen = is_covered(prediction.views[view.name].watermark[source])
    then = (pl.col(names.EVENT_TIME) <= at) & (pl.col(names.KNOWN_AT) <= at)
    mine = [pl.col(key) == pl.lit(prediction.entity[key]) for key in view.join_keys]
    # Like the engine: of what came twice at one position, what was known first.
    found = checked(view, rows.frames[view.dataset.name].filter(seen & then, *mine))
    found = found.sort(names.KNOWN_AT).unique(PLACE, keep="first").sort(names.EVENT_TIME, names.KNOWN_AT, *PLACE)
    inside = _inside(view, found, prediction.predicted_at)
    payloads = _payloads(lake, source, found, read)
    return [
        SourceRow(
            source=source,
            partition=row[names.PARTITION],
            offset=row[names.OFFSET],
            row=row[names.ROW],
            release=row[names.RELEASE],
            event_time=row[names.EVENT_TIME],
            known_at=row[names.KNOWN_AT],
            payload=payloads.get((row[names.PARTITION], row[names.OFFSET]), ""),
            features=tuple(f"{view.name}:{feature}" for feature, there in inside.items() if there[number]),
        )
        for number, row in enumerate(found.iter_rows(named=True))
    ][-MOST_ROWS:]


def looks_up(view: FeatureView, features: Sequence[str]) -> bool:
    """Whether features are made of other views' features."""
    return any(isinstance(node, Lookup) for feature in features for node in walk(view.feature(feature).node))


def _inside(view: FeatureView, rows: pl.DataFrame, t: int) -> dict[str, np.ndarray]:
    """By feature, which rows one of its aggregates reduces (bool[n])."""
    event_time = rows.get_column(names.EVENT_TIME).to_physical().to_numpy()
    inputs = dict(zip(view.inputs, inputs_of(view, rows), strict=True))

    def counts(aggregate: Aggregate) -> np.ndarray:
        there = np.ones(rows.height, np.bool_)
        if aggregate.window is not None:
            edge = t - aggregate.window
            there &= event_time > (edge if aggregate.hop is None else edge // aggregate.hop * aggregate.hop)
        if aggregate.where is not None:
            where = inputs[aggregate.where]
            there &= (where.validity == VALUE) & (where.values == 1)
        return there

    def of(node: Node) -> np.ndarray:
        reduced = [counts(one) for one in walk(node) if isinstance(one, Aggregate)]
        return np.logical_or.reduce([np.zeros(rows.height, np.bool_), *reduced])

    return {feature.name: of(feature.node) for feature in view.features}


def _payloads(
    lake: Lake, source: str, rows: pl.DataFrame, read: Mapping[str, pl.DataFrame]
) -> dict[tuple[int, int], str]:
    """What arrived at the rows' positions, its beginning, by partition and offset."""
    if rows.is_empty():
        return {}
    places = rows.select(partition=names.PARTITION, offset=names.OFFSET).unique()
    raw = read.get(source)
    if raw is None:
        offsets = [("offset", "in", places["offset"].to_list())]
        raw = lake.table(names.table(*names.raw(source))).read(["partition", "offset", "payload"], where=offsets)
    held = raw.join(places, on=["partition", "offset"], how="semi")
    return {
        (partition, offset): (payload or b"")[:EXCERPT].decode(errors="replace")
        for partition, offset, payload in held.select("partition", "offset", "payload").iter_rows()
    }
