"""Schemas are fetched once and kept in the lake: raw is read without the registry."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest

from mlinfra_assets import names
from mlinfra_assets.commands.diagnosis.finding import State
from mlinfra_assets.commands.diagnosis.services import schema_registry as diagnosed
from mlinfra_assets.connectors.schema_registry import SchemaRegistry
from mlinfra_assets.contracts.contract import Field
from mlinfra_assets.errors import InvalidInputError, UnavailableError
from mlinfra_assets.ingest.processed import validate_source
from mlinfra_assets.lake.lake import Lake
from mlinfra_assets.lake.provenance import Provenance
from mlinfra_assets.registry.kept_schemas import KeptSchemas
from mlinfra_assets.settings import Settings
from tests.support.declared import LIMIT, raw_rows
from tests.support.framed import Producer, framed, framed_source
from tests.support.schema_registry import schema_registry

RUN = Provenance("run", "code")
SOURCE = framed_source("avro", Field("x", "x", "integer"))
SCHEMA = {
    "type": "record",
    "name": "thing",
    "fields": [
        {"name": "x", "type": "long"},
        {"name": "at", "type": {"type": "long", "logicalType": "timestamp-micros"}},
    ],
}
AT = datetime(2011, 3, 27, tzinfo=UTC)


def payloads(*messages: bytes | None) -> pl.Series:
    return raw_rows(messages)["payload"]


def land(lake: Lake, messages: list[bytes], first: int = 1) -> None:
    raw = lake.table(names.table(*names.raw(SOURCE.name)))
    done = None if first == 1 else first - 1
    raw.append(
        raw_rows(messages, first), provenance=RUN, advance={f"{SOURCE.name}/0": (done, first + len(messages) - 1)}
    )


def processed(lake: Lake) -> list[int]:
    return lake.table(names.table(*names.processed(SOURCE.name))).read()["x"].sort().to_list()


def test_a_schema_is_fetched_once_and_kept_with_the_lake(tmp_path: Path) -> None:
    lake = Lake(str(tmp_path))
    with schema_registry() as server:
        messages = Producer(server.url).avro(SCHEMA, {"x": 1, "at": AT}, {"x": 2, "at": AT})
        server.requests.clear()
        registry = SchemaRegistry(server.url)
        found = KeptSchemas(lake, registry).needed(SOURCE, payloads(*messages, None, b"", b"\x00\x00"), RUN)
        assert [s.kind for s in found.values()] == ["AVRO"]
        assert len(server.requests) == 1
        assert KeptSchemas(lake, registry).needed(SOURCE, payloads(*messages), RUN) == found
        assert len(server.requests) == 1
    assert KeptSchemas(lake, registry).needed(SOURCE, payloads(*messages), RUN) == found
    assert KeptSchemas(lake).needed(SOURCE, payloads(*messages), RUN) == found
    assert KeptSchemas(lake).kept(SOURCE, payloads(*messages, framed(99, b""))) == found


def test_while_the_registry_is_gone_nothing_is_written_and_afterwards_nothing_is_missing(tmp_path: Path) -> None:
    lake = Lake(str(tmp_path))
    with schema_registry() as server:
        messages = Producer(server.url).avro(SCHEMA, *({"x": i, "at": AT} for i in range(10)))
        held, url = server.held, server.url
    land(lake, messages)
    with pytest.raises(UnavailableError, match="cannot be reached"):
        validate_source(lake, SOURCE, RUN, AT, max_payload_bytes=LIMIT, schema_registry=_quick(url))
    quarantine = lake.table(names.table(*names.quarantine(SOURCE.name)))
    assert processed(lake) == []
    assert quarantine.read().is_empty()
    with schema_registry() as server:
        server.held = held
        found = validate_source(
            lake, SOURCE, RUN, AT, max_payload_bytes=LIMIT, schema_registry=SchemaRegistry(server.url)
        )
    assert (found.valid, found.quarantined) == (10, 0)
    assert processed(lake) == list(range(10))
    land(lake, messages, first=11)
    validate_source(lake, SOURCE, RUN, AT, max_payload_bytes=LIMIT, schema_registry=SchemaRegistry(server.url))
    assert processed(lake) == sorted([*range(10), *range(10)])


def test_without_a_registry_the_message_says_what_to_set(tmp_path: Path) -> None:
    lake = Lake(str(tmp_path))
    land(lake, [framed(7, b"\x02\x00")])
    with pytest.raises(InvalidInputError, match=r"\(7\): set MLINFRA_SCHEMA_REGISTRY_URL"):
        validate_source(lake, SOURCE, RUN, AT, max_payload_bytes=LIMIT)
    assert processed(lake) == []


def test_a_schema_that_the_registry_does_not_know_is_a_reason_not_a_failure(tmp_path: Path) -> None:
    lake = Lake(str(tmp_path))
    with schema_registry() as server:
        good = Producer(server.url).avro(SCHEMA, {"x": 1, "at": AT})
        land(lake, [*good, framed(77, b"\x02\x00"), b"{}", b"\x00\x01"])
        found = validate_source(
            lake, SOURCE, RUN, AT, max_payload_bytes=LIMIT, schema_registry=SchemaRegistry(server.url)
        )
    assert found.valid == 1
    assert found.reasons == {"record: wire format": 2, "record: schema": 1}


def test_a_refused_login_is_no_unknown_schema() -> None:
    with schema_registry("user:secret") as server:
        with pytest.raises(UnavailableError, match="status 401") as refused:
            SchemaRegistry(server.url, "user:wrong").schemas([1])
        assert "wrong" not in str(refused.value)
        assert SchemaRegistry(server.url, "user:secret").schemas([1]) == {}


def test_a_number_that_two_registries_use_is_refused_until_one_is_named(tmp_path: Path) -> None:
    lake = Lake(str(tmp_path))
    other = {**SCHEMA, "name": "other"}
    with schema_registry() as one, schema_registry() as two:
        messages = Producer(one.url).avro(SCHEMA, {"x": 1, "at": AT})
        Producer(two.url).avro(other, {"x": 1, "at": AT})
        for server in (one, two):
            KeptSchemas(lake, SchemaRegistry(server.url)).needed(SOURCE, payloads(*messages), RUN)
    with pytest.raises(InvalidInputError, match="two registries have a schema 1"):
        KeptSchemas(lake).kept(SOURCE, payloads(*messages))
    assert KeptSchemas(lake, SchemaRegistry(one.url)).kept(SOURCE, payloads(*messages))[1].text.count("thing") == 1


def test_messages_cannot_make_us_ask_without_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mlinfra_assets.registry.kept_schemas.MAX_ASKED", 5)
    with schema_registry() as server:
        good = Producer(server.url).avro(SCHEMA, *({"x": 1, "at": AT} for _ in range(3)))
        server.requests.clear()
        hostile = [framed(i, b"") for i in range(1000, 1100)]
        found = KeptSchemas(Lake(str(tmp_path)), SchemaRegistry(server.url)).needed(
            SOURCE, payloads(*hostile, *good), RUN
        )
        assert list(found) == [1]
        assert len(server.requests) == 5


def test_plain_json_needs_no_schema(tmp_path: Path) -> None:
    source = replace(SOURCE, ingest=replace(SOURCE.ingest, format="json"))
    assert KeptSchemas(Lake(str(tmp_path))).needed(source, payloads(framed(7, b"")), RUN) == {}


@pytest.mark.parametrize("url", ["registry:8081", "ftp://registry", "https://user:pass@registry", "https://"])
def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(InvalidInputError, match="MLINFRA_SCHEMA_REGISTRY_URL") as refused:
        SchemaRegistry.of(Settings(schema_registry_url=url))
    assert "pass@" not in str(refused.value)


def test_the_doctor_says_whether_the_registry_answers() -> None:
    with schema_registry("user:secret") as server:
        Producer(server.url.replace("//", "//user:secret@")).register("things-value", SCHEMA)
        asked = Settings(schema_registry_url=server.url, schema_registry_user_info="user:secret")
        [found] = diagnosed(asked)
        assert (found.state, found.value) == (State.OK, "1 subjects")
        [found] = diagnosed(replace(asked, schema_registry_user_info="user:wrong"))
        assert found.state == State.BROKEN
        assert "status 401" in found.value
    assert list(diagnosed(Settings())) == []


def _quick(url: str) -> SchemaRegistry:
    registry = SchemaRegistry(url)
    registry._configuration["max.retries"] = 0
    return registry
