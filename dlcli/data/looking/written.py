"""How a delimited file is written, found by cutting its first rows in each way that there is.

The right way cuts all lines into equally many cells, and into cells that hold no other delimiter.
"""

import csv
import io
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

from dlcli.data.formats.header import like_data
from dlcli.data.formats.lines import rows_of
from dlcli.data.formats.looks import kind_of
from dlcli.data.formats.notation import BLANKS, MISSING, Format, is_number, to_numbers
from dlcli.data.formats.unpacked import unpacked
from dlcli.errors import DataError, UsageError
from dlcli.frozen import frozen

ROWS = 10_000
"""Rows by which it is found how numbers are written."""
_TRIED = 1000
_CELLS = 200_000
_LOOKED_AT = 1500
_FEW = 100
_MARKS = (",", ";", "\t", "|")
_COMMENTS = ("#", "%", "//")
_NOTATIONS = tuple(
    (decimal, thousands)
    for decimal, thousands in (
        (".", None), (".", ","), (",", None), (",", "."), (".", " "), (",", " "), (".", "'"),
        (",", "'"), (".", "_"), (",", "_"),
    )
)  # fmt: skip

Row = Sequence[str]


@frozen
class Written:
    """How a file is written.

    format: its header is None where the first line holds names, and False where it does not.
    reasons: in words, by the name of the option.
    """

    format: Format
    reasons: dict[str, str]


def sniff(path: Path) -> Written:
    """How the file is written; DataError for what is no table of text."""
    start = _start(path)
    tried = [
        (_Cut(rows), comment, mark)
        for comment in _comments(start)
        for mark in (*_MARKS, BLANKS)
        if (rows := _rows(path, Format(mark, comment=comment)))
    ]
    fitting = [one for one in tried if one[0].fits(one[2])]
    reasons = {}
    if fitting:
        cut, comment, delimiter = max(fitting, key=lambda one: one[0].rank)
        reasons["delimiter"] = f"it cuts {cut.told} into {cut.width} cells"
    else:
        comment, delimiter = _comments(start)[-1], ","
        reasons["delimiter"] = "nothing cuts all lines into equally many cells; the usual one"
    format = Format(delimiter, comment=comment, missing=MISSING)
    if comment is not None:
        reasons["comment"] = "lines that begin so are no rows"
    rows = _rows(path, format)
    if rows and _in_apostrophes(rows):
        quoted = Format(delimiter, comment=comment, quote="'", missing=MISSING)
        other = _rows(path, quoted)
        if other and _Cut(other).share >= _Cut(rows).share:
            format, rows = quoted, other
            reasons["quote"] = "cells begin and end with it"
    if not rows:  # say what the reader says
        with rows_of(path, format) as wrong:
            next(wrong, None)
        raise DataError(f"{path} is empty.", file=path)
    return _with_numbers(path, format, reasons)


def _with_numbers(path: Path, format: Format, reasons: dict[str, str]) -> Written:
    """With header and notation; these need the delimiter."""
    rows = _rows(path, format, ROWS)
    first, below = rows[0], rows[1:]
    if below and all(len(row) == len(first) + 1 for row in below):
        first = ["", *first]  # as R writes tables with names of rows
    decimal, thousands = _notation(below, format)
    format = Format(
        format.delimiter, None, decimal, thousands, format.comment, format.quote, None, MISSING
    )
    if (decimal, thousands) != (".", None):
        reasons["decimal"] = "more columns are numbers when they are read so"
    why = like_data(first, below[:_TRIED], format)
    if why is None:
        reasons["header"] = "the first line is unlike the lines below it"
        return Written(format, reasons)
    reasons["header"] = f"in the first line, {why}"
    told = Format(
        format.delimiter, False, decimal, thousands, format.comment, format.quote, None, MISSING
    )
    return Written(told, reasons)


class _Cut:
    """What one way of cutting makes of the first lines."""

    def __init__(self, rows: Sequence[Row]) -> None:
        body = rows[1:] if len(rows) > 1 and len(rows[0]) + 1 == len(rows[1]) else rows
        widths = Counter(map(len, body))
        self.width, count = widths.most_common(1)[0]
        self.share = count / len(body)
        self._cells = list(
            dict.fromkeys(cell.strip() for row in body[:_LOOKED_AT] for cell in row)
        )[:_LOOKED_AT]
        self._few = body[:_FEW]
        self._numbers = sum(is_number(cell) for row in self._few for cell in row)
        self.told = "all lines" if self.share == 1 else "nearly all lines"

    def fits(self, mark: str) -> bool:
        """Whether it may be meant at all. Blanks also stand between words: they need numbers."""
        if self.width < 2 or self.share < 0.9:
            return False
        if mark != BLANKS:
            return True
        return self.share == 1 and 2 * self._numbers >= self.width * len(self._few)

    @property
    def rank(self) -> tuple[float, float, int]:
        """The greater, the better."""
        return self.share, sum(map(_whole, self._cells)) / len(self._cells), self.width


