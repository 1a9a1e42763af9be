from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlinfra_assets.clock import from_micros, to_micros
from mlinfra_assets.learning.cutoffs import TooLittleHistoryError, moments, split
from mlinfra_assets.learning.model import DAY
from tests.support.shop_models import shop_model

FIRST = to_micros(datetime(2011, 1, 3, 9, tzinfo=UTC))


def test_cutoffs_are_last_microseconds_of_days_and_aligned_to_the_calendar() -> None:
    found = moments(FIRST, FIRST + 300 * DAY, 30 * DAY, 14 * DAY, 60 * DAY)
    assert all(from_micros(t + 1).timetz() == datetime(2011, 1, 1, tzinfo=UTC).timetz() for t in found)
    assert all((t + 1) % (14 * DAY) == 0 for t in found)


def test_later_data_adds_cutoffs_and_moves_none() -> None:
    early = moments(FIRST, FIRST + 200 * DAY, 30 * DAY, 14 * DAY, 60 * DAY)
    late = moments(FIRST, FIRST + 300 * DAY, 30 * DAY, 14 * DAY, 60 * DAY)
    assert late[: len(early)] == early
    assert len(late) > len(early)


@given(
    first=st.integers(0, 500 * DAY),
    length=st.integers(0, 400 * DAY),
    warmup=st.integers(1, 60 * DAY),
    every=st.integers(1, 30),
    horizon=st.integers(1, 90 * DAY),
)
def test_every_cutoff_with_history_before_and_a_known_label_after_is_there(
    first: int, length: int, warmup: int, every: int, horizon: int
) -> None:
    complete = first + length
    step = every * DAY
    expected = [t for t in range(step - 1, complete + 1, step) if t >= first + warmup and t + horizon <= complete]
    assert moments(first, complete, warmup, step, horizon) == expected


def test_no_label_of_training_is_known_after_the_first_holdout_cutoff() -> None:
    found = moments(FIRST, FIRST + 300 * DAY, 30 * DAY, 14 * DAY, 60 * DAY)
    cutoffs = split(shop_model(), found)
    assert cutoffs.all == tuple(found)
    assert max(cutoffs.train) + 60 * DAY <= min(cutoffs.holdout)
    assert all(t + 60 * DAY > min(cutoffs.holdout) for t in cutoffs.gap)
    assert len(cutoffs.holdout) == 4


def test_a_short_history_keeps_a_smaller_holdout() -> None:
    found = moments(FIRST, FIRST + 165 * DAY, 30 * DAY, 14 * DAY, 60 * DAY)
    cutoffs = split(shop_model(), found)
    assert len(cutoffs.train) >= 1
    assert len(cutoffs.holdout) >= 1


def test_too_little_history_says_how_much_is_needed() -> None:
    with pytest.raises(TooLittleHistoryError, match=r"model churn: cutoffs with a known label: none.*150 days"):
        split(shop_model(), [])
