"""Charts as plain geometry: where lines, areas and ticks go in a small picture. The template draws them as inline SVG.

Pictures are small (360 units wide) and stand side by side on a wide screen, so that their letters stay readable on a phone,
where each fills the width. Colours are the page's, so that they follow light and dark.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

Values = Sequence[float | None]

MOST_POINTS = 160
LEFT, RIGHT, TOP, BOTTOM = 46.0, 12.0, 10.0, 24.0
_LETTER = 7.0  # how wide one of an axis is, at most


@dataclass(frozen=True)
class Line:
    """A named line over the epochs; `style` is its colour and dash in the style sheet, from 1."""

    name: str
    values: Values
    style: int


@dataclass(frozen=True)
class Tick:
    """A mark on an axis: where, in the picture's units, and what it says."""

    at: float
    label: str


@dataclass(frozen=True)
class Drawn:
    """A line or an area as an SVG path; `end` is where the line ends, for a dot."""

    name: str
    path: str
    style: int
    end: tuple[float, float] | None = None
    last: str = ""


@dataclass(frozen=True)
class Chart:
    """A picture of `width` by `height` units; `description` says in words what is to be seen."""

    title: str
    description: str
    width: float
    height: float
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    drawn: tuple[Drawn, ...]
    left: float = LEFT
    right: float = RIGHT
    top: float = TOP
    bottom: float = BOTTOM


def line_chart(title: str, lines: Sequence[Line], *, percent: bool = False, log: bool = False) -> Chart | None:
    """Lines over the epochs 1 to E; None where no value is known. `log` is followed where values span two decades."""
    known = [v for line in lines for v in line.values if v is not None and math.isfinite(v)]
    if not known:
        return None
    log = log and min(known) > 0 and max(known) / min(known) > 100
    scale = math.log10 if log else float
    ticks = decades(min(known), max(known)) if log else nice(min(known), max(known))
    low, high = scale(min(ticks[0], min(known))), scale(max(ticks[-1], max(known)))
    width, height = 360.0, 200.0
    epochs = max(len(line.values) for line in lines)
    labels = [number(tick, percent) for tick in ticks]
    left = max(LEFT, 9 + _LETTER * max(map(len, labels)))

    def y(value: float) -> float:
        return TOP + (height - TOP - BOTTOM) * (1 - (scale(value) - low) / (high - low))

    def x(epoch: int) -> float:
        return _place(epoch, epochs, width, left)

    drawn = tuple(_drawn(line, x, y, percent) for line in lines if _known(line))
    return Chart(
        title,
        f"{title} over {_epochs(epochs)}. " + " ".join(_in_words(line, percent) for line in lines),
        width,
        height,
        _x_ticks(epochs, width, left),
        tuple(Tick(y(tick), label) for tick, label in zip(ticks, labels, strict=True)),
        drawn,
        left,
    )


def area_chart(title: str, shares: Sequence[Sequence[float]], names: Sequence[str]) -> Chart:
    """Stacked shares over the epochs: `shares` (E, K) sum to one in each epoch; small, for a row of many."""
    width, height, left, bottom = 180.0, 112.0, 38.0, 18.0
    blocks = _blocks(len(shares))
    rows = [[sum(shares[e][k] for e in block) / len(block) for k in range(len(names))] for block in blocks]
    places = [_place(block[-1], len(shares), width, left) for block in blocks]
    if len(places) == 1:  # one epoch still has an area to show
        rows, places = rows * 2, [left, width - 6]

    def y(share: float) -> float:
        return 6 + (height - 6 - bottom) * (1 - share)

    drawn, below = [], [0.0] * len(rows)
    for k, name in enumerate(names):
        above = [min(1.0, base + row[k]) for base, row in zip(below, rows, strict=True)]
        edge = [*zip(places, above, strict=True), *reversed(list(zip(places, below, strict=True)))]
        drawn.append(Drawn(name, _polygon([(x, y(share)) for x, share in edge]), k + 1))
        below = above
    first, last = shares[0], shares[-1]
    told = "; ".join(f"{name}: {first[k]:.0%} at first, {last[k]:.0%} at last" for k, name in enumerate(names))
    ticks = (Tick(places[0], "1"), Tick(places[-1], str(len(shares)))) if len(shares) > 1 else ()
    y_ticks = (Tick(y(0), "0 %"), Tick(y(1), "100 %"))
    return Chart(title, f"{title}: {told}.", width, height, ticks, y_ticks, tuple(drawn), left, 6, 6, bottom)


