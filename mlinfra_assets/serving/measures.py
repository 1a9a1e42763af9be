"""How what the API rests on stands, in numbers: the views' age, open breakers, the stream of predictions."""

from __future__ import annotations

from collections.abc import Iterator

from mlinfra_assets import names
from mlinfra_assets.clock import Clock, to_micros
from mlinfra_assets.errors import UnavailableError
from mlinfra_assets.feature_store.online.store import OnlineStore
from mlinfra_assets.serving.access_log import AccessLog
from mlinfra_assets.serving.metrics import Measured
from mlinfra_assets.streams.log import StreamLog
from mlinfra_assets.streams.write_ahead.log import WriteAheadLog

MICROS = 1_000_000


def store_measures(store: OnlineStore, clock: Clock) -> Iterator[Measured]:
    """The online store: whether it answers, and each view's age and size."""
    try:
        views, opened = store.views(), store.breakers.all()
    except UnavailableError:
        yield "mlinfra_online_store_up", "Whether Redis answers.", {}, 0.0
        return
    yield "mlinfra_online_store_up", "Whether Redis answers.", {}, 1.0
    t = to_micros(clock.now())
    for view in views:
        labels = {"view": view.name}
        yield (
            "mlinfra_view_age_seconds",
            "Time since the newest row that a view knows.",
            labels,
            (t - view.epoch) / MICROS,
        )
        yield "mlinfra_view_entities", "Entities that a view holds.", labels, float(view.entities)
    for subject in sorted(opened):
        yield "mlinfra_breaker_open", "Breakers that are open.", {"subject": subject}, 1.0


def live_measures(store: OnlineStore, clock: Clock) -> Iterator[Measured]:
    """Live views: how far each is behind its stream, as the updaters last said, and how long ago that was."""
    try:
        lags = store.lag.partitions()
    except UnavailableError:
        return
    t = to_micros(clock.now())
    for lag in lags:
        labels = {"view": lag.view, "partition": str(lag.partition)}
        yield "mlinfra_live_lag_records", "Records past what a live view has applied.", labels, float(lag.records)
        yield "mlinfra_live_lag_seconds", "How long the newest event applied has been known.", labels, lag.seconds
        told = max(0, t - lag.told_at) / MICROS
        yield "mlinfra_live_told_seconds_ago", "Time since an updater last spoke of a partition.", labels, told


def log_measures(log: StreamLog) -> Iterator[Measured]:
    """The stream that predictions are logged to: whether it answers."""
    try:
        log.end(names.PREDICTIONS)
    except UnavailableError:
        up = 0.0
    else:
        up = 1.0
    yield "mlinfra_prediction_log_up", "Whether the stream of predictions answers.", {}, up


def waiting_measures(predictions: WriteAheadLog) -> Iterator[Measured]:
    """The predictions that this process has on its disk, and the stream does not have yet."""
    held = predictions.waiting()
    yield "mlinfra_predictions_waiting", "Predictions that wait for their stream.", {}, float(held.records)
    yield "mlinfra_predictions_waiting_bytes", "What they take on the disk.", {}, float(held.bytes)


def access_log_measures(log: AccessLog) -> Iterator[Measured]:
    """The access log: what it could not keep."""
    yield "mlinfra_api_access_log_lost_lines", "Lines that could not be written.", {}, float(log.lost)
