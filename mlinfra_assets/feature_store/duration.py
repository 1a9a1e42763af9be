"""Lengths of time as people write them: `"30d"` and microseconds."""

from __future__ import annotations

import re
from datetime import timedelta

from mlinfra_assets.feature_store.errors import DefinitionError

SECOND = 1_000_000
UNITS = {"s": SECOND, "m": 60 * SECOND, "h": 3_600 * SECOND, "d": 86_400 * SECOND, "w": 7 * 86_400 * SECOND}
LONGEST = 36_600 * UNITS["d"]
_FORM = re.compile(r"(\d{1,12})([smhdw])")


def parse_duration(value: str | timedelta, what: str) -> int:
    """Microseconds of `"30d"` (s, m, h, d, w) or of a timedelta.

    Args:
        value: The length of time.
        what: What it is for, named in the error: `window`, `ttl`.

    Raises:
        DefinitionError: Not a length of time, not positive, or longer than a hundred years.
    """
    if isinstance(value, timedelta):
        micros = value // timedelta(microseconds=1)
    else:
        match = _FORM.fullmatch(value) if isinstance(value, str) else None
        if match is None:
            raise DefinitionError(
                f'{what}={value!r} is not a length of time: write a number and s, m, h, d or w ("30d")'
            )
        micros = int(match.group(1)) * UNITS[match.group(2)]
    if not 0 < micros <= LONGEST:
        raise DefinitionError(f"{what}={value!r} has to be longer than zero and at most a hundred years")
    return micros


def format_duration(micros: int) -> str:
    """The shortest way to write a length of time: `30d`, `90m`, or microseconds as `1500us`."""
    for unit in ("d", "h", "m", "s"):
        if micros % UNITS[unit] == 0:
            return f"{micros // UNITS[unit]}{unit}"
    return f"{micros}us"
