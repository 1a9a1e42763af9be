"""A contract that changes while records come: a compatible one is taken with its columns, another one is refused."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import orjson
import polars as pl
import pytest

from mlinfra_assets import names
from mlinfra_assets.contracts.contract import Contract, Field
from mlinfra_assets.contracts.source import Source
from mlinfra_assets.ingest.processed import Validated, validate_source
from mlinfra_assets.lake.lake import Lake
from mlinfra_assets.lake.provenance import Provenance
from mlinfra_assets.lake.table import SchemaMismatchError
from mlinfra_assets.registry.publication import IncompatibleContractError, Publication
from mlinfra_assets.registry.registry import Registry
from tests.support.declared import LANDED, LIMIT, raw_rows, stream_source

RUN = Provenance("run", "code")
PROCESSED, QUARANTINE, RAW = "processed/things", "processed/things_quarantine", "raw/things"
COUNT = Field("n", "n", "integer", minimum="0", maximum="1000")
ID = Field("id", "id", "integer", required=True)
FIRST = stream_source(ID, COUNT)


def changed(source: Source, *fields: Field, **contract: Any) -> Source:
    by_name = {f.name: f for f in (*source.contract.fields, *fields)}
    return replace(source, contract=replace(source.contract, fields=tuple(by_name.values()), **contract))


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(str(tmp_path))


def land(lake: Lake, *records: dict[str, Any]) -> None:
    table = lake.table(RAW)
    first = table.count() + 1 if table.exists() else 1
    payloads: list[bytes | None] = [orjson.dumps({"at": "2011-12-10T08:00:00Z", **record}) for record in records]
    table.append(raw_rows(payloads, first), provenance=RUN)


def ingest(lake: Lake, source: Source) -> Validated:
    return validate_source(lake, source, RUN, LANDED, max_payload_bytes=LIMIT)


def places(lake: Lake) -> list[int]:
    """Every offset in processed or quarantine, as often as it is there."""
    found = [lake.table(t).read(columns=[names.OFFSET])[names.OFFSET].to_list() for t in (PROCESSED, QUARANTINE)]
    return sorted(place for places in found for place in places)


def published(lake: Lake) -> list[Contract]:
    return [one.contract for one in Publication(Registry(lake)).published("things")]


def test_the_first_run_publishes_what_it_uses(lake: Lake) -> None:
    land(lake, {"id": 1, "n": 5})
    ingest(lake, FIRST)
    assert published(lake) == [FIRST.contract]
    ingest(lake, FIRST)
    assert len(published(lake)) == 1


def test_a_compatible_change_widens_the_table_while_records_come(lake: Lake) -> None:
    wide = changed(FIRST, Field("n", "n", "number"), Field("colour", "colour", "string"), version="1.1.0")
    land(lake, {"id": 1, "n": 5}, {"id": 2, "n": 5.5})
    ingest(lake, FIRST)
    old = lake.table(PROCESSED).version()
    land(lake, {"id": 3, "n": 6}, {"id": 4, "n": 6.5, "colour": "red"}, {"id": 5, "n": "?"})
    ingest(lake, wide)
    land(lake, {"id": 6, "n": 7, "colour": "blue"}, {"id": 7})
    ingest(lake, wide)
    assert places(lake) == [1, 2, 3, 4, 5, 6, 7]
    rows = lake.table(PROCESSED).read().sort("id")
    assert rows.select("id", "n", "colour").rows() == [
        (1, 5.0, None),
        (3, 6.0, None),
        (4, 6.5, "red"),
        (6, 7.0, "blue"),
        (7, None, None),
    ]
    assert rows[names.CONTRACT].to_list() == [FIRST.contract.fingerprint] + [wide.contract.fingerprint] * 4
    assert lake.table(PROCESSED).read(version=old).select("id", "n").rows() == [(1, 5)]
    assert [c.version for c in published(lake)] == ["1.0.0", "1.1.0"]


def test_the_contract_before_may_come_back_and_its_rows_fit_the_wider_table(lake: Lake) -> None:
    wide = changed(FIRST, Field("n", "n", "decimal", scale=2), version="1.1.0")
    for source, number in ((FIRST, 1), (wide, 2), (FIRST, 3)):
        land(lake, {"id": number, "n": number})
        ingest(lake, source)
    rows = lake.table(PROCESSED).read().sort("id")
    assert rows["n"].to_list() == [Decimal("1.00"), Decimal("2.00"), Decimal("3.00")]
    assert len(published(lake)) == 2


def test_an_incompatible_change_is_refused_and_nothing_is_written(lake: Lake) -> None:
    land(lake, {"id": 1, "n": 5})
    ingest(lake, FIRST)
    before = {name: lake.table(name).version() for name in (PROCESSED, QUARANTINE)}
    land(lake, {"id": 2, "n": 50})
    narrow = changed(FIRST, replace(COUNT, maximum="10"), Field("extra", "extra", "string", required=True))
    with pytest.raises(IncompatibleContractError) as refused:
        ingest(lake, narrow)
    said = str(refused.value)
    assert "contract things 1.0.0 may not follow 1.0.0 (compatibility BACKWARD); nothing was written:" in said
    assert "field n: not BACKWARD compatible with 1.0.0: the maximum is 10 here, and 1000 there. Instead: " in said
    assert "field extra: not BACKWARD compatible with 1.0.0: it is required" in said
    assert {name: lake.table(name).version() for name in (PROCESSED, QUARANTINE)} == before
    assert len(published(lake)) == 1
    ingest(lake, FIRST)
    assert places(lake) == [1, 2]


def test_without_compatibility_a_type_that_does_not_go_into_the_table_is_still_refused(lake: Lake) -> None:
    free = changed(FIRST, compatibility="NONE")
    land(lake, {"id": 1, "n": 5})
    ingest(lake, free)
    land(lake, {"id": 2, "n": "many"})
    with pytest.raises(SchemaMismatchError, match="give the field another name"):
        ingest(lake, changed(free, Field("n", "n", "string"), version="2.0.0"))
    assert lake.table(PROCESSED).read().height == 1


def test_a_source_with_a_key_gets_a_field_without_repeating_what_was_known(lake: Lake) -> None:
    keyed = changed(FIRST, primary_key=("id",))
    land(lake, {"id": 1, "n": 5}, {"id": 2, "n": 6})
    ingest(lake, keyed)
    wide = changed(keyed, Field("n", "n", "number"), Field("colour", "colour", "string"), version="1.1.0")
    land(lake, {"id": 1, "n": 5}, {"id": 2, "n": 6.5})
    ingest(lake, wide)
    rows = lake.table(PROCESSED).read().sort(names.OFFSET)
    assert rows.select("id", "n").rows() == [(1, 5.0), (2, 6.0), (2, 6.5)]
    assert rows.filter(pl.col("id") == 1).height == 1