def _whole(cell: str) -> bool:
    """Whether it is one cell, by its look, and not two of them.

    >>> _whole("1,5"), _whole("1,5;2,5"), _whole("5 2"), _whole("New York")
    (True, False, False, True)
    """
    if cell == "" or kind_of(cell, Format()) is not None:
        return True
    words = cell.split()
    numbers = len(words) > 1 and all(map(is_number, words))
    return not numbers and not any(mark in cell for mark in _MARKS)


def _rows(path: Path, format: Format, most: int = _TRIED) -> list[list[str]]:
    """The first rows, as the reader cuts them; up to what it refuses."""
    found: list[list[str]] = []
    cells = 0
    try:
        with rows_of(path, format) as rows:
            for row in islice(rows, most):
                if row:
                    found.append(row)
                    cells += len(row)
                if cells > _CELLS * (most // _TRIED):
                    break
    except (UsageError, DataError):
        return found
    return found


def _start(path: Path) -> list[str]:
    """The first lines. DataError, with what to do, for text that is not UTF-8."""
    with unpacked(path) as content:
        if content.peek(2)[:2] in (b"\xff\xfe", b"\xfe\xff"):
            todo = f"`iconv -f UTF-16 -t UTF-8 {path.name} > utf8.csv` makes such a file"
            raise DataError(f"{path} is UTF-16 text; save it as UTF-8: {todo}.", file=path)
        text = io.TextIOWrapper(content, "utf-8-sig", newline="")
        try:
            return [line[:1000] for line in _limited(text)]
        except UnicodeDecodeError as error:
            byte = error.object[error.start]
            todo = f"`iconv -f WINDOWS-1252 -t UTF-8 {path.name} > utf8.csv` makes such a file"
            raise DataError(
                f"{path} is not UTF-8 text (it has the byte 0x{byte:02x}); save it as UTF-8: "
                f"{todo} of the text of older programs for Western languages.",
                file=path,
            ) from None


def _limited(text: io.TextIOWrapper) -> Iterator[str]:
    for _ in range(_TRIED):
        line = text.readline(1 << 20)
        if not line:
            return
        yield line


def _comments(lines: Sequence[str]) -> tuple[str | None, ...]:
    """What may begin a comment: None, and a mark that some lines begin with and most do not."""
    filled = [line for line in lines if line.strip()]
    for mark in _COMMENTS:
        begun = [line.startswith(mark) for line in filled]
        if any(begun) and 2 * sum(begun) < len(filled):
            others = [line for line, comment in zip(filled, begun, strict=True) if not comment]
            marks = [line for line, comment in zip(filled, begun, strict=True) if comment]
            if _alike(others) and not _alike([*others, *marks]):
                return (mark,)
    return (None,)


def _alike(lines: Sequence[str]) -> bool:
    """Whether some delimiter is in all lines equally often."""
    words = {len(line.split()) for line in lines}
    if len(words) == 1 and words != {1}:
        return True
    for mark in _MARKS:
        try:
            cut = list(csv.reader(lines, delimiter=mark))
        except csv.Error:
            continue
        if len(set(map(len, cut))) == 1 and len(cut[0]) > 1:
            return True
    return False


def _in_apostrophes(rows: Sequence[Row]) -> bool:
    """Whether a column's cells are in single quotes, all that are not missing."""
    for column in zip(*(row for row in rows if len(row) == len(rows[0])), strict=True):
        cells = [cell.strip() for cell in column[1:] or column]
        filled = [cell for cell in cells if cell not in MISSING]
        if filled and all(c[:1] == "'" == c[-1:] and len(c) > 1 for c in filled):
            return True
    begun = sum(cell.strip()[:1] == "'" for row in rows for cell in row)
    ended = sum(cell.strip()[-1:] == "'" for row in rows for cell in row)
    return begun == ended > len(rows) // 2


def _notation(rows: Sequence[Row], format: Format) -> tuple[str, str | None]:
    """Decimal and thousands separator: those with which most columns are numbers."""
    width = Counter(map(len, rows)).most_common(1)[0][0] if rows else 0
    columns = []
    for j in range(width):
        cells = dict.fromkeys(row[j].strip() for row in rows if len(row) == width)
        columns.append([cell for cell in cells if kind_of(cell, Format()) != "missing"])
    columns = [column for column in columns if column and any(c.isdigit() for c in column[0])]
    order = list(_NOTATIONS)
    if format.delimiter == ";":  # where the comma is not free, because numbers have it
        order = sorted(order, key=lambda one: (one != (".", None), one[0] != ","))
    found = {}
    for decimal, thousands in order:
        if thousands == " " and format.delimiter == BLANKS:
            continue
        way = Format(decimal=decimal, thousands=thousands)
        found[decimal, thousands] = sum(to_numbers(c, way) is not None for c in columns)
    return max(found, key=lambda one: found[one])
