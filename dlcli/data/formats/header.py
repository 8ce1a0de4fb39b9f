"""Whether the first line of a table is data instead of the names of its columns.

Names are unlike the cells below them: a word above numbers, a word that does not come again. Data
are like them. Each cell of the first line is a witness for one side, or for none (an empty one, a
mark of a missing value, a new word above many); names must be in the majority as soon as one cell
speaks for data, for a row that is taken for names is lost without a word.
"""

import csv
from collections import Counter
from collections.abc import Mapping, Sequence

from dlcli.data.formats.looks import kind_of
from dlcli.data.formats.notation import BLANKS, Format, to_numbers

Row = Sequence[str]
_NUMBERS = ("number", "notation")


def like_data(first: Row, rows: Sequence[Row], format: Format) -> str | None:
    """Why the first line looks like data, such as "3 of 4 cells are numbers"; None if it does not.

    rows: the first lines below it.
    """
    first = [cell.strip() for cell in first]
    below = [[cell.strip() for cell in row] for row in rows if len(row) == len(first)]
    columns = [[row[j] for row in below] for j in range(len(first))]
    if _counts_columns(first, columns):
        return None
    found = Counter(_witness(c, column, format) for c, column in zip(first, columns, strict=True))
    words = found["word"]
    names = words + found["new"]
    data = found["number"] + found["alike"] + found["again"]
    if words and found["again"] and first in below:  # files put one behind the other
        return like_data(first, [row for row in below if row != first], format)
    if not data or data < names or (data == names and words and not found["number"]):
        return None
    return _reason(len(first), found["number"], found["alike"], found["again"])


def _witness(cell: str, column: Row, format: Format) -> str | None:
    """What a cell of the first line says. For data: number, alike (of the kind of the cells
    below), again (one of them); for names: word (above numbers), new (above a few words that come
    again and again); else None."""
    kind = kind_of(cell, format)
    if kind == "missing":
        return None
    counts = Counter(column)
    numbers = _share(counts, _NUMBERS, format)
    if kind in _NUMBERS:
        return "word" if numbers == 0.0 and cell not in counts else "number"
    if numbers is not None and numbers > 0.5:
        return "word"
    if kind is not None and (_share(counts, (kind,), format) or 0.0) > 0.5:
        return "alike"
    if cell in counts:
        return "again"
    return "new" if len(column) >= 4 and 2 * len(counts) <= len(column) else None


def split_otherwise(first: Row, rows: Sequence[Row], format: Format) -> tuple[str, str] | None:
    """For lines of one cell: the delimiter at which they fall into data, and the reason.

    The delimiter is "" where runs of blanks are meant.
    """
    for mark in ("\t", ";", "|", ",", ""):
        if mark == format.delimiter:
            continue
        split = [row[0].strip().split(mark or None) for row in (first, *rows) if row]
        if len(split[0]) > 1 and all(len(cells) == len(split[0]) for cells in split):
            reason = like_data(split[0], split[1:], format)
            if reason is not None:
                return mark, reason
    return None


def cut_better(first: Row, rows: Sequence[Row], format: Format) -> str | None:
    """Another delimiter at which all lines fall into more cells, equally many in each."""
    if format.delimiter == BLANKS or not rows:
        return None
    lines = [format.delimiter.join(row).strip() for row in (first, *rows) if row]
    for mark in (";", "\t", "|", BLANKS):
        if mark == format.delimiter:
            continue
        if mark == BLANKS:
            cut = list(csv.reader(lines, delimiter=" ", quotechar=format.quote))
            digits = sum(any(map(str.isdigit, cell)) for row in cut for cell in row)
            if len(cut[0]) < 3 or 2 * digits < sum(map(len, cut)):  # prose
                continue
        else:
            cut = [line.split(mark) for line in lines]
        if len({len(row) for row in cut}) == 1 and len(cut[0]) > len(first):
            return mark
    return None


def in_apostrophes(first: Row, rows: Sequence[Row], format: Format) -> bool:
    """Whether cells that hold the delimiter are in single quotes: with `quote: "'"` all lines have
    equally many cells, and without it some have more."""
    if format.quote == "'" or format.delimiter == BLANKS or not rows:
        return False
    whole = [row for row in (first, *rows) if row]
    if not any(cell.strip().startswith("'") for row in whole for cell in row):
        return False
    lines = [format.delimiter.join(row) for row in whole]
    try:
        cut = list(csv.reader(lines, delimiter=format.delimiter, quotechar="'", strict=True))
    except csv.Error:
        return False
    return len({len(row) for row in cut}) == 1 and any(
        len(row) != len(other) for row, other in zip(cut, whole, strict=True)
    )


def _share(counts: Mapping[str, int], kinds: Sequence[str], format: Format) -> float | None:
    """The share of these kinds among the cells that are not missing; None where all are."""
    if kinds is _NUMBERS and counts and to_numbers(list(counts), format) is not None:
        return 1.0
    of_kinds = filled = 0
    for cell, count in counts.items():
        kind = kind_of(cell, format)
        filled += count if kind != "missing" else 0
        of_kinds += count if kind in kinds else 0
    return of_kinds / filled if filled else None


def _counts_columns(first: Row, columns: Sequence[Row]) -> bool:
    """0, 1, 2, ... above other cells: the names that a program gives. Others may be among them."""
    counted = [cell for cell in first if cell.isdecimal()]
    if len(counted) < 3 or counted not in (
        [str(start + i) for i in range(len(counted))] for start in (0, 1)
    ):
        return False
    for cell, column in zip(first, columns, strict=True):
        if cell.isdecimal() and any(other.lstrip("+-").isdecimal() for other in column):
            return False
        if cell in column:
            return False
    return bool(columns[0])


def _reason(width: int, numbers: int, alike: int, again: int) -> str:
    of = f"of {width} cells" if width > 1 else "of 1 cell"
    told = []
    if numbers:
        told.append(f"{numbers} {of} {'are numbers' if numbers > 1 else 'is a number'}")
    if alike and 2 * numbers < width:
        told.append(f"{alike} {of} look{'' if alike > 1 else 's'} like the cells below")
    if again and 2 * numbers < width:
        come = "come again in their columns" if again > 1 else "comes again in its column"
        told.append(f"{again} {of} {come}")
    return " and ".join(told)
