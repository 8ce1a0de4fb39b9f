"""What all charts have in common: their size, which values an axis shows, and coordinates."""

import math
from collections.abc import Sequence
from itertools import pairwise

from dlcli.deploy.card_wording import number
from dlcli.frozen import frozen

WIDTH, HEIGHT = 380, 230
LEFT, RIGHT, TOP, BOTTOM = 52, 10, 18, 24
"""The size of a chart, and what is left free around its lines."""

_WIDEST = 6
"""Characters for which there is room left of an axis."""

DASHES = ("", "6 3", "2 3", "8 3 2 3")
LEAST, LARGEST = 1e-290, 1e290
"""Beyond these, differences and ratios of numbers are not numbers any more."""


def drawable(value: float) -> bool:
    """Whether it is a number for which there is a place."""
    return abs(value) < LARGEST


@frozen
class Span:
    """The values that an axis shows; they must be drawable. logarithmic: by their logarithms."""

    low: float
    high: float
    logarithmic: bool = False

    def part(self, value: float) -> float:
        """How far along the axis a value is: 0 at its start, 1 at its end.

        >>> Span(10.0, 20.0).part(15.0), Span(1.0, 100.0, True).part(10.0)
        (0.5, 0.5)
        """
        low, high = self.low, self.high
        if self.logarithmic:
            value, low, high = math.log10(value), math.log10(low), math.log10(high)
        return (value - low) / (high - low)

    def ticks(self) -> list[float]:
        """Round values along the axis.

        >>> Span(0.2, 30.0, True).ticks(), Span(3.0, 9.0).ticks()
        ([0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0], [3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0])
        """
        if not self.logarithmic:
            return round_steps(self.low, self.high)
        first, last = math.log10(self.low), math.log10(self.high)
        powers = range(math.ceil(first), math.floor(last) + 1)
        every = max(1, math.ceil(len(powers) / 5))
        if len(powers) > 3:
            return [10.0**power for power in powers[::every]]
        below, above = math.floor(first), math.floor(last)
        between = [m * 10.0**power for power in range(below, above + 1) for m in (1, 2, 5)]
        return [tick for tick in between if first <= math.log10(tick) <= last]


def around(value: float) -> Span:
    """What an axis shows of a single value."""
    pad = abs(value) * 0.05 or 0.5
    return Span(value - pad, value + pad)


def labels(ticks: Sequence[float]) -> list[str]:
    """The ticks in words, with as many digits as tell them apart and where they are.

    >>> labels([0.0, 0.5, 1.0]), labels([123456.5, 123457.0])
    (['0', '0.5', '1'], ['123456.5', '123457'])
    """
    told = [number(tick) for tick in ticks]
    allowed = 0.05 * min((abs(low - high) for low, high in pairwise(ticks)), default=math.inf)
    for digits in range(5, 18):
        if all(abs(float(one) - tick) <= allowed for one, tick in zip(told, ticks, strict=True)):
            break
        told = [f"{tick:.{digits}g}" for tick in ticks]
    return told


def with_room(ticks: Sequence[float], room: float) -> Sequence[float]:
    """As many of the ticks as have room; room: how many numbers fit side by side, less one.

    >>> with_room([0.0, 1.0, 2.0, 3.0, 4.0], 3.5), with_room([0.0, 1.0], 0.5)
    ([0.0, 2.0, 4.0], [0.0, 1.0])
    """
    while len(ticks) > 2 and len(ticks) - 1 > room:
        ticks = ticks[::2]
    return ticks


def apart(one: float, other: float) -> tuple[str, str]:
    """Two numbers in words, with as many digits as tell how far apart they are.

    >>> apart(1.7e9, 1.7e9 + 23.5), apart(2.0, 2.0)
    (('1700000000', '1700000024'), ('2', '2'))
    """
    if one == other:
        return number(one), number(other)
    first, second = labels([one, other])
    return first, second


def round_steps(low: float, high: float) -> list[float]:
    """About five values between two numbers that people would choose.

    >>> round_steps(0.0, 1.0), round_steps(3.0, 9.0)
    ([0.0, 0.2, 0.4, 0.6, 0.8, 1.0], [3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0])
    """
    rough = (high - low) / 5
    if rough < LEAST:
        return [low]
    power = 10.0 ** math.floor(math.log10(rough))
    step = next((power * m for m in (1, 2, 5) if rough <= power * m * 1.2), power * 10)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    if last - first > 10:  # so close together that their last digits do not tell them apart
        return [low]
    return [float(f"{n * step:.12g}") for n in range(first, last + 1)]


def place_of(value: float) -> str:
    """A coordinate, to a tenth of a pixel.

    >>> place_of(12.0), place_of(3.14159)
    ('12', '3.1')
    """
    return f"{value:.1f}".removesuffix(".0")


def beside(told: str, y: float) -> str:
    """A number left of the axis at this height; drawn narrower where it has many characters.

    >>> beside("0.5", 18.0)
    '<text x="46" y="22" text-anchor="end">0.5</text>'
    """
    fit = f' textLength="{LEFT - 8}" lengthAdjust="spacingAndGlyphs"' if len(told) > _WIDEST else ""
    return f'<text x="{LEFT - 6}" y="{place_of(y + 4)}" text-anchor="end"{fit}>{told}</text>'
