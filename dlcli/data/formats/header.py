"""Whether the first line of a table is data instead of the names of its columns.

Names are unlike the cells below them: a word above numbers, a word that does not come again. Data
are like them. Each cell of the first line is a witness for one side, or for none (an empty one, a
mark of a missing value, a new word above words); names must be in the majority as soon as one
cell speaks for data, for a row that is taken for names is lost without a word.
"""

from collections import Counter
from collections.abc import Sequence

from dlcli.data.formats.looks import kind_of
from dlcli.data.formats.notation import Format, to_numbers

Row = Sequence[str]
_NUMBERS = ("number", "notation")


def like_data(first: Row, rows: Sequence[Row], format: Format) -> str | None:
    """Why the first line looks like data, such as "3 of 4 cells are numbers"; None if it does not.

    rows: the first lines below it.
    """
    first = [cell.strip() for cell in first]
    below = [[cell.strip() for cell in row] for row in rows if len(row) == len(first)]
    columns = [[row[j] for row in below] for j in range(len(first))]
    if _counts_columns(first, columns, format):
        return None
    numbers = names = alike = again = 0
    for cell, column in zip(first, columns, strict=True):
        kind = kind_of(cell, format)
        if kind == "missing":
            continue
        if kind in _NUMBERS:
            if column and cell not in column and _share(column, _NUMBERS, format) == 0.0:
                names += 1
            else:
                numbers += 1
        elif _share(column, _NUMBERS, format) > 0.5:
            names += 1
        elif kind is not None and _share(column, (kind,), format) > 0.5:
            alike += 1
        elif cell in column:
            again += 1
    if names and again and first in below:  # files with headers, put one behind the other
        others = [row for row in below if row != first]
        return like_data(first, others, format)
    if numbers + alike + again == 0 or numbers + alike + again < names:
        return None
    return _reason(len(first), numbers, alike, again)


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


def _share(column: Row, kinds: Sequence[str], format: Format) -> float:
    """The share of the column's cells of these kinds among those that are not missing."""
    if kinds is _NUMBERS and column and to_numbers(column, format) is not None:
        return 1.0
    of_kinds = filled = 0
    for cell, count in Counter(column).items():
        kind = kind_of(cell, format)
        filled += count if kind != "missing" else 0
        of_kinds += count if kind in kinds else 0
    return of_kinds / filled if filled else 0.0


def _counts_columns(first: Row, columns: Sequence[Row], format: Format) -> bool:
    """0, 1, 2, ... above cells of other kinds: the names that a table gets from a program."""
    given = first[1:] if first[0] == "" else first
    counted = [[str(start + i) for i in range(len(given))] for start in (0, 1)]
    if len(given) < 3 or list(given) not in counted:
        return False
    filled = [column for column in columns[len(first) - len(given) :] if column]
    return any(not any(cell.lstrip("+-").isdigit() for cell in column) for column in filled)


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
