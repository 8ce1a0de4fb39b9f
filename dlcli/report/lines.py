"""Curves over the epochs, as plain values: where a line goes, and what its axes show."""

from collections.abc import Sequence

from dlcli.frozen import frozen
from dlcli.report.axes import LEAST, Span, around, drawable, round_steps

_CROWDED = 60
"""Of more epochs than that, points are drawn small or left out."""

_MOST_ON_A_LINE = 600
"""Corners of a line: more than a screen can show beside each other here."""

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


def span_of(curves: Sequence[Curve], linear: bool = False) -> Span | None:
    """From the least value of all curves to the largest; None where none can be drawn.

    linear: also where most of them are small beside the largest.
    """
    values = [value for curve in curves for value in curve.values if drawable(value)]
    if not values:
        return None
    low, high = min(values), max(values)
    # A few first epochs of a loss would flatten all others.
    if low > LEAST and high / low > _STRETCH and not linear:
        return Span(low, high, logarithmic=True)
    return Span(low, high) if high - low > LEAST else around(low)


def longest(curves: Sequence[Curve]) -> int:
    """The epochs of the longest of them."""
    return max(len(curve.values) for curve in curves)


def is_crowded(curves: Sequence[Curve]) -> bool:
    """Whether there are so many points that they are drawn small or left out."""
    return longest(curves) > _CROWDED or len(curves) > 2


def only_best(curves: Sequence[Curve]) -> int | None:
    """The best epoch, where it is that of the whole chart."""
    best = {curve.marked for curve in curves if curve.marked}
    return best.pop() if len(curves) <= 2 and len(best) == 1 else None


def part_of_epoch(epoch: float, epochs: int) -> float:
    """How far along the axis an epoch is: 0 at the first, 1 at the last; the only one between."""
    return (epoch - 1) / (epochs - 1) if epochs > 1 else 0.5


def epoch_ticks(epochs: int) -> list[int]:
    """The first, the last, and round numbers that are not too close to these.

    >>> epoch_ticks(1), epoch_ticks(48)
    ([1], [1, 10, 20, 30, 40, 48])
    """
    shown = {1, epochs}
    for tick in round_steps(1.0, float(epochs)) if epochs > 1 else ():
        far = abs(tick - epochs) > epochs / 9 and tick - 1 > epochs / 9
        if tick == int(tick) and far:
            shown.add(int(tick))
    return sorted(shown)


def corners(values: Sequence[float]) -> list[int]:
    """The epochs through which the line goes: all, or of each stretch the least and the largest.

    A gap in a stretch stays one.
    """
    count = len(values)
    if count <= _MOST_ON_A_LINE:
        return list(range(1, count + 1))
    kept = {1, count}
    stretches = _MOST_ON_A_LINE // 2
    for n in range(stretches):
        start = count * n // stretches
        stretch = values[start : count * (n + 1) // stretches]
        seen = list(filter(drawable, stretch))
        if seen:
            kept |= {start + 1 + stretch.index(end(seen)) for end in (min, max)}
        if len(seen) < len(stretch):
            kept.add(start + next(k for k, one in enumerate(stretch, 1) if not drawable(one)))
    return sorted(kept)
