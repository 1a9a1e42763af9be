"""Bins of a number by its quantiles in one sample, with a bin of its own for null."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

BINS = 10


@dataclass(frozen=True)
class QuantileBins:
    """Bins of a number: `(-inf, e1], (e1, e2], ..., (ek, inf)`, and one for null (NaN), the last.

    Attributes:
        edges: Rising and different, each a value of the sample.
    """

    edges: tuple[float, ...]

    @classmethod
    def of(cls, sample: NDArray[np.float64], bins: int = BINS) -> QuantileBins:
        """Bins that hold about as many of the sample each, fewer than `bins` where values repeat.

        The edges are the sample's quantiles 1/bins, 2/bins, ...: the smallest value that at least so large a share of
        those that are not null is not above.

        Args:
            sample: Shape (n,), NaN for null.
            bins: How many, without that of null.
        """
        known = np.sort(sample[~np.isnan(sample)])
        if not len(known):
            return cls(())
        places = [-(-number * len(known) // bins) - 1 for number in range(1, bins)]
        return cls(tuple(np.unique(known[[max(place, 0) for place in places]]).tolist()))

    def count(self, values: NDArray[np.float64]) -> list[int]:
        """How many values lie in each bin, that of null last; `len(edges) + 2` counts."""
        null = np.isnan(values)
        places = np.searchsorted(np.array(self.edges), values[~null], side="left")
        return [*np.bincount(places, minlength=len(self.edges) + 1).tolist(), int(null.sum())]

    def names(self) -> list[str]:
        """What each bin holds, for people."""
        if not self.edges:
            return ["any", "null"]
        return [f"to {self.edges[0]:g}", *(f"to {e:g}" for e in self.edges[1:]), f"above {self.edges[-1]:g}", "null"]


def distance(before: NDArray[np.float64], after: NDArray[np.float64]) -> float | None:
    """The Kolmogorov-Smirnov distance of two samples, null (NaN) being below every value; None if one is empty.

    It is the exact quotient of two integers, rounded once.
    """
    if not len(before) or not len(after):
        return None
    first, second = (np.sort(np.where(np.isnan(sample), -np.inf, sample)) for sample in (before, after))
    at = np.union1d(first, second)
    below = np.searchsorted(first, at, side="right").astype(np.int64) * len(second)
    other = np.searchsorted(second, at, side="right").astype(np.int64) * len(first)
    return int(np.abs(below - other).max()) / (len(first) * len(second))


def shares(counts: Sequence[int]) -> list[float]:
    """Each count's share of all; zeros of nothing."""
    total = sum(counts)
    return [count / total if total else 0.0 for count in counts]
