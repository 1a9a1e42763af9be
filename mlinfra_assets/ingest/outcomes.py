"""Outcomes of predictions, sent to a stream: each once, also when a run is killed between the stream and the table.

The table of what was sent is written after the stream. A run that dies in between leaves messages in the stream that
the table does not name; the next run finds them there and does not send them again.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from datetime import datetime

import polars as pl

from mlinfra_assets import names
from mlinfra_assets.fault_points import reach
from mlinfra_assets.feature_store.reader import SourceReader
from mlinfra_assets.lake.lake import Lake
from mlinfra_assets.lake.provenance import Provenance
from mlinfra_assets.learning.model import ModelSpec
from mlinfra_assets.learning.outcomes import Outcome, due_outcomes
from mlinfra_assets.streams.log import StreamLog
from mlinfra_assets.streams.record import NewRecord

TIMESTAMP = pl.Datetime("us", "UTC")
OUTCOMES_SCHEMA = pl.Schema(
    {
        "prediction_id": pl.String(),
        "entity": pl.String(),
        "predicted_at": TIMESTAMP,
        "observed_at": TIMESTAMP,
        "label": pl.Int64(),
        "sent_at": TIMESTAMP,
    }
)
BATCH_RECORDS = 50_000
BATCH_BYTES = 64 * 1024 * 1024


def publish_outcomes(
    lake: Lake,
    log: StreamLog,
    model: ModelSpec,
    read: SourceReader,
    topic: str,
    now: datetime,
    stamp: datetime | None,
    provenance: Provenance,
) -> int:
    """Send the outcomes that are due and were not sent yet.

    Args:
        lake: Where predictions are read and the outcomes that were sent are kept.
        log: The stream log.
        model: Whose predictions.
        read: Rows of the label's dataset.
        topic: The outcomes stream.
        now: The present, UTC.
        stamp: The messages' append time if the clock is simulated; None: the stream's own.
        provenance: Run and code version that the commit names.

    Returns:
        Outcomes that are new in the table.
    """
    table = lake.table(names.table(names.FEEDBACK, f"{model.name}_outcomes"))
    predictions = lake.table(names.table(*names.processed(names.PREDICTIONS)))
    version = predictions.version()
    recorded = set(table.read(columns=["prediction_id"])["prediction_id"]) if table.exists() else set()
    columns = ["prediction_id", "model", "entity", "predicted_at"]
    due = due_outcomes(model, predictions.read(columns=columns, version=version), recorded, read, now)
    messages = {outcome.to_message(): outcome for outcome in due}
    sent = _in_stream(log, topic, messages) if due else set()
    fresh = [NewRecord(value=text, key=o.prediction_id.encode()) for text, o in messages.items() if text not in sent]
    if fresh:
        log.append(topic, fresh, at=stamp)
    reach("outcomes.after_stream")
    stamped = replace(provenance, inputs={**provenance.inputs, predictions.name: version})
    if due or not table.exists():
        table.append(_frame(due, now), provenance=stamped, stats_columns=["predicted_at", "observed_at", "sent_at"])
    return len(due)


def _in_stream(log: StreamLog, topic: str, messages: Collection[bytes]) -> set[bytes]:
    """Those of our messages that the stream holds. Others may have sent an outcome with the same id: it is not ours."""
    state = log.state(topic)
    start = {partition: oldest - 1 for partition, oldest in state.oldest.items() if oldest}
    frames = log.read(topic, after=start, upto=state.end, max_records=BATCH_RECORDS, max_bytes=BATCH_BYTES)
    return {payload for frame in frames for payload in frame["payload"].drop_nulls() if payload in messages}


def _frame(outcomes: list[Outcome], now: datetime) -> pl.DataFrame:
    rows = [(o.prediction_id, o.entity, o.predicted_at, o.observed_at, o.label, now) for o in outcomes]
    return pl.DataFrame(rows, schema=OUTCOMES_SCHEMA, orient="row")
