"""Curves as SVG: a line over the epochs, with a point for each that says what it is."""

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
from dlcli.report.markup import escaped
from dlcli.report.style import COLORS

_MOST_ON_A_LINE = 600
"""Corners of a line: more than a screen can show beside each other here."""

_CROWDED = 60
_STRETCH = 50.0
"""From this ratio of its largest to its least value on, a loss is shown by its logarithm."""


@frozen
class Curve:
    """A line. label: what each point is of, empty where there is one line only.

    values: one an epoch, from the first on; those that are no finite number are gaps.
    marked: the epoch whose point is always shown, or 0.
    """

    key: str
    label: str
    values: Sequence[float]
    marked: int = 0


def chart(title: str, curves: Sequence[Curve], places: Sequence[int], stride: int = 1) -> str:
    """A figure. title: HTML. places: which color and dash each curve has.

    stride: only every so many epochs have a point of their own; the line goes through all.
    """
    finite = [value for curve in curves for value in curve.values if drawable(value)]
    if not finite:
        return ""
    epochs = max(len(curve.values) for curve in curves)
    scale = _Scale.of(finite, epochs)
    best = sorted({curve.marked for curve in curves if curve.marked})
    parts = [*_axes(scale, epochs)]
    if len(curves) <= 2 and len(best) == 1:
        parts += _mark(scale, best[0])
    for curve, place in zip(curves, places, strict=True):
        parts.append(_drawn(curve, place, scale, stride))
    crowded = " many" if epochs > _CROWDED or len(curves) > 2 else ""
    keys = ""
    if len(curves) <= 2 and curves[0].key:
        keys = "".join(
            f' <span class="key c{place % COLORS}">{_swatch(place)} {escaped(curve.key)}</span>'
            for curve, place in zip(curves, places, strict=True)
        )
    note = ' <span class="key soft">logarithmic</span>' if scale.logarithmic else ""
    return (
        f"<figure>\n<figcaption>{title}{keys}{note}</figcaption>\n"
        f'<svg class="chart{crowded}" viewBox="0 0 {WIDTH} {HEIGHT}" role="img">\n'
        + "\n".join(parts)
        + "\n</svg>\n</figure>"
    )


def _swatch(place: int) -> str:
    return ("━", "╍", "┅", "┉")[place // COLORS % len(DASHES)]


def key_of(place: int, label: str) -> str:
    """An entry of a legend; label: HTML."""
    return f'<span class="c{place % COLORS}">{_swatch(place)}</span> {label}'


@frozen
class _Scale:
    """From epochs and values to places in the picture."""

    low: float
    high: float
    epochs: int
    logarithmic: bool

    @staticmethod
    def of(values: Sequence[float], epochs: int) -> "_Scale":
        low, high = min(values), max(values)
        # A few first epochs of a loss would flatten all others.
        if low > LEAST and high / low > _STRETCH:
            return _Scale(math.log10(low), math.log10(high), epochs, True)
        if not high - low > LEAST:
            pad = abs(low) * 0.05 or 0.5
            low, high = low - pad, high + pad
        return _Scale(low, high, epochs, False)

    def x(self, epoch: int) -> float:
        inside = WIDTH - LEFT - RIGHT
        return LEFT + inside * ((epoch - 1) / (self.epochs - 1) if self.epochs > 1 else 0.5)

    def y(self, value: float) -> float:
        place = math.log10(value) if self.logarithmic else value
        part = (place - self.low) / (self.high - self.low)
        return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * part

    def ticks(self) -> list[float]:
        """Round values along the axis."""
        if self.logarithmic:
            powers = range(math.ceil(self.low), math.floor(self.high) + 1)
            every = max(1, math.ceil(len(powers) / 5))
            if len(powers) > 3:
                return [10.0**power for power in powers[::every]]
            low, high = math.floor(self.low), math.floor(self.high)
            between = [m * 10.0**power for power in range(low, high + 1) for m in (1, 2, 5)]
            return [tick for tick in between if self.low <= math.log10(tick) <= self.high]
        return round_steps(self.low, self.high)


def _axes(scale: _Scale, epochs: int) -> Iterator[str]:
    left, right, bottom = LEFT, WIDTH - RIGHT, HEIGHT - BOTTOM
    for tick in scale.ticks():
        y = scale.y(tick)
        yield f'<path class="grid" d="M{left} {place_of(y)}H{right}"/>'
        yield beside(tick, y)
    yield f'<path class="grid" d="M{left} {bottom}H{right}"/>'
    shown = {1, epochs}
    for tick in round_steps(1.0, float(epochs)) if epochs > 1 else ():
        far = abs(tick - epochs) > epochs / 9 and tick - 1 > epochs / 9
        if tick == int(tick) and far:
            shown.add(int(tick))
    for epoch in sorted(shown):
        anchor = "end" if epoch == epochs > 1 else "middle"
        x = place_of(scale.x(epoch))
        yield f'<text x="{x}" y="{HEIGHT - 7}" text-anchor="{anchor}">{epoch}</text>'


def _mark(scale: _Scale, best: int) -> Iterator[str]:
    x = scale.x(best)
    yield f'<path class="best" d="M{place_of(x)} {TOP}V{HEIGHT - BOTTOM}"/>'
    told = f"best: {best}"
    # The numbers along the axis may stand as high as these words.
    middle = place_of(min(max(x, LEFT + 3.5 * len(told)), WIDTH - 40.0))
    yield f'<text x="{middle}" y="{TOP - 6}" text-anchor="middle">{told}</text>'


def _drawn(curve: Curve, place: int, scale: _Scale, stride: int) -> str:
    dash = DASHES[place // COLORS % len(DASHES)]
    dashed = f' stroke-dasharray="{dash}"' if dash else ""
    label = f"{curve.label} " if curve.label else ""
    points = []
    for epoch, value in enumerate(curve.values, 1):
        ends = epoch in (len(curve.values), curve.marked)
        if drawable(value) and ((epoch - 1) % stride == 0 or ends):
            told = f"{label}epoch {epoch}: {number(value)}"
            kind = ""
            if epoch == curve.marked:
                told, kind = f"{told} (best)", ' class="b"'
            x, y = place_of(scale.x(epoch)), place_of(scale.y(value))
            points.append(f'<path{kind} d="M{x} {y}h0"><title>{escaped(told)}</title></path>')
    return (
        f'<g class="c{place % COLORS}"><path class="l"{dashed} d="{_line(curve, scale)}"/>'
        f'<g class="p">{"".join(points)}</g></g>'
    )


def _line(curve: Curve, scale: _Scale) -> str:
    parts, begun = [], False
    for epoch in _corners(curve.values):
        value = curve.values[epoch - 1]
        if not drawable(value):
            begun = False
            continue
        x, y = place_of(scale.x(epoch)), place_of(scale.y(value))
        parts.append(f"{'L' if begun else 'M'}{x} {y}")
        begun = True
    return "".join(parts)


def _corners(values: Sequence[float]) -> list[int]:
    """The epochs through which the line goes: all, or of each stretch the least and the largest."""
    count = len(values)
    if count <= _MOST_ON_A_LINE:
        return list(range(1, count + 1))
    kept = {1, count}
    stretches = _MOST_ON_A_LINE // 2
    for n in range(stretches):
        epochs = range(1 + count * n // stretches, 1 + count * (n + 1) // stretches)
        kept |= {
            min(epochs, key=lambda epoch: values[epoch - 1]),
            max(epochs, key=lambda epoch: values[epoch - 1]),
        }
    return sorted(kept)