def nice(low: float, high: float) -> list[float]:
    """Three to seven round numbers that enclose the range."""
    spread = high - low if high > low else abs(high) or 1.0
    rough = spread / 4
    unit = 10.0 ** math.floor(math.log10(rough))
    step = next(unit * m for m in (1, 2, 5, 10) if unit * m >= rough * 0.999)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [n * step for n in range(first, max(last, first + 1) + 1)]


def decades(low: float, high: float) -> list[float]:
    """The powers of ten that enclose the range, at most six or so of them."""
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    every = max(1, math.ceil((last - first) / 5))
    return [10.0**n for n in range(first, last + every, every)]


def number(value: float, percent: bool = False) -> str:
    """A number as people write it, with three figures."""
    if percent:
        return f"{100 * value:.3g} %"
    if value and not 1e-3 <= abs(value) < 1e5:
        return f"{value:.1e}"
    return f"{value:.3g}" if abs(value) < 1000 else f"{value:.0f}"


def _drawn(line: Line, x: Callable[[int], float], y: Callable[[float], float], percent: bool) -> Drawn:
    """The line from its first known value to its last, both exactly where they are: what the alternative text says."""
    points: list[tuple[float, float] | None] = []
    first, last = _span(line)
    for block in _blocks(last - first + 1):
        known = [v for e in block if (v := line.values[first + e]) is not None and math.isfinite(v)]
        points.append((x(first + block[-1]), y(sum(known) / len(known))) if known else None)
    path, pen = [], "M"
    for point in points:
        path.append("" if point is None else f"{pen}{point[0]:.1f} {point[1]:.1f}")
        pen = "M" if point is None else "L"
    return Drawn(line.name, " ".join(filter(None, path)), line.style, points[-1], number(_known(line)[-1], percent))


def _blocks(count: int) -> list[range]:
    """The epochs 0 to count-1 in at most MOST_POINTS groups, each to be drawn as its mean; the two ends are alone."""
    if count <= MOST_POINTS:
        return [range(epoch, epoch + 1) for epoch in range(count)]
    size = -(-(count - 2) // (MOST_POINTS - 2))
    inner = (range(first, min(first + size, count - 1)) for first in range(1, count - 1, size))
    return [range(1), *inner, range(count - 1, count)]


def _place(epoch: int, epochs: int, width: float, left: float) -> float:
    right = RIGHT if width > 200 else 6.0
    return left + (width - left - right) * (epoch / (epochs - 1) if epochs > 1 else 0.5)


def _x_ticks(epochs: int, width: float, left: float) -> tuple[Tick, ...]:
    marks = [e for e in nice(1, epochs) if e == int(e) and 1 < e <= epochs] if epochs > 1 else []
    if marks and marks[0] - 1 < 0.08 * epochs:
        marks = marks[1:]
    return tuple(Tick(_place(int(e) - 1, epochs, width, left), str(int(e))) for e in (1, *marks))


def _polygon(points: Sequence[tuple[float, float]]) -> str:
    return "M" + " L".join(f"{x:.1f} {y:.1f}" for x, y in points) + " Z"


def _known(line: Line) -> list[float]:
    return [v for v in line.values if v is not None and math.isfinite(v)]


def _span(line: Line) -> tuple[int, int]:
    """The first and the last epoch of which a value is known, from 0."""
    known = [e for e, v in enumerate(line.values) if v is not None and math.isfinite(v)]
    return known[0], known[-1]


def _in_words(line: Line, percent: bool) -> str:
    known = _known(line)
    if not known:
        return f"{line.name}: not measured."
    first, last = _span(line)
    when = "" if (first, last) == (0, len(line.values) - 1) else f", epochs {first + 1} to {last + 1}"
    return f"{line.name}: from {number(known[0], percent)} to {number(known[-1], percent)}{when}."


def _epochs(count: int) -> str:
    return "one epoch" if count == 1 else f"{count} epochs"
