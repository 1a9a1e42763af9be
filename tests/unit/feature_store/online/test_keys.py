from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlinfra_assets.feature_store import ColumnType
from mlinfra_assets.feature_store.errors import RetrievalError
from mlinfra_assets.feature_store.online.keys import encode_key

INTEGER, TEXT = ColumnType("int64"), ColumnType("string")
SCHEMAS = {"t": {"a": TEXT}, "i": {"a": INTEGER}, "tt": {"a": TEXT, "b": TEXT}, "it": {"a": INTEGER, "b": TEXT}}
values = {"i": st.integers(-(2**63), 2**63 - 1), "t": st.text()}
keys = st.sampled_from(sorted(SCHEMAS)).flatmap(
    lambda kinds: st.tuples(st.just(kinds), st.tuples(*(values[kind] for kind in kinds)))
)


@given(keys, keys)
def test_equal_bytes_mean_equal_keys(one, other):
    same = encode_key(SCHEMAS[one[0]], one[1]) == encode_key(SCHEMAS[other[0]], other[1])
    assert same == (one == other)


def test_a_composite_key_is_a_tuple_and_no_joined_text():
    assert encode_key(SCHEMAS["tt"], ("1", "23")) != encode_key(SCHEMAS["tt"], ("12", "3"))
    assert encode_key(SCHEMAS["tt"], ("a\0", "b")) != encode_key(SCHEMAS["tt"], ("a", "\0b"))


@pytest.mark.parametrize(
    ("kinds", "key", "message"),
    [
        ("i", ("17850",), "key a is an integer, not '17850'"),
        ("i", (17850.0,), "key a is an integer"),
        ("i", (True,), "key a is an integer, not True"),
        ("i", (None,), "key a is an integer, not None"),
        ("i", (2**63,), "does not fit in 64 bits"),
        ("t", (5,), "key a is a text, not 5"),
        ("t", ("\ud800",), "not valid Unicode"),
        ("it", (5,), r"a key of 2 parts \(a, b\) is wanted, not 1"),
    ],
)
def test_what_is_not_a_key_is_refused(kinds, key, message):
    with pytest.raises(RetrievalError, match=message):
        encode_key(SCHEMAS[kinds], key)
