"""Rows in frames: whatever the frames, the same is counted as in one."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlinfra_assets.contracts import batch_rows
from mlinfra_assets.contracts.batch_rows import Rows

SCHEMA = {"a": pl.Int64(), "b": pl.String()}
RECORDS = st.lists(st.tuples(st.none() | st.integers(0, 5), st.sampled_from(["x", "y", None])), max_size=60)


def in_frames(records: Sequence[tuple[int | None, str | None]], size: int) -> Rows:
    frames = [
        pl.DataFrame(records[first : first + size], schema=SCHEMA, orient="row")
        for first in range(0, len(records), size)
    ]
    return Rows(len(records), lambda columns: (frame.select(columns) for frame in frames))


@given(records=RECORDS, size=st.integers(1, 7), part=st.integers(1, 20))
def test_repeats_are_those_of_all_frames_together(
    records: list[tuple[int | None, str | None]], size: int, part: int
) -> None:
    whole = [record for record in records if None not in record]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(batch_rows, "PART_ROWS", part)
        assert in_frames(records, size).repeated(["a", "b"]) == len(whole) - len(set(whole))


def test_rows_behind_others_come_after_them() -> None:
    first, then = in_frames([(1, "x"), (2, "y")], 1), in_frames([(3, None)], 1)
    both = then.behind(first)
    assert (both.height, [value for part in both.column("a") for value in part]) == (3, [1, 2, 3])
    assert (both.maximum("a"), in_frames([], 1).maximum("a")) == (3, None)
