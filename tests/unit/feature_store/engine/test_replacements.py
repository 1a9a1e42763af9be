"""When a later version of a row takes its place, compared with looking at every later version."""

from __future__ import annotations

import numpy as np
import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from mlinfra_assets.feature_store.engine.replacements import find_replacements, take

small = st.integers(0, 4)
versions = st.lists(st.tuples(st.sampled_from([1, 1, 1, 2, None]), small, small), max_size=8)


def make(rows: list[tuple]) -> pl.DataFrame:
    columns = {
        "p": [r[0] for r in rows],
        "_event_time": [r[1] for r in rows],
        "_known_at": [r[2] for r in rows],
        "_partition": [0] * len(rows),
        "_offset": list(range(len(rows))),
        "_row": [0] * len(rows),
    }
    return pl.DataFrame(columns, schema=dict.fromkeys(columns, pl.Int64))


@given(versions, st.randoms())
@settings(deadline=None)
def test_a_row_is_replaced_by_any_later_version_that_had_happened_and_was_known(rows, random):
    shuffled = list(enumerate(rows))
    random.shuffle(shuffled)
    replaced = find_replacements(make(rows)[[n for n, _ in shuffled]], ["p"])
    for i, (offset, (key, _, known)) in enumerate(shuffled):
        later = [r for n, r in shuffled if r[0] == key is not None and (r[2], n) > (known, offset)]
        chain = slice(replaced.offsets[i], replaced.offsets[i + 1])
        for t in range(5):
            for k in range(5):
                expected = any(event <= t and seen <= k for _, event, seen in later)
                found = (replaced.event_time[chain] <= t) & (replaced.known_at[chain] <= k)
                assert bool(found.any()) == expected


def test_only_versions_that_can_be_the_first_to_replace_are_kept():
    rows = make([(1, 9, 0), (1, 5, 1), (1, 7, 2), (1, 3, 3), (1, 3, 4)])
    replaced = find_replacements(rows, ["p"])
    assert replaced.event_time[replaced.offsets[0] : replaced.offsets[1]].tolist() == [5, 3]
    assert np.diff(replaced.offsets).tolist() == [2, 2, 1, 1, 0]
    assert take(replaced, np.array([3, 0])).event_time.tolist() == [3, 5, 3]
