"""The three datasets and what is asked of them; imports nothing that the peers do not have."""

from __future__ import annotations

DATASETS = ("visits", "payments", "calls")
VALUES = ("amount", "price", "score")
TTL_DAYS = 2
FEATURES = tuple(f"{dataset}_{value}" for dataset in DATASETS for value in VALUES)


def features(dataset: str) -> list[str]:
    """The value columns of a dataset, which are its features too."""
    return [f"{dataset}_{value}" for value in VALUES]
