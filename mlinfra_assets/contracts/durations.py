"""Durations as contracts write them: ISO 8601 with weeks, days, hours, minutes and seconds."""

from __future__ import annotations

import re

from mlinfra_assets.contracts.document import Value

PATTERN = re.compile(r"P(?=.)(?:(\d+)W)?(?:(\d+)D)?(?:T(?=.)(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?")
SECONDS = (604_800, 86_400, 3_600, 60, 1)
LONGEST = 10 * 366 * 86_400


def parse_duration(value: Value) -> int:
    """Microseconds of a duration such as `PT16H` or `P1DT30M`.

    Raises:
        DeclarationError: It is not such a duration, or longer than ten years.
    """
    match = PATTERN.fullmatch(value.text())
    if match is None:
        value.fail(f"{value.text()!r} is not a duration: write it as PT16H, P1D or P1DT30M")
    seconds = sum(int(number) * unit for number, unit in zip(match.groups(default="0"), SECONDS, strict=True))
    if seconds > LONGEST:
        value.fail("is longer than ten years")
    return seconds * 1_000_000
