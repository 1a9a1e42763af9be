"""How many cases the judge is asked for: the same ones every time, so that a run can be repeated.

`MLINFRA_TEST_EXAMPLES=5000` looks further instead: that many cases a test, other ones each time.
"""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

_EXAMPLES = os.environ.get("MLINFRA_TEST_EXAMPLES")
_SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example]


def thorough(examples: int) -> settings:
    """Settings for a test of that many cases."""
    return settings(
        max_examples=int(_EXAMPLES or examples),
        derandomize=_EXAMPLES is None,
        deadline=None,
        suppress_health_check=_SLOW,
    )
