"""Numbers as pictures of one line: a curve of blocks, a bar."""

import math
from collections.abc import Sequence

_BLOCKS = "▁▂▃▄▅▆▇█"
_STEEP = 20.0
"""From this ratio of the largest to the smallest on, a curve shows logarithms: it would be flat
but for its first epochs."""


def picked(values: Sequence[float], most: int) -> list[float]:
    """At most so many of the values, evenly chosen, among them the last one.

    >>> picked([1.0, 2.0, 3.0, 4.0], 2), picked([1.0, 2.0], 5)
    ([2.0, 4.0], [1.0, 2.0])
    """
    count = len(values)
    if count <= most:
        return list(values)
    return [values[(place + 1) * count // most - 1] for place in range(most)]


def is_steep(values: Sequence[float]) -> bool:
    """Whether logarithms of the values say more than the values: all are above 0, and far apart.

    >>> is_steep([2.3, 0.01]), is_steep([2.3, 0.5]), is_steep([2.3, 0.0])
    (True, False, False)
    """
    finite = [value for value in values if math.isfinite(value)]
    return bool(finite) and min(finite) > 0 and max(finite) / min(finite) > _STEEP


def spark(values: Sequence[float], width: int) -> str:
    """A curve in one line; where a value is not finite there is a gap.

    >>> spark([1.0, 2.0, 3.0, 8.0], 10), spark([1.0, float("inf"), 1.0], 10), spark([], 10)
    ('▁▂▃█', '▁ ▁', '')
    """
    some = picked(values, width)
    if is_steep(some):
        some = [math.log(value) if math.isfinite(value) else value for value in some]
    finite = [value for value in some if math.isfinite(value)]
    low, high = min(finite, default=0.0), max(finite, default=0.0)
    top = len(_BLOCKS) - 1
    return "".join(
        " " if not math.isfinite(value) else _BLOCKS[_share(value, low, high, top)]
        for value in some
    )


def _share(value: float, low: float, high: float, top: int) -> int:
    """Where a value lies between two others, in whole steps up to `top`."""
    scale = high / 2 - low / 2  # the difference itself may be too large for a float
    return round(top * ((value / 2 - low / 2) / scale)) if scale > 0 else 0


def bar(done: int, total: int, width: int, *, plain: bool = False) -> tuple[str, str]:
    """The full and the empty part of a bar; plain: in ASCII.

    >>> bar(3, 6, 4), bar(9, 6, 4, plain=True)
    (('━━', '──'), ('====', ''))
    """
    full = min(width, width * done // max(total, 1))
    return ("=" if plain else "━") * full, ("-" if plain else "─") * (width - full)
