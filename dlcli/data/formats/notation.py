"""How numbers are written: decimal and thousands separators, read strictly.

Nothing is guessed here: a cell is a number of this notation, whole and well formed, or it is none.
"""

import re
from collections.abc import Sequence
from functools import cache

import numpy as np

from dlcli.data.dataset import Array
from dlcli.frozen import frozen

_ALIKE = {" ": " \u00a0\u2009\u202f", "'": "'\u2019"}
"""Separators that people type as one and that programs write as another."""


BLANKS = "blanks"
"""The delimiter that is any run of spaces and tabs."""

JSON = "json lines"
"""The delimiter of a file whose rows are JSON objects, one on a line."""


@frozen
class Format:
    """How a delimited file is written.

    delimiter: one character, BLANKS or JSON.
    header: whether line 1 names the columns; None: it does, unless it looks like data.
    decimal: between the whole part and the fraction of a number, "." or ",".
    thousands: between groups of three digits, or None where numbers have no such groups.
    comment: what lines begin with that are no rows.
    quote: around cells that hold a delimiter, a quote (written twice) or a line break.
    names: of the columns, where the file does not name them, or otherwise.
    missing: the cells that stand for no value, without the blanks around them.
    """

    delimiter: str = ","
    header: bool | None = None
    decimal: str = "."
    thousands: str | None = None
    comment: str | None = None
    quote: str = '"'
    names: tuple[str, ...] | None = None
    missing: tuple[str, ...] = ()

    @property
    def plain(self) -> bool:
        """Whether numbers are written as programs write them."""
        return self.decimal == "." and self.thousands is None

    def holes(self, cells: Sequence[str]) -> Array | None:
        """Which of the cells are missing: bool (n,); None where none is."""
        if not self.missing:
            return None
        marks = frozenset(self.missing)
        found = np.fromiter((cell.strip() in marks for cell in cells), np.bool_, len(cells))
        return found if found.any() else None


PLAIN = Format()

MISSING = ("", "NA", "N/A", "NaN", "nan", "null", "None", "?")
"""The cells that stand for no value where nothing else is said."""


def to_numbers(cells: Sequence[str], format: Format = PLAIN) -> Array | None:
    """The cells as finite float64 numbers, or None where one of them is not.

    >>> to_numbers(["1", " 2.5", "-3e2"])
    array([   1. ,    2.5, -300. ])
    >>> to_numbers(["1", "1_000"]) is None  # float() would take it
    True
    >>> to_numbers(["1.234,5", "12"], Format(decimal=",", thousands="."))
    array([1234.5,   12. ])
    >>> to_numbers(["12.34"], Format(decimal=",", thousands=".")) is None
    True
    """
    if not format.plain:
        matches = _pattern(format.decimal, format.thousands).fullmatch
        if not all(map(matches, cells)):
            return None
        cells = [plain_text(cell, format) for cell in cells]
    try:
        values = np.fromiter(map(float, cells), np.float64, len(cells))
    except ValueError:
        return None
    joined = "".join(cells)
    if "_" in joined or not joined.isascii() or not np.isfinite(values).all():
        return None
    return values


def with_gaps(cells: Sequence[str], format: Format) -> Array | None:
    """`to_numbers`, with NaN for what is missing.

    >>> with_gaps(["1", " ? ", "2"], Format(missing=("?",)))
    array([ 1., nan,  2.])
    """
    if not marks_are_numbers(format):
        values = to_numbers(cells, format)
        if values is not None:
            return values
    holes = format.holes(cells)
    if holes is None:
        return to_numbers(cells, format) if marks_are_numbers(format) else None
    filled = to_numbers([c for c, hole in zip(cells, holes, strict=True) if not hole], format)
    if filled is None:
        return None
    values = np.full(len(cells), np.nan)
    values[~holes] = filled
    return values


@cache
def marks_are_numbers(format: Format) -> bool:
    """Whether a number stands for no value, such as -9."""
    return any(is_number(mark, format) for mark in format.missing)


def is_number(cell: str, format: Format = PLAIN) -> bool:
    """Whether the cell is a finite number."""
    return to_numbers([cell], format) is not None


def plain_text(cell: str, format: Format) -> str:
    """A number of this notation as programs write it: no groups, and a point.

    >>> plain_text("-1.234,5", Format(decimal=",", thousands="."))
    '-1234.5'
    """
    cell = cell.strip()
    for mark in _ALIKE.get(format.thousands or "", format.thousands or ""):
        cell = cell.replace(mark, "")
    return cell if format.decimal == "." else cell.replace(format.decimal, ".")


@cache
def _pattern(decimal: str, thousands: str | None) -> re.Pattern[str]:
    """A number; groups have three digits each, all of them, and the first begins with 1 to 9."""
    whole, mark = "[0-9]+", re.escape(decimal)
    if thousands is not None:
        separator = f"[{re.escape(_ALIKE.get(thousands, thousands))}]"
        whole = f"(?:[0-9]+|[1-9][0-9]{{0,2}}(?:{separator}[0-9]{{3}})+)"
    digits = f"(?:{whole}(?:{mark}[0-9]*)?|{mark}[0-9]+)"
    return re.compile(rf"[ \t]*[+-]?{digits}(?:[eE][+-]?[0-9]+)?[ \t]*")
