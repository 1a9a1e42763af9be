from __future__ import annotations

import io

import pytest

from mlinfra_assets.demo.progress import LiveProgress, PlainProgress, SilentProgress, progress_for


class Terminal(io.StringIO):
    encoding = "utf-8"  # pyright: ignore[reportAssignmentType, reportIncompatibleMethodOverride]

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("kind", [SilentProgress, PlainProgress, LiveProgress])
def test_steps_are_timed_in_order_and_one_name_adds_up(kind: type[SilentProgress]) -> None:
    progress = kind(io.StringIO())
    for name in ("one", "two", "one"):
        with progress.step(name) as step:
            step.advance(1, 2)
            step.advance(1, None)
            step.note("done")
    assert list(progress.seconds) == ["one", "two"]
    assert all(seconds > 0 for seconds in progress.seconds.values())


def test_lines_for_a_log_say_what_came_of_each_step() -> None:
    out = io.StringIO()
    progress = PlainProgress(out)
    with progress.step("raw") as step:
        step.note("12 rows")
    assert out.getvalue().strip().endswith("s  raw: 12 rows")


def test_silence_still_says_what_a_person_should_know() -> None:
    out = io.StringIO()
    progress = SilentProgress(out)
    with progress.step("raw"):
        pass
    progress.say("no network")
    assert out.getvalue() == "no network\n"


@pytest.mark.parametrize("kind", [SilentProgress, PlainProgress, LiveProgress])
def test_a_step_that_fails_is_not_counted_and_its_error_goes_on(kind: type[SilentProgress]) -> None:
    progress = kind(io.StringIO())
    with pytest.raises(ValueError, match="broken"), progress.step("raw"):
        raise ValueError("broken")
    assert dict(progress.seconds) == {}


def test_a_name_with_brackets_is_shown_as_it_is() -> None:
    out = Terminal()
    progress = LiveProgress(out)
    with progress.step("load [raw]"):
        pass
    progress.say("take [this]")
    assert "load [raw]" in out.getvalue()
    assert "take [this]" in out.getvalue()


def test_the_way_of_showing_suits_the_stream() -> None:
    assert type(progress_for(Terminal(), silent=False)) is LiveProgress
    assert type(progress_for(io.StringIO(), silent=False)) is PlainProgress
    assert type(progress_for(Terminal(), silent=True)) is SilentProgress
