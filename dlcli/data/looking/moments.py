"""Dates and periods in columns of text: how they are written, and whether rows follow them."""

import re
from collections.abc import Sequence
from itertools import pairwise

from dlcli.dates import ISO, to_seconds

FORMATS = (
    ISO, "%Y-%m", "%Y/%m/%d", "%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%d-%m-%Y", "%m-%d-%Y",
    "%d/%m/%y", "%m/%d/%y", "%d.%m.%y", "%d.%m.%Y %H:%M", "%d/%m/%Y %H:%M", "%m/%d/%Y %H:%M",
    "%m/%d/%y %H:%M", "%d/%m/%y %H:%M", "%Y/%m/%d %H:%M", "%Y/%m/%d %H:%M:%S",
    "%d/%m/%Y %H:%M:%S", "%m/%d/%Y %H:%M:%S", "%d.%m.%Y %H:%M:%S", "%d %b %Y", "%d-%b-%Y",
    "%d-%b-%y", "%b %d, %Y", "%B %d, %Y", "%d %B %Y", "%b %Y", "%b-%Y", "%b-%y", "%B %Y", "%m/%Y",
    "%Y %b", "%Y-%b-%d", "%b-%d-%Y", "%Y%m%dT%H%M%S",
)  # fmt: skip
"""Those that are tried, in this order; where two fit, the one by which the rows ascend."""

_PERIOD = re.compile(r"(\d{1,4})[-/ ]?[MmQqWw]?(\d{1,2})", re.ASCII)


class Moments:
    """The formats that fit all cells seen so far, and whether rows ascend by them."""

    def __init__(self) -> None:
        self._last: dict[str, float | None] = dict.fromkeys(FORMATS)
        self._ascending = dict.fromkeys(FORMATS, True)
        self._seen = False

    def add(self, cells: Sequence[str]) -> None:
        """cells: in the order of the rows, without those that are missing."""
        known: dict[tuple[str, str], float | None] = {}
        self._seen |= bool(cells)
        for written in list(self._last):
            for cell in cells:
                key = (written, cell)
                if key not in known:
                    known[key] = to_seconds(cell, written)
                moment, last = known[key], self._last[written]
                if moment is None:
                    del self._last[written], self._ascending[written]
                    break
                if last is not None and moment <= last:
                    self._ascending[written] = False
                self._last[written] = moment

    @property
    def fits(self) -> tuple[str, ...]:
        """How the cells may be written, the likeliest way first; empty for no dates."""
        if not self._seen:
            return ()
        return tuple(sorted(self._last, key=lambda way: not self._ascending[way]))

    @property
    def ascending(self) -> bool:
        """Whether each row is later than the one before."""
        return bool(self.fits) and self._ascending[self.fits[0]]


def periods(cells: Sequence[str]) -> str | None:
    """What consecutive periods are, such as "months 1 to 12 of year 1 and on"; else None.

    >>> periods(["1-11", "1-12", "2-01", "2-02"])
    'from 1-11 to 2-02 without a gap'
    >>> periods(["1-11", "1-13"]) is periods(["2-01", "1-12"]) is None
    True
    """
    found = [_PERIOD.fullmatch(cell.strip()) for cell in cells]
    if len(cells) < 3 or not all(found):
        return None
    pairs = [(int(one[1]), int(one[2])) for one in found if one]
    length = max(small for _, small in pairs)
    for (year, part), (later, next_part) in pairwise(pairs):
        if (later, next_part) not in ((year, part + 1), (year + 1, 1)):
            return None
        if later > year and part != length:
            return None
    if length not in (4, 12, 52, 53):
        return None
    return f"from {cells[0]} to {cells[-1]} without a gap"
