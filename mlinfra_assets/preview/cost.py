"""What it would cost to compute every day anew, and to serve the view: an estimate from a part of it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np

from mlinfra_assets.feature_store.engine.models import ScoreModels
from mlinfra_assets.feature_store.engine.rows import PreparedRows
from mlinfra_assets.feature_store.engine.served import served_counts
from mlinfra_assets.feature_store.online.codec import BaseEncoder
from mlinfra_assets.feature_store.online.keys import encode_keys
from mlinfra_assets.feature_store.online.push import SLACK
from mlinfra_assets.feature_store.online.trimming import trim
from mlinfra_assets.feature_store.snapshot import end_of, snapshot
from mlinfra_assets.feature_store.view import FeatureView

MEASURED_DAYS = 10


@dataclass(frozen=True)
class Cost:
    """An estimate, and what it is made from.

    Attributes:
        days: Days of a backfill.
        rows: Rows of all of them.
        cpu_seconds: User and system time of reading once and of evaluating them all.
        entities: Entities that there are.
        online_bytes: Size of keys and bases in Redis; None for a view that is not online.
        measured_entities: Entities that were measured.
        measured_rows: Rows that were evaluated for the measurement.
        measured_days: Their days, the last ones.
        reading_seconds: What reading and preparing took: every row is read, those of the measured entities prepared.
        evaluating_seconds: What evaluating the measured rows took.
    """

    days: int
    rows: int
    cpu_seconds: float
    entities: int
    online_bytes: int | None
    measured_entities: int
    measured_rows: int
    measured_days: int
    reading_seconds: float
    evaluating_seconds: float

    @property
    def rows_per_day(self) -> int:
        """Rows of a day, on average."""
        return round(self.rows / self.days) if self.days else 0


def estimate(
    view: FeatureView,
    prepared: PreparedRows,
    days: Sequence[date],
    entities: int,
    measured_entities: int,
    reading_seconds: float,
    models: ScoreModels,
) -> Cost:
    """Measure the last days and go on from there.

    Args:
        view: The view.
        prepared: Rows of the measured entities.
        days: Every day of a backfill, in order.
        entities: How many entities there are.
        measured_entities: How many of them were prepared.
        reading_seconds: CPU seconds that reading and preparing took.
        models: Whoever scores.
    """
    some = list(days)[-MEASURED_DAYS:]
    began = time.process_time()
    measured = snapshot(view, prepared, some, models).height
    evaluating = time.process_time() - began
    scale = entities / measured_entities if measured_entities else 0.0
    served = served_counts(prepared, np.array([end_of(day) for day in days], np.int64), view.ttl)
    rows = round(int(served.sum()) * scale)
    each = evaluating / measured if measured else 0.0
    return Cost(
        days=len(days),
        rows=rows,
        cpu_seconds=reading_seconds + each * rows,
        entities=entities,
        online_bytes=round(_bytes(view, prepared, end_of(days[-1])) * scale) if view.online and days else None,
        measured_entities=measured_entities,
        measured_rows=measured,
        measured_days=len(some),
        reading_seconds=reading_seconds,
        evaluating_seconds=evaluating,
    )


def _bytes(view: FeatureView, prepared: PreparedRows, at: int) -> int:
    """Size of the keys and bases that a push at this moment writes."""
    rows = trim(view, prepared, at - SLACK)
    keys = [] if rows.keys is None else rows.keys.rows()
    bases = BaseEncoder(rows).encode_many(0, len(keys))
    return sum(map(len, encode_keys(view.key_schema, keys))) + sum(map(len, bases))
