"""Outcomes that are due are sent to the stream once, whatever else it holds."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import orjson
import polars as pl
import pytest

from mlinfra_assets.ingest.outcomes import publish_outcomes
from mlinfra_assets.lake.lake import Lake
from mlinfra_assets.lake.provenance import Provenance
from mlinfra_assets.redis_server import connect, embedded
from mlinfra_assets.settings import Settings
from mlinfra_assets.streams.record import NewRecord
from mlinfra_assets.streams.redis_log import RedisLog
from tests.support.shop_lines import START, FrameReader, shop_lines
from tests.support.shop_models import shop_model

NOW, AT = datetime(2012, 1, 1, tzinfo=UTC), START + timedelta(days=100)
RUN = Provenance("run", "code")


@pytest.fixture
def log(settings: Settings) -> Iterator[RedisLog]:
    client = connect(settings)
    yield RedisLog(client)
    client.close()
    embedded(settings).release()


@pytest.fixture
def lake(settings: Settings) -> Lake:
    lake = Lake(settings.lake)
    customers = shop_lines().filter(pl.col("_known_at") <= AT)["customer_id"].unique().sort().head(5)
    rows = [
        {"prediction_id": f"p{c}", "model": "churn", "entity": f'{{"customer_id":{c}}}', "predicted_at": AT}
        for c in customers
    ]
    frame = pl.DataFrame(rows).with_columns(pl.col("predicted_at").dt.cast_time_unit("us"))
    lake.table("processed/predictions").append(frame, provenance=RUN)
    return lake


def publish(lake: Lake, log: RedisLog) -> int:
    return publish_outcomes(
        lake, log, shop_model(), FrameReader({"stg_order_lines": shop_lines()}), "outcomes", NOW, NOW, RUN
    )


def sent(log: RedisLog, after: int = 0) -> list[dict]:
    end = log.state("outcomes").end
    frames = log.read("outcomes", after={}, upto=end, max_records=100, max_bytes=1_000_000)
    payloads = [payload for frame in frames for payload in frame["payload"]]
    return [orjson.loads(payload) for payload in payloads[after:]]


def test_an_outcome_that_somebody_sent_under_the_predictions_id_does_not_keep_ours_back(
    lake: Lake, log: RedisLog
) -> None:
    prediction = lake.table("processed/predictions").read()["prediction_id"].min()
    theirs = {"outcome_id": prediction, "model": "churn", "prediction_id": prediction, "label": 0}
    log.append("outcomes", [NewRecord(value=orjson.dumps(theirs)), NewRecord(value=b"{not json")], at=AT)

    assert publish(lake, log) == 5
    assert [e["outcome_id"] for e in sent(log, after=2)].count(prediction) == 1


def test_what_the_stream_holds_already_is_not_sent_again(lake: Lake, log: RedisLog) -> None:
    assert publish(lake, log) == 5
    table = lake.table("feedback/churn_outcomes")
    provenance = table.provenance()
    assert provenance is not None
    table.replace(table.read().head(0), provenance=provenance)  # as if the run had died before it wrote the table

    assert publish(lake, log) == 5
    assert len(sent(log)) == 5
    assert table.count() == 5
    assert publish(lake, log) == 0
