"""The search for cycles is off inside, and afterwards as it was, whatever happens and however threads overlap."""

from __future__ import annotations

import gc

import pytest

from mlinfra_assets.streams.uncollected import uncollected


def test_it_is_off_inside_and_on_again_after_an_error() -> None:
    inside: list[bool] = []

    def fail() -> None:
        with uncollected():
            inside.append(gc.isenabled())
            raise ValueError("inside")

    with pytest.raises(ValueError, match="inside"):
        fail()
    assert inside == [False]
    assert gc.isenabled()


def test_two_that_overlap_leave_it_on() -> None:
    first, second = uncollected(), uncollected()
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    second.__exit__(None, None, None)
    assert gc.isenabled()


def test_who_switched_it_off_keeps_it_off() -> None:
    gc.disable()
    try:
        with uncollected():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()
