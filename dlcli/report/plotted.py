"""Charts of answers as SVG; see plots.py for what they show."""

import math
from collections.abc import Iterator

from dlcli.frozen import frozen
from dlcli.report.axes import (
    BOTTOM,
    HEIGHT,
    LEFT,
    RIGHT,
    TOP,
    WIDTH,
    Span,
    beside,
    labels,
    place_of,
    with_room,
)
from dlcli.report.curves import dashed, key_of
from dlcli.report.markup import escaped
from dlcli.report.plots import Plot, Point, Series, spans_of
from dlcli.report.style import COLORS

_UNDER = 14
"""More room below than in a chart over epochs: the axis has a name there."""

_DIGIT, _GAP = 6.6, 8.0
"""How wide a digit is at most, and what is left free between numbers."""


@frozen
class _Axis:
    """From values to places along an axis."""

    span: Span
    start: float
    end: float

    def at(self, value: float) -> float:
        return self.start + (self.end - self.start) * self.span.part(value)


def figure(plot: Plot) -> str:
    """A plot as a figure; nothing where none of its points has a place."""
    spans = spans_of(plot)
    if spans is None:
        return ""
    across = _Axis(spans[0], LEFT, WIDTH - RIGHT)
    up = _Axis(spans[1], HEIGHT - BOTTOM, TOP)
    parts = [*_grid(plot, across, up), *_guide(plot, across, up)]
    parts += [_drawn(plot, one, place, across, up) for place, one in enumerate(plot.series)]
    labels = [one.label for one in plot.series]
    keys = "".join(
        f"<li>{key_of(place, escaped(label, 60))}</li>"
        for place, label in enumerate(labels)
        if label
    )
    crowded = " many" if plot.crowded else ""
    legend = f'\n<ul class="runs">{keys}</ul>' if keys else ""
    return (
        f"<figure>\n<figcaption>{escaped(plot.title, 80)}</figcaption>\n"
        f'<svg class="chart{crowded}" viewBox="0 0 {WIDTH} {HEIGHT + _UNDER}" role="img">\n'
        + "\n".join(parts)
        + f"\n</svg>{legend}\n</figure>"
    )


def _grid(plot: Plot, across: _Axis, up: _Axis) -> Iterator[str]:
    left, right, top, bottom = LEFT, WIDTH - RIGHT, TOP, HEIGHT - BOTTOM
    ticks = up.span.ticks()
    for tick, told in zip(ticks, labels(ticks), strict=True):
        y = up.at(tick)
        yield f'<path class="grid" d="M{left} {place_of(y)}H{right}"/>'
        yield beside(told, y)
    ticks = across.span.ticks()
    widest = max(map(len, labels(ticks)), default=0)
    below = with_room(ticks, (right - left) / (_DIGIT * widest + _GAP))
    for tick, told in zip(below, labels(below), strict=True):
        x = place_of(across.at(tick))
        yield f'<path class="grid" d="M{x} {top}V{bottom}"/>'
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
    seen = series.drawable
    xs = [place_of(across.at(one.x)) for one in seen]
    ys = [place_of(up.at(one.y)) for one in seen]
    line = ""
    if plot.line and seen:
        joined = "".join(
            f"V{y}H{x}" if plot.steps else f"L{x} {y}" for x, y in zip(xs[1:], ys[1:], strict=True)
        )
        line = f'<path class="l"{dashed(place)} d="M{xs[0]} {ys[0]}{joined}"/>'
    label = f"{series.label.rpartition(' (')[0]}, " if len(plot.series) > 1 else ""
    dots = "".join(
        f'<path{_wide(point)} d="M{x} {y}h0"><title>{escaped(label + point.told)}</title></path>'
        for x, y, point in zip(xs, ys, seen, strict=True)
    )
    return f'<g class="c{place % COLORS}">{line}<g class="p">{dots}</g></g>'


def _wide(point: Point) -> str:
    """A point that stands for many rows is as large as they are many."""
    if point.share is None:
        return ""
    return f' stroke-width="{4 + 10 * math.sqrt(point.share):.1f}"'
