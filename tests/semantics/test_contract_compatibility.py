"""A compatible change is one that no record can tell: random contracts, random records, both put to the test."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import orjson
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from mlinfra_assets import names
from mlinfra_assets.contracts.contract import Contract
from mlinfra_assets.contracts.readable import unreadable
from mlinfra_assets.contracts.validate import process
from tests.support.contract_pairs import changed, contracts, records
from tests.support.declared import LIMIT, raw_rows, stream_source

SOURCE = stream_source()


def valid(contract: Contract, written: list[dict[str, Any]]) -> dict[int, dict[str, Any]]:
    """The typed records that a contract accepts, by their place."""
    payloads: list[bytes | None] = [orjson.dumps(record) for record in written]
    outcome = process(replace(SOURCE, contract=contract), raw_rows(payloads), max_payload_bytes=LIMIT)
    return {row[names.OFFSET]: row for row in outcome.valid.iter_rows(named=True)}


def same(one: object, other: object) -> bool:
    if isinstance(one, float) and isinstance(other, float) and math.isnan(one):
        return math.isnan(other)
    return one == other


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(st.data())
def test_what_is_readable_is_read_with_the_same_values(data: st.DataObject) -> None:
    """BACKWARD asks that the new contract reads the old one's records, FORWARD that the old reads the new one's."""
    first = data.draw(contracts())
    second = data.draw(changed(first))
    writer, reader = data.draw(st.sampled_from(((first, second), (second, first))))
    assume(not unreadable(reader, writer))
    written = data.draw(records(writer))
    accepted, read = valid(writer, written), valid(reader, written)
    common = {f.name for f in reader.fields} & {f.name for f in writer.fields} | {names.EVENT_TIME}
    for place, row in accepted.items():
        assert place in read, (written[place - 1], reader, writer)
        for name in common:
            assert same(row[name], read[place][name]), (name, written[place - 1])
