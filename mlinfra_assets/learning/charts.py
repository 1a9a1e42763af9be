"""Small charts as SVG, for places that show markdown: nothing is loaded, nothing is drawn but what is given."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping, Sequence

WIDTH, HEIGHT = 560, 220
LEFT, RIGHT, TOP, BOTTOM = 48, 130, 28, 34
COLOURS = ("#2f6fde", "#d9480f", "#2b8a3e", "#862e9c", "#0b7285", "#a61e4d", "#5c940d", "#495057")
TRAINED, SERVED = "#adb5bd", "#2f6fde"
MOST_LINES = len(COLOURS)
SMALL_WIDTH, SMALL_HEIGHT, ACROSS = 220, 110, 3


def image(element: str, text: str = "chart") -> str:
    """An SVG element as a markdown image, for places that show markdown but no raw HTML."""
    return f"![{text}](data:image/svg+xml;base64,{b64encode(element.encode()).decode()})"


def canvas(width: int, height: int, *parts: str) -> str:
    """An SVG element of some parts on white."""
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" '
        f'font-family="sans-serif" font-size="10" fill="#333"><rect width="{width}" height="{height}" fill="#fff"/>'
        f"{''.join(parts)}</svg>"
    )


def lines(
    title: str, places: Sequence[str], series: Mapping[str, Sequence[float | None]], limit: float | None = None
) -> str:
    """One line a series over some places in order; a null is a gap.

    Args:
        title: What is shown.
        places: Names of the places on the x axis.
        series: By name, one value a place. At most `MOST_LINES` are drawn, the first.
        limit: Drawn as a dashed line, if it is given.
    """
    shown = dict(list(series.items())[:MOST_LINES])
    values = [v for row in shown.values() for v in row if v is not None]
    low, high = _range([*values, *([] if limit is None else [limit])])
    width, height = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM

    def x(place: int) -> float:
        return LEFT + width * (place + 0.5) / max(len(places), 1)

    def y(value: float) -> float:
        return TOP + height * (1 - (value - low) / (high - low))

    parts = [_text(LEFT, 16, title, size=12)]
    for tick in (low, (low + high) / 2, high):
        parts.append(f'<line x1="{LEFT}" y1="{y(tick):.1f}" x2="{LEFT + width}" y2="{y(tick):.1f}" stroke="#e9ecef"/>')
        parts.append(_text(LEFT - 5, y(tick) + 3, f"{tick:.3g}", anchor="end"))
    every = max(1, -(-len(places) // 8))
    parts += [
        _text(x(n), HEIGHT - BOTTOM + 15, name, anchor="middle") for n, name in enumerate(places) if n % every == 0
    ]
    if limit is not None:
        parts.append(
            f'<line x1="{LEFT}" y1="{y(limit):.1f}" x2="{LEFT + width}" y2="{y(limit):.1f}" stroke="#c92a2a" '
            f'stroke-dasharray="5 3"/>'
        )
        parts.append(_text(LEFT + 4, y(limit) - 4, f"limit {limit:g}", colour="#c92a2a"))
    for number, (name, row) in enumerate(shown.items()):
        colour = COLOURS[number]
        known = [(x(n), y(v)) for n, v in enumerate(row) if v is not None]
        for run in _runs(row):
            points = " ".join(f"{x(n):.1f},{y(v):.1f}" for n, v in run)
            parts.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="1.5"/>')
        parts += [f'<circle cx="{a:.1f}" cy="{b:.1f}" r="2.5" fill="{colour}"/>' for a, b in known]
        parts.append(_text(LEFT + width + 6, TOP + 22 + 14 * number, name, colour=colour))
    return canvas(WIDTH, HEIGHT, *parts)


def bars(title: str, values: Mapping[str, float], spread: Mapping[str, float] | None = None) -> str:
    """Horizontal bars, in the order given; below zero they go to the left.

    Args:
        title: What is shown.
        values: Length of each bar, by name.
        spread: Half the length of a line across the end of a bar, by name.
    """
    around = spread or {}
    reach = [0.0, *values.values(), *(v + around.get(n, 0.0) for n, v in values.items())]
    low, high = _range([min(reach), max(reach)])
    left, row = 250, 18
    width, height = WIDTH - left - 60, 34 + row * len(values)

    def x(value: float) -> float:
        return left + width * (value - low) / (high - low)

    parts = [_text(8, 16, title, size=12)]
    for number, (name, value) in enumerate(values.items()):
        top, end = 28 + row * number, max(x(value), x(0))
        parts.append(_text(left - 6, top + 10, name, anchor="end"))
        parts.append(
            f'<rect x="{min(x(0), x(value)):.1f}" y="{top + 1}" width="{abs(x(value) - x(0)):.1f}" height="12" '
            f'fill="{COLOURS[0]}"/>'
        )
        if name in around:
            ends = x(value - around[name]), x(value + around[name])
            parts.append(
                f'<line x1="{ends[0]:.1f}" y1="{top + 7}" x2="{ends[1]:.1f}" y2="{top + 7}" stroke="#343a40"/>'
            )
            end = max(end, ends[1])
        parts.append(_text(end + 4, top + 10, f"{value:.4f}"))
    return canvas(WIDTH, height, *parts)


def pairs(title: str, panels: Mapping[str, tuple[Sequence[float], Sequence[float]]]) -> str:
    """A panel of bars for each name: two shares side by side in each bin, of training (grey) and served (blue).

    Args:
        title: What is shown.
        panels: By name, the shares of both, bin by bin.
    """
    down = -(-len(panels) // ACROSS)
    parts = [_text(8, 16, title, size=12)]
    for number, (name, (before, after)) in enumerate(panels.items()):
        left, top = (number % ACROSS) * SMALL_WIDTH, 24 + (number // ACROSS) * SMALL_HEIGHT
        most, base = max([*before, *after, 1e-9]), top + SMALL_HEIGHT - 10
        step = (SMALL_WIDTH - 20) / max(len(before), 1)
        parts.append(_text(left + 10, top + 12, name))
        for place, both in enumerate(zip(before, after, strict=True)):
            for side, (share, colour) in enumerate(zip(both, (TRAINED, SERVED), strict=True)):
                tall = (SMALL_HEIGHT - 32) * share / most
                parts.append(
                    f'<rect x="{left + 10 + step * place + side * step * 0.42:.1f}" y="{base - tall:.1f}" '
                    f'width="{step * 0.4:.1f}" height="{tall:.1f}" fill="{colour}"/>'
                )
        parts.append(
            f'<line x1="{left + 10}" y1="{base}" x2="{left + SMALL_WIDTH - 10}" y2="{base}" stroke="#868e96"/>'
        )
    return canvas(SMALL_WIDTH * ACROSS, 30 + SMALL_HEIGHT * down, *parts)


def escaped(text: str) -> str:
    """Text as SVG holds it."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;")


def _text(x: float, y: float, text: str, *, anchor: str = "start", size: int = 10, colour: str = "#333") -> str:
    style = f'text-anchor="{anchor}" font-size="{size}" fill="{colour}"'
    return f'<text x="{x:.1f}" y="{y:.1f}" {style}>{escaped(text)}</text>'


def _range(values: Sequence[float]) -> tuple[float, float]:
    """Lowest and highest, a little apart where all are the same."""
    if not values:
        return 0.0, 1.0
    low, high = min(values), max(values)
    room = (high - low) * 0.05 or max(abs(high), 1.0) * 0.05
    return low - room, high + room


def _runs(row: Sequence[float | None]) -> list[list[tuple[int, float]]]:
    """The stretches without a gap, as place and value."""
    found: list[list[tuple[int, float]]] = [[]]
    for place, value in enumerate(row):
        if value is None:
            found.append([])
        else:
            found[-1].append((place, value))
    return [run for run in found if len(run) > 1]
