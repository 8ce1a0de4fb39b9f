"""Curves as SVG: a line over the epochs, with a point for each that says what it is."""

from collections.abc import Iterator, Sequence

from dlcli.deploy.card_wording import number
from dlcli.frozen import frozen
from dlcli.report.axes import (
    BOTTOM,
    DASHES,
    HEIGHT,
    LEFT,
    RIGHT,
    TOP,
    WIDTH,
    Span,
    beside,
    drawable,
    labels,
    place_of,
)
from dlcli.report.lines import (
    Curve,
    corners,
    epoch_ticks,
    is_crowded,
    longest,
    only_best,
    part_of_epoch,
    span_of,
)
from dlcli.report.markup import escaped
from dlcli.report.style import COLORS


def chart(
    title: str,
    curves: Sequence[Curve],
    places: Sequence[int],
    stride: int = 1,
    *,
    linear: bool = False,
) -> str:
    """A figure. title: HTML. places: which color and dash each curve has.

    stride: only every so many epochs have a point of their own; the line goes through all.
    """
    span = span_of(curves, linear)
    if span is None:
        return ""
    epochs = longest(curves)
    scale = _Scale(span, epochs)
    best = only_best(curves)
    parts = [*_axes(scale, epochs)]
    if best is not None:
        parts += _mark(scale, best)
    for curve, place in zip(curves, places, strict=True):
        parts.append(_drawn(curve, place, scale, stride))
    crowded = " many" if is_crowded(curves) else ""
    keys = ""
    if len(curves) <= 2 and curves[0].key:
        keys = "".join(
            f' <span class="key c{place % COLORS}">{_swatch(place)} {escaped(curve.key)}</span>'
            for curve, place in zip(curves, places, strict=True)
        )
    note = ' <span class="key soft">logarithmic</span>' if span.logarithmic else ""
    return (
        f"<figure>\n<figcaption>{title}{keys}{note}</figcaption>\n"
        f'<svg class="chart{crowded}" viewBox="0 0 {WIDTH} {HEIGHT}" role="img">\n'
        + "\n".join(parts)
        + "\n</svg>\n</figure>"
    )


def _swatch(place: int) -> str:
    return ("━", "╍", "┅", "┉")[place // COLORS % len(DASHES)]


def dashed(place: int) -> str:
    """How the n-th line is dashed, as an attribute."""
    dash = DASHES[place // COLORS % len(DASHES)]
    return f' stroke-dasharray="{dash}"' if dash else ""


def key_of(place: int, label: str) -> str:
    """An entry of a legend; label: HTML."""
    return f'<span class="c{place % COLORS}">{_swatch(place)}</span> {label}'


@frozen
class _Scale:
    """From epochs and values to places in the picture."""

    span: Span
    epochs: int

    def x(self, epoch: int) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * part_of_epoch(epoch, self.epochs)

    def y(self, value: float) -> float:
        return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * self.span.part(value)


def _axes(scale: _Scale, epochs: int) -> Iterator[str]:
    left, right, bottom = LEFT, WIDTH - RIGHT, HEIGHT - BOTTOM
    ticks = scale.span.ticks()
    for tick, told in zip(ticks, labels(ticks), strict=True):
        y = scale.y(tick)
        yield f'<path class="grid" d="M{left} {place_of(y)}H{right}"/>'
        yield beside(told, y)
    yield f'<path class="grid" d="M{left} {bottom}H{right}"/>'
    for epoch in epoch_ticks(epochs):
        anchor = "end" if epoch == epochs > 1 else "middle"
        x = place_of(scale.x(epoch))
        told = f"epoch {epoch}" if epoch == 1 else str(epoch)
        yield f'<text x="{x}" y="{HEIGHT - 7}" text-anchor="{anchor}">{told}</text>'


def _mark(scale: _Scale, best: int) -> Iterator[str]:
    x = scale.x(best)
    yield f'<path class="best" d="M{place_of(x)} {TOP}V{HEIGHT - BOTTOM}"/>'
    told = f"best: {best}"
    # The numbers along the axis may stand as high as these words.
    middle = place_of(min(max(x, LEFT + 3.5 * len(told)), WIDTH - 40.0))
    yield f'<text x="{middle}" y="{TOP - 6}" text-anchor="middle">{told}</text>'


def _drawn(curve: Curve, place: int, scale: _Scale, stride: int) -> str:
    label = f"{curve.label} " if curve.label else ""
    points, last = [], len(curve.values)
    ends = {epoch for epoch in (curve.marked, last) if 1 <= epoch <= last}
    for epoch in sorted({*range(1, last + 1, stride), *ends}):
        value = curve.values[epoch - 1]
        if drawable(value):
            told = f"{label}epoch {epoch}: {number(value)}"
            kind = ""
            if epoch == curve.marked:
                told, kind = f"{told} (best)", ' class="b"'
            x, y = place_of(scale.x(epoch)), place_of(scale.y(value))
            points.append(f'<path{kind} d="M{x} {y}h0"><title>{escaped(told)}</title></path>')
    return (
        f'<g class="c{place % COLORS}"><path class="l"{dashed(place)} d="{_line(curve, scale)}"/>'
        f'<g class="p">{"".join(points)}</g></g>'
    )


def _line(curve: Curve, scale: _Scale) -> str:
    parts, begun = [], False
    for epoch in corners(curve.values):
        value = curve.values[epoch - 1]
        if not drawable(value):
            begun = False
            continue
        x, y = place_of(scale.x(epoch)), place_of(scale.y(value))
        parts.append(f"{'L' if begun else 'M'}{x} {y}")
        begun = True
    return "".join(parts)
