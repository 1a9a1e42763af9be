"""Whether a probability means what it says: predicted against observed, by bins of the score."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from mlinfra_assets.learning import charts

BINS = 10
SIZE, MARGIN = 260, 34


@dataclass(frozen=True)
class Bin:
    """The cases whose score lies in one tenth of the unit interval.

    Attributes:
        low: Lower edge, included.
        high: Upper edge, excluded but for the last bin's 1.
        n: Cases.
        mean_score: Mean predicted probability; null if empty.
        observed: Share of positives; null if empty.
    """

    low: float
    high: float
    n: int
    mean_score: float | None
    observed: float | None

    def to_dict(self) -> dict[str, float | int | None]:
        """A JSON-ready form."""
        return asdict(self)


def calibration(labels: NDArray[np.int64], scores: NDArray[np.float64], bins: int = BINS) -> list[Bin]:
    """Predicted against observed probability, by `bins` equally wide bins of the score."""
    index = np.minimum((scores * bins).astype(np.int64), bins - 1)
    found = []
    for number in range(bins):
        inside = index == number
        n = int(inside.sum())
        found.append(
            Bin(
                low=number / bins,
                high=(number + 1) / bins,
                n=n,
                mean_score=float(scores[inside].mean()) if n else None,
                observed=float(labels[inside].mean()) if n else None,
            )
        )
    return found


def calibration_error(bins: Sequence[Bin]) -> float | None:
    """Mean distance of predicted and observed probability, weighted by cases; null without cases."""
    n = sum(b.n for b in bins)
    if n == 0:
        return None
    filled = [(b.n, b.mean_score, b.observed) for b in bins if b.mean_score is not None and b.observed is not None]
    return sum(count * abs(score - observed) for count, score, observed in filled) / n


def markdown(bins: Sequence[Bin]) -> str:
    """The bins as a table, with a bar of how many cases lie in each."""
    most = max((b.n for b in bins), default=0) or 1
    lines = ["| score | cases | predicted | observed | |", "|---|---:|---:|---:|---|"]
    lines += [
        f"| {b.low:.1f} to {b.high:.1f} | {b.n} | {_share(b.mean_score)} | {_share(b.observed)} "
        f"| {'█' * round(20 * b.n / most)} |"
        for b in bins
    ]
    return "\n".join(lines)


def svg(bins: Sequence[Bin], title: str) -> str:
    """The reliability diagram as one SVG element: the diagonal, and a dot for each bin, its area by its cases."""
    side = SIZE - 2 * MARGIN
    most = max((b.n for b in bins), default=0) or 1
    marks = [
        f'<circle cx="{_x(b.mean_score, side)}" cy="{_y(b.observed, side)}" r="{2 + 7 * (b.n / most) ** 0.5:.1f}" '
        f'fill="#2f6fde" fill-opacity="0.75"><title>{b.n} cases</title></circle>'
        for b in bins
        if b.mean_score is not None and b.observed is not None
    ]
    ticks = [
        f'<text x="{_x(v, side)}" y="{SIZE - MARGIN + 14}" text-anchor="middle">{v:g}</text>'
        f'<text x="{MARGIN - 6}" y="{_y(v, side)}" text-anchor="end" dominant-baseline="middle">{v:g}</text>'
        for v in (0.0, 0.5, 1.0)
    ]
    return charts.canvas(
        SIZE,
        SIZE,
        f'<text x="{SIZE / 2:g}" y="16" text-anchor="middle" font-size="12">{charts.escaped(title)}</text>'
        f'<rect x="{MARGIN}" y="{MARGIN}" width="{side}" height="{side}" fill="none" stroke="#bbb"/>'
        f'<line x1="{MARGIN}" y1="{MARGIN + side}" x2="{MARGIN + side}" y2="{MARGIN}" stroke="#bbb" '
        f'stroke-dasharray="4 3"/>{"".join(ticks)}{"".join(marks)}'
        f'<text x="{SIZE / 2:g}" y="{SIZE - 4}" text-anchor="middle">predicted</text>'
        f'<text x="9" y="{SIZE / 2:g}" text-anchor="middle" transform="rotate(-90 9 {SIZE / 2:g})">observed</text>',
    )


def _x(value: float, side: int) -> str:
    return f"{MARGIN + value * side:.1f}"


def _y(value: float, side: int) -> str:
    return f"{MARGIN + (1 - value) * side:.1f}"


def _share(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"
