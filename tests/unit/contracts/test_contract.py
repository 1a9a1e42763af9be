"""A contract as types of frames and tables."""

from __future__ import annotations

import pyarrow as pa
import pytest

from mlinfra_assets import names
from mlinfra_assets.contracts.contract import Contract, Field
from mlinfra_assets.errors import InvalidInputError
from tests.support.declared import declared, stream_source


def test_the_tables_columns_are_the_contracts_and_then_the_coordinates() -> None:
    contract = declared("order_lines").contract
    assert contract.polars_schema().names() == [*(f.name for f in contract.fields), *names.COORDINATES]
    schema = contract.arrow_schema()
    assert schema.names == contract.polars_schema().names()
    assert schema.field("unit_price").type == pa.decimal128(18, 3)
    assert schema.field("invoiced_at").type == pa.timestamp("us", tz="UTC")
    assert schema.field("country").type == pa.string()
    assert schema.field(names.PARTITION).type == pa.int32()


def test_an_unknown_field_is_no_field() -> None:
    with pytest.raises(KeyError):
        stream_source(Field("x", "x", "integer")).contract.field("y")


@pytest.mark.parametrize("text", ["", "{}", "[]", "null", '{"name": 1}', '{"fields": [{"enum": 3}]}'])
def test_what_is_no_stored_contract_is_refused(text: str) -> None:
    with pytest.raises(InvalidInputError, match="is not a stored contract"):
        Contract.from_json(text)
