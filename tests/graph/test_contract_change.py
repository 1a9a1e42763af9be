"""Producers change in mid-stream: a graph that knows the new contract beside one that knows the old one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import dagster as dg
import orjson
import polars as pl
import pytest

from mlinfra_assets import names
from mlinfra_assets.assets.processed import processed_asset
from mlinfra_assets.assets.raw import raw_asset
from mlinfra_assets.contracts.contract import Field
from mlinfra_assets.contracts.source import Source
from mlinfra_assets.lake.lake import Lake
from mlinfra_assets.redis_server import connect, embedded
from mlinfra_assets.settings import Settings
from mlinfra_assets.streams.record import NewRecord
from mlinfra_assets.streams.redis_log import RedisLog
from resources.environments import resources_for
from tests.support.declared import stream_source
from tests.support.platform import settings_at

ID = Field("id", "id", "integer", required=True)
OLD = stream_source(ID, Field("n", "n", "integer", minimum="0", maximum="1000"))
NEW = replace(
    OLD,
    contract=replace(
        OLD.contract,
        version="1.1.0",
        fields=(ID, Field("n", "n", "number"), Field("colour", "colour", "string"), OLD.contract.fields[-1]),
    ),
)
BROKEN = replace(
    OLD,
    contract=replace(NEW.contract, version="2.0.0", fields=(ID, Field("n", "n", "string"), OLD.contract.fields[-1])),
)


class Stream:
    """A stream of things, and the graph of whoever deployed it."""

    def __init__(self, settings: Settings, instance: dg.DagsterInstance) -> None:
        self.settings = settings
        self.instance = instance
        self.lake = Lake(settings.lake)
        self.redis = connect(settings)
        self.log = RedisLog(self.redis)
        self.sent = 0

    def send(self, *records: dict[str, Any]) -> None:
        made = []
        for record in records:
            self.sent += 1
            made.append(NewRecord(orjson.dumps({"id": self.sent, "at": "2011-12-10T08:00:00Z", **record})))
        self.log.append("things", made)

    def ingest(self, source: Source) -> dg.ExecuteInProcessResult:
        assets = [raw_asset(source, self.settings), processed_asset(source, self.settings)]
        return dg.materialize(
            assets,
            instance=self.instance,
            resources=resources_for(self.settings),
            raise_on_error=False,
            run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
        )

    def rows(self, version: int | None = None) -> pl.DataFrame:
        return self.lake.table("processed/things").read(version=version).sort("id")

    def ids(self) -> list[int]:
        """Every id in processed or quarantine, as often as it is there."""
        held = self.lake.table("processed/things_quarantine").read()["record"].to_list()
        return sorted([*self.rows()["id"].to_list(), *(orjson.loads(record)["id"] for record in held)])


@pytest.fixture
def stream(tmp_path: Path) -> Iterator[Stream]:
    settings = settings_at(tmp_path / "home")
    settings.home.mkdir()
    with dg.DagsterInstance.ephemeral() as instance:
        yield (made := Stream(settings, instance))
        made.redis.close()
    embedded(settings).release()


def alternating(count: int) -> Sequence[dict[str, Any]]:
    """Messages of the old producer and of the new one, in turn; the new one's numbers break the old contract."""
    return [{"n": i} if i % 2 == 0 else {"n": i + 0.5, "colour": "red"} for i in range(count)]


def test_a_compatible_change_in_mid_stream_puts_each_id_in_one_table(stream: Stream) -> None:
    stream.send(*alternating(20))
    assert stream.ingest(OLD).success
    version = stream.lake.table("processed/things").version()
    before = stream.rows()
    stream.send(*alternating(20))
    assert stream.ingest(NEW).success
    stream.send(*alternating(20))
    assert stream.ingest(OLD).success  # a deployment that has not been replaced yet
    stream.send(*alternating(20))
    assert stream.ingest(NEW).success

    assert stream.ids() == list(range(1, 81))
    rows = stream.rows()
    assert rows.schema["n"] == pl.Float64()
    contracts = {OLD.contract.fingerprint: 20, NEW.contract.fingerprint: 40}
    assert dict(rows.group_by(names.CONTRACT).len().iter_rows()) == contracts
    assert rows.filter(pl.col("colour") == "red").height == 20
    assert stream.rows(version).equals(before)
    assert before.schema["n"] == pl.Int64()


def test_an_incompatible_change_fails_with_its_reason_while_raw_goes_on(stream: Stream) -> None:
    stream.send(*alternating(10))
    assert stream.ingest(OLD).success
    version = stream.lake.table("processed/things").version()
    stream.send(*alternating(10))
    failed = stream.ingest(BROKEN)
    assert not failed.success
    said = failed.failure_data_for_node("processed_things")
    assert said is not None
    assert "field n: not BACKWARD compatible with 1.0.0: the type is string here, and integer there" in str(said.error)
    assert stream.lake.table("raw/things").count() == 20
    assert stream.lake.table("processed/things").version() == version
    assert stream.ingest(NEW).success
    assert stream.ids() == list(range(1, 21))
