"""The rows of a delimited file, cell by cell, or of JSON objects, and the line of each.

What stands before the table is passed over: blank lines, Excel's `sep=;`, and comments where the
format has them. Rows go through the csv module (quoting), or are cut at runs of blanks.
"""

import csv
import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from itertools import islice
from pathlib import Path

from dlcli.data.formats.jsonl import json_rows
from dlcli.data.formats.notation import BLANKS, JSON, Format
from dlcli.data.formats.unpacked import unpacked
from dlcli.errors import DataError, UsageError

LONGEST = 1 << 26
"""Characters of a line: a longer one is no line of a table."""

_EXCEL = re.compile(r"sep=(.)[\r\n]*")
_CELL = {
    quote: re.compile(
        rf"{quote}((?:[^{quote}]|{quote}{quote})*){quote}(?=[ \t]|$)|([^ \t{quote}][^ \t]*)"
    )
    for quote in "\"'"
}


@contextmanager
def rows_of(path: Path, format: Format) -> Iterator[Iterator[list[str]]]:
    """All rows of the table, a header included; DataError for what is no text, or no rows."""
    with _opened(path, format) as lines:
        yield _rows(lines, format)


def line_number(path: Path, format: Format, row: int) -> int:
    """The line on which row `row` starts, a header counted as row 0; quoted cells span lines."""
    with _opened(path, format) as lines:
        if format.delimiter == JSON:  # names of columns take no line
            filled = (number for number, line in lines.numbered() if line.strip())
            return next(islice(filled, max(0, row - 1), None), lines.number)
        for _ in zip(range(row), _rows(lines, format), strict=False):
            pass
        lines.begins_row = True
        next(lines.each, None)
        return lines.number


class _Lines:
    """The lines of a table, counted as they are taken.

    number: that of the last one. begins_row: whether the next one begins a row: only then can it
    be a comment, and not the middle of a quoted cell.
    """

    def __init__(self, path: Path, text: io.TextIOBase, format: Format) -> None:
        self.path = path
        self.number = 0
        self.begins_row = True
        self._text, self._format = text, format
        self.each = self._each()

    def _each(self) -> Iterator[str]:
        lines = iter(partial(self._text.readline, LONGEST), "")
        mark, longest, before = self._format.comment, LONGEST, True
        for self.number, line in enumerate(lines, 1):
            if "\0" in line or len(line) == longest:
                raise _fault(self.path, self.number, _why(line))
            if before:
                if not line.strip() or self._is_excels(line) or self._is_comment(line):
                    continue
                before = False
            elif mark is not None and self._is_comment(line):
                continue
            self.begins_row = False
            yield line

    def numbered(self) -> Iterator[tuple[int, str]]:
        """The lines with their numbers."""
        for line in self.each:
            yield self.number, line

    def _is_comment(self, line: str) -> bool:
        mark = self._format.comment
        return mark is not None and self.begins_row and line.startswith(mark)

    def _is_excels(self, line: str) -> bool:
        """Whether it is Excel's line about the delimiter; UsageError where another one is set."""
        found = _EXCEL.fullmatch(line)
        if found is None:
            return False
        if found.group(1) != self._format.delimiter:
            shown = found.group(1).replace("\t", "\\t")
            raise UsageError(
                f"{self.path}, line {self.number} says that cells are separated by {shown!r}: set "
                f'`delimiter: "{shown}"` in the source.',
                file=self.path,
                line=self.number,
                hint=f'set `delimiter: "{shown}"` in the source',
            )
        return True


def _why(line: str) -> str:
    if "\0" in line:
        return "holds a NUL byte: this is not a text file, or a damaged one"
    return f"is longer than {LONGEST:,} characters, so this is no table"


def _rows(lines: _Lines, format: Format) -> Iterator[list[str]]:
    """The rows; what the csv module or the decoder refuses becomes a DataError with its line."""
    try:
        if format.delimiter == JSON:
            yield from json_rows(lines.path, lines.numbered())
            return
        if format.delimiter == BLANKS:
            for line in lines.each:
                yield _cut(lines, line, format.quote)
                lines.begins_row = True
            return
        reader = csv.reader(
            lines.each, delimiter=format.delimiter, quotechar=format.quote, strict=True
        )
        if format.comment is None:
            yield from reader
        else:
            for row in reader:
                yield row
                lines.begins_row = True
    except csv.Error as error:
        number = max(1, lines.number)
        told = f"{lines.path}, line {number}: {error}."
        raise DataError(told, file=lines.path, line=number) from error
    except UnicodeDecodeError as error:
        raise _not_utf8(lines.path) from error


def _cut(lines: _Lines, line: str, quote: str) -> list[str]:
    """The cells between runs of spaces and tabs; a cell in quotes may hold blanks."""
    line = line.strip(" \t\r\n")
    if quote not in line:
        return re.split("[ \t]+", line) if line else []
    cells, end = [], 0
    while end < len(line):
        found = _CELL[quote].match(line, end)
        if found is None:
            raise _fault(
                lines.path,
                lines.number,
                f"has at character {end + 1} a quote that is not closed, or that is followed by "
                "more than a blank",
            )
        quoted, plain = found.groups()
        cells.append(plain if quoted is None else quoted.replace(quote * 2, quote))
        end = found.end()
        while end < len(line) and line[end] in " \t":
            end += 1
    return cells


@contextmanager
def _opened(path: Path, format: Format) -> Iterator[_Lines]:
    with unpacked(path, json=format.delimiter == JSON) as content:
        if content.peek(2)[:2] in (b"\xff\xfe", b"\xfe\xff"):
            raise DataError(f"{path} is UTF-16 text; save it as UTF-8.", file=path)
        text = io.TextIOWrapper(content, "utf-8-sig", newline="")
        yield _Lines(path, text, format)


def _fault(path: Path, line: int, what: str) -> DataError:
    return DataError(f"{path}, line {line} {what}.", file=path, line=line)


def _not_utf8(path: Path) -> DataError:
    with unpacked(path) as content:
        for number, line in enumerate(content, 1):
            try:
                line.decode("utf-8")
            except UnicodeDecodeError as error:
                byte = line[error.start]
                return _fault(path, number, f"is not UTF-8 text (byte 0x{byte:02x}); save as UTF-8")
    return DataError(f"{path} is not UTF-8 text; save it as UTF-8.", file=path)
