"""Charts of answers as SVG; see plots.py for what they show."""

import math
from collections.abc import Iterator, Sequence

from dlcli.deploy.card_wording import number
from dlcli.frozen import frozen
from dlcli.report.axes import (
    BOTTOM,
    DASHES,
    HEIGHT,
    LEAST,
    LEFT,
    RIGHT,
    TOP,
    WIDTH,
    beside,
    drawable,
    place_of,
    round_steps,
)
from dlcli.report.curves import key_of
from dlcli.report.markup import escaped
from dlcli.report.plots import Plot, Point, Series
from dlcli.report.style import COLORS

_UNDER = 14
"""More room below than in a chart over epochs: the axis has a name there."""


@frozen
class _Axis:
    """From values to places along an axis."""

    low: float
    high: float
    start: float
    end: float

    def at(self, value: float) -> float:
        return self.start + (self.end - self.start) * (value - self.low) / (self.high - self.low)


def figure(plot: Plot) -> str:
    """A plot as a figure; nothing where none of its points has a place."""
    x = [point.x for series in plot.series for point in series.points]
    y = [point.y for series in plot.series for point in series.points]
    if not any(drawable(a) and drawable(b) for a, b in zip(x, y, strict=True)):
        return ""
    across, up = _axes_of(plot, list(filter(drawable, x)), list(filter(drawable, y)))
    parts = [*_grid(plot, across, up), *_guide(plot, across, up)]
    parts += [_drawn(plot, one, place, across, up) for place, one in enumerate(plot.series)]
    labels = [one.label for one in plot.series]
    keys = "".join(
        f"<li>{key_of(place, escaped(label, 60))}</li>"
        for place, label in enumerate(labels)
        if label
    )
    crowded = " many" if sum(len(one.points) for one in plot.series) > 60 else ""
    legend = f'\n<ul class="runs">{keys}</ul>' if keys else ""
    return (
        f"<figure>\n<figcaption>{escaped(plot.title, 80)}</figcaption>\n"
        f'<svg class="chart{crowded}" viewBox="0 0 {WIDTH} {HEIGHT + _UNDER}" role="img">\n'
        + "\n".join(parts)
        + f"\n</svg>{legend}\n</figure>"
    )


def _axes_of(plot: Plot, x: Sequence[float], y: Sequence[float]) -> tuple[_Axis, _Axis]:
    ends = (0.0, 1.0), (0.0, 1.0)
    if plot.alike:
        both = _padded(min(*x, *y), max(*x, *y))
        ends = both, both
    elif not plot.share:
        more = [0.0] if plot.guide == "zero" else []
        ends = _padded(min(x), max(x)), _padded(min(*y, *more), max(*y, *more))
    (left, right), (low, high) = ends
    return (
        _Axis(left, right, LEFT, WIDTH - RIGHT),
        _Axis(low, high, HEIGHT - BOTTOM, TOP),
    )


def _padded(low: float, high: float) -> tuple[float, float]:
    pad = (high - low) * 0.03
    if not pad > LEAST:
        pad = abs(low) * 0.05 or 0.5
    return low - pad, high + pad


def _grid(plot: Plot, across: _Axis, up: _Axis) -> Iterator[str]:
    left, right, top, bottom = LEFT, WIDTH - RIGHT, TOP, HEIGHT - BOTTOM
    for tick in round_steps(up.low, up.high):
        y = up.at(tick)
        yield f'<path class="grid" d="M{left} {place_of(y)}H{right}"/>'
        yield beside(tick, y)
    for tick in round_steps(across.low, across.high):
        x = place_of(across.at(tick))
        yield f'<path class="grid" d="M{x} {top}V{bottom}"/>'
        told = number(tick)
        middle = place_of(min(across.at(tick), WIDTH - 4.0 * len(told)))  # not beyond the picture
        yield f'<text x="{middle}" y="{HEIGHT - 9}" text-anchor="middle">{told}</text>'
    yield f'<text x="{right}" y="{HEIGHT + 8}" text-anchor="end">{escaped(plot.x, 50)}</text>'
    yield f'<text x="{left}" y="{TOP - 6}">{escaped(plot.y, 50)}</text>'


def _guide(plot: Plot, across: _Axis, up: _Axis) -> Iterator[str]:
    if plot.guide == "zero":
        yield f'<path class="best" d="M{LEFT} {place_of(up.at(0.0))}H{WIDTH - RIGHT}"/>'
    elif plot.guide == "rising":  # both axes have the same ends then
        yield f'<path class="best" d="M{LEFT} {HEIGHT - BOTTOM}L{WIDTH - RIGHT} {TOP}"/>'


def _drawn(plot: Plot, series: Series, place: int, across: _Axis, up: _Axis) -> str:
    seen = [point for point in series.points if drawable(point.x) and drawable(point.y)]
    places = [f"{place_of(across.at(one.x))} {place_of(up.at(one.y))}" for one in seen]
    line = ""
    if plot.line and places:
        dash = DASHES[place // COLORS % len(DASHES)]
        dashed = f' stroke-dasharray="{dash}"' if dash else ""
        line = f'<path class="l"{dashed} d="M{"L".join(places)}"/>'
    label = f"{series.label.rpartition(' (')[0]}, " if len(plot.series) > 1 else ""
    dots = "".join(
        f'<path{_wide(point)} d="M{at}h0"><title>{escaped(label + point.told)}</title></path>'
        for at, point in zip(places, seen, strict=True)
    )
    return f'<g class="c{place % COLORS}">{line}<g class="p">{dots}</g></g>'


def _wide(point: Point) -> str:
    """A point that stands for many rows is as large as they are many."""
    if point.share is None:
        return ""
    return f' stroke-width="{4 + 10 * math.sqrt(point.share):.1f}"'
