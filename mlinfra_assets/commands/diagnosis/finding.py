"""One thing that was looked at."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """How a thing is."""

    OK = "ok"
    NOTE = "note"
    BROKEN = "broken"


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        area: Heading that it stands under.
        name: What was looked at.
        value: What was found, in a few words.
        state: `ok`; `note`: not wrong, but worth knowing; `broken`: something that is needed does not work.
        remedy: What to do, if it is not ok.
    """

    area: str
    name: str
    value: str
    state: State = State.OK
    remedy: str = ""


def broken(area: str, name: str, error: BaseException, remedy: str = "") -> Finding:
    """A thing that does not work; the platform's own errors already say what to do."""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return Finding(area, name, lines[0], State.BROKEN, remedy)
