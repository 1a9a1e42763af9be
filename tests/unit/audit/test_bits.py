from __future__ import annotations

import math
from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlinfra_assets.audit.bits import Mismatch, as_logged, same


@pytest.mark.parametrize(
    ("logged", "recomputed"),
    [
        (3, 3.0),
        (0.0, -0.0),
        (1, True),
        (None, 0),
        (None, 0.0),
        (0.1 + 0.2, 0.3),
        (1.0, math.nextafter(1.0, 2.0)),
        ("a", "a "),
        (True, False),
        ([1, 2], [1, 2.0]),
        ([0.0], [-0.0]),
        ([1, 2], [2, 1]),
        ([1], [1, None]),
        ([], None),
    ],
)
def test_values_that_only_look_alike_differ(logged: object, recomputed: object) -> None:
    assert not same(logged, recomputed)  # pyright: ignore[reportArgumentType]
    assert not same(recomputed, logged)  # pyright: ignore[reportArgumentType]


PLAIN = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()


@given(PLAIN | st.lists(PLAIN))
def test_every_value_is_the_same_as_itself(value: object) -> None:
    assert same(value, value)  # pyright: ignore[reportArgumentType]


def test_values_without_a_json_form_are_logged_as_numbers() -> None:
    assert as_logged(datetime(1970, 1, 2, tzinfo=UTC)) == 86_400_000_000
    assert as_logged(date(1970, 1, 3)) == 2
    assert as_logged(math.nan) is None
    assert as_logged([date(1970, 1, 3), None, "a"]) == [2, None, "a"]


def test_a_mismatch_names_view_feature_and_both_values_with_their_bits() -> None:
    text = str(Mismatch("p1", "churn", "customer_features", "orders", 3, 2.0))
    assert "customer_features:orders" in text
    assert "logged as 3" in text
    assert "2.0 (0x4000000000000000)" in text
