"""What is asked about each moment; imports nothing that the peers do not have."""

from __future__ import annotations

SPAN_DAYS = 180
DAYS = (1, 7, 30, 90)
TOTALS, DISTINCT, LARGEST = "count_sum_mean", "distinct", "max"
FUNCTIONS = {TOTALS: ("count", "sum", "mean"), DISTINCT: ("distinct",), LARGEST: ("max",)}
VALUE = {TOTALS: "amount", DISTINCT: "product", LARGEST: "amount"}


def features(asked: str) -> list[str]:
    """The names of what is asked: `sum_7d` and so on."""
    return [f"{function}_{days}d" for days in DAYS for function in FUNCTIONS[asked]]
