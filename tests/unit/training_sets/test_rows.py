"""Rows that ask, from JSON: typed as the features want, and as they are otherwise."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import polars as pl
import pytest

from mlinfra_assets.errors import InvalidInputError
from mlinfra_assets.feature_store import Entity, FeatureStore, FeatureView, request
from mlinfra_assets.training_sets.rows import entity_frame
from tests.support.shop_lines import LINES


def asking(**kinds: str) -> FeatureView:
    """A view that wants a value of each of these types with the question."""

    def features(stg_order_lines: Any) -> dict[str, Any]:
        return {
            "lines": stg_order_lines.count(),
            **{f"no_{name}": request(name, kind).is_null() for name, kind in kinds.items()},
        }

    store = FeatureStore({LINES.name: LINES})
    return store.create_feature_view("v", [Entity("customer", join_keys=["customer_id"])])(features)


def frame(rows: list[dict[str, Any]], **kinds: str) -> pl.DataFrame:
    return entity_frame(rows, [asking(**kinds)], ["event_timestamp"])


def test_columns_have_the_types_that_features_want():
    row = {
        "customer_id": 7,
        "event_timestamp": "2011-02-01T01:30:00.123456+01:00",
        "whole": 3,
        "number": 2,
        "text": "a",
        "flag": True,
        "moment": "2011-01-01T00:00:00Z",
        "birth": "2011-01-02",
    }
    kinds = {
        "whole": "int64",
        "number": "float64",
        "text": "string",
        "flag": "boolean",
        "moment": "timestamp",
        "birth": "date",
    }
    found = frame([row, {"customer_id": 8}], **kinds)
    assert found.row(0, named=True) == {
        **row,
        "event_timestamp": datetime(2011, 2, 1, 0, 30, 0, 123_456, tzinfo=UTC),
        "number": 2.0,
        "moment": datetime(2011, 1, 1, tzinfo=UTC),
        "birth": date(2011, 1, 2),
    }
    assert found.schema["number"] == pl.Float64()
    assert found.row(1) == (8, *[None] * 7)


def test_what_no_feature_wants_keeps_its_own_type():
    found = frame([{"a": 1, "b": 1, "c": "x", "d": True, "e": None}, {"a": 2, "b": 1.5, "c": None, "d": False}])
    assert dict(found.schema) == {
        "a": pl.Int64(),
        "b": pl.Float64(),
        "c": pl.String(),
        "d": pl.Boolean(),
        "e": pl.String(),
    }
    assert found["b"].to_list() == [1.0, 1.5]


@pytest.mark.parametrize(
    ("rows", "kinds", "said"),
    [
        ([{"a": 1}, {"a": "x"}], {}, "several types"),
        ([{"a": 1}, {"a": True}], {}, "several types"),
        ([{"a": 2**70}], {}, "does not fit"),
        ([{"a": True}], {"a": "int64"}, r"entities\.0\.a: 'True' is no int64"),
        ([{"a": 1.5}], {"a": "int64"}, "is no int64"),
        ([{"a": 1}], {"a": "string"}, "is no string"),
        ([{"a": "x" * 500}], {"a": "float64"}, "x{100}' is no float64"),
        ([{"a": 10**400}], {"a": "float64"}, "is no float64"),
        ([{"a": "2011-13-01"}], {"a": "date"}, "write a date"),
        ([{"event_timestamp": 5}], {}, "write a time with its zone"),
    ],
)
def test_a_value_of_another_type_is_refused(rows, kinds, said):
    with pytest.raises(InvalidInputError, match=said):
        frame(rows, **kinds)
