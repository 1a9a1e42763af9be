from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlinfra_assets.clock import from_micros
from mlinfra_assets.streams.entry_id import MAX_MILLIS, MAX_SEQUENCE, first_offset, from_offset, to_offset, to_offsets

IDS = st.tuples(st.integers(0, MAX_MILLIS), st.integers(0, MAX_SEQUENCE))


@given(IDS, IDS)
def test_offsets_order_as_entry_ids_do(one: tuple[int, int], other: tuple[int, int]) -> None:
    left, right = (to_offset(b"%d-%d" % pair) for pair in (one, other))
    assert (left < right) == (one < other)
    assert from_offset(left) == b"%d-%d" % one
    assert left < 2**63


def test_the_first_offset_of_a_moment_is_that_of_no_record_before_it() -> None:
    assert first_offset(from_micros(5_000)) == to_offset(b"5-0")
    assert first_offset(from_micros(5_001)) == to_offset(b"6-0")


@given(st.lists(IDS, max_size=5))
def test_many_ids_at_once(ids: list[tuple[int, int]]) -> None:
    written = [b"%d-%d" % pair for pair in ids]
    assert to_offsets(written).to_list() == [to_offset(entry_id) for entry_id in written]


def test_an_id_that_does_not_fit_is_refused() -> None:
    for entry_id in (b"%d-0" % (MAX_MILLIS + 1), b"1-%d" % (MAX_SEQUENCE + 1)):
        with pytest.raises(ValueError, match="does not fit an offset"):
            to_offset(entry_id)
        with pytest.raises(ValueError, match="does not fit an offset"):
            to_offsets([b"1-1", entry_id])
