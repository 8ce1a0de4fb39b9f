"""The header of delimited text (CSV): the names of its columns, and whether it is there."""

import itertools
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np

from dlcli.data.audit import Finding
from dlcli.data.formats.header import cut_better, in_apostrophes, like_data, split_otherwise
from dlcli.data.formats.lines import line_number, rows_of
from dlcli.data.formats.notation import BLANKS, PLAIN, Format, is_number, with_gaps
from dlcli.data.names import place_of, suggestion
from dlcli.errors import DataError, UsageError, about
from dlcli.frozen import frozen

Row = Sequence[str]


@frozen
class Text:
    """A delimited file.

    names: the header's names, stripped of surrounding blanks, or those of the format; column_1,
        column_2, ... where there are none; "" for a column without a name, which is left out.
    header: whether the first line holds the names.
    line: the number of that first line.
    like_data: why it looks like data nevertheless, or None.
    of_model: whether a model says how the file is written, so that no option can.
    left_out: a finding about each column that is left out.
    """

    path: Path
    format: Format
    names: tuple[str, ...]
    header: bool = True
    line: int = 1
    like_data: str | None = None
    of_model: bool = False
    left_out: tuple[Finding, ...] = ()

    @property
    def width(self) -> int | None:
        """How many columns there are where they are known by their places only."""
        return None if self.header else len(self.names)

    def place(self, row: int) -> str:
        """Where data row `row` (from 0) starts, for messages."""
        return f"{self.path}, line {line_of(self, row)}"

    def find(self, name: str) -> int | None:
        """Where the column is, whatever the Unicode form of its name; None where it is not."""
        return place_of(name, self.names) if name else None

    def position(self, name: str) -> int:
        """Where the column is; UsageError with the nearest name where there is none."""
        place = self.find(name)
        if place is None:
            raise UsageError(
                f"{self.path} has no column {name!r}{self.suggestion(name)}",
                file=self.path,
                column=name,
            )
        return place

    def suggestion(self, name: str) -> str:
        """The nearest name, or all of them: the end of a sentence about a missing column."""
        if self.header and self.like_data is not None:
            return (
                f": {_like_data(self.line, self.like_data)}. If the file has no header, set "
                "`header: false` in the source; its columns are then column_1, column_2, ..."
            )
        if len(self.names) == 1:
            other = [f'"{mark}"' for mark in ",;\t|" if mark in self.names[0]]
            if not other and len(self.names[0].split()) > 1:
                other = [BLANKS]
            if other:
                todo = f"set `delimiter: {other[0]}`?".replace("\t", "\\t")
                return f"; its only column is {self.names[0]!r} ({todo})."
        if not self.header and self.format.names is None:
            last = f" to 'column_{len(self.names)}'" if len(self.names) > 1 else ""
            meant = ""
            if name.isdecimal() and 1 <= int(name[:9]) <= len(self.names):
                meant = f" Did you mean 'column_{int(name)}'?"
            return f"; without a header the columns are 'column_1'{last}, by their place.{meant}"
        return suggestion(name, [one for one in self.names if one])


def _like_data(line: int, reason: str) -> str:
    return f"line {line} looks like data ({reason}), not like names"


def read_header(path: Path, format: Format = PLAIN) -> Text:
    """The column names: none empty but an index's, none twice.

    DataError where the format does not say whether there is a header, and its line looks like data.
    """
    good = format.delimiter == BLANKS or len(format.delimiter) == 1
    if not good or format.delimiter in '"\r\n':
        raise UsageError(
            f"The delimiter {format.delimiter!r} must be one character, not a quote, or `{BLANKS}`."
        )
    with rows_of(path, format) as rows:
        first = next(rows, None)
        known = format.header is False or (format.header and format.names is not None)
        sample = [] if not first or known else first_rows(rows, len(first))
    if not first:
        what = "its first line must name the columns"
        if format.header is False:
            what = "it must hold rows from its first line on"
        raise DataError(f"{path} is empty; {what}.", file=path)
    line = line_number(path, format, 0)
    with about(path, line):
        return _header(path, format, line, first, sample)


def _header(path: Path, format: Format, line: int, first: Row, sample: Sequence[Row]) -> Text:
    """The file with the names of its columns; first, sample: its first line and some below it."""
    where = f"{path}, line {line}"
    if in_apostrophes(first, sample, format):
        raise UsageError(
            f"{path}: cells are in single quotes, such as {_apostrophe([first, *sample])}: set "
            '`quote: "\'"` in the source.',
            file=path,
        )
    if format.names is not None:
        return _named(path, format, line, first, sample)
    if format.header is False:
        return Text(path, format, tuple(f"column_{i + 1}" for i in range(len(first))), False, line)
    if first[0].startswith("#") and format.comment is None and _no_header(first, sample):
        raise DataError(
            f'{where} begins with "#", as a comment does: {shown_cell(first[0])}. If it is one, '
            'set `comment: "#"` in the source, and such lines are passed over.'
        )
    if _lacks_index(first, sample):
        first = ["", *first]
    reason = like_data(first, sample, format)
    if format.header is None:
        better = cut_better(first, sample, format) if reason is not None else None
        if better is not None:
            shown = better if better == BLANKS else f'"{better}"'.replace("\t", "\\t")
            raise DataError(
                f"{path}, {_like_data(line, reason or '')}; and cut at {shown}, all lines have "
                f"more cells, equally many in each. Set `delimiter: {shown}` in the source, and "
                "`header: false` if the file has no names."
            )
        if reason is not None:
            raise DataError(
                f"{path}, {_like_data(line, reason)}. If the file has no header, set "
                "`header: false` in the source: its columns are then called column_1, column_2, "
                "... If these are the names indeed, set `header: true`."
            )
        if len(first) == 1:
            _check_delimiter(where, first, sample, format)
    names = tuple(name.strip() for name in first)
    left_out = tuple(
        _without_name(path, where, position, len(names), sample)
        for position, name in enumerate(names)
        if not name
    )
    for position, name in enumerate(names):
        other = place_of(name, names[:position]) if name else None
        if other is not None:
            what = f"two columns are called {name!r}"
            if names[other] != name:
                what += " (in two forms of Unicode, which look alike)"
            raise DataError(f"{where}: {what}; rename one of them.")
    return Text(path, format, names, True, line, reason, left_out=left_out)


def _named(path: Path, format: Format, line: int, first: Row, sample: Sequence[Row]) -> Text:
    """The file with the names of the format; sample: of a file of which it is not said whether its
    first line holds names."""
    names = format.names or ()
    where = f"{path}, line {line}"
    if len(names) != len(first):
        raise UsageError(
            f"{where} has {len(first)} cells, but `names` has {len(names)}: give one name for "
            "each column, in their order.",
            file=path,
            line=line,
        )
    if format.header is None:
        stripped = tuple(cell.strip() for cell in first)
        reason = None
        if stripped == names:
            reason = "it holds these very names"
        elif sample and like_data(first, sample, format) is None and _words(first, sample, format):
            reason = f"it holds {shown_cell(first[0])} and so on"
        if reason is not None:
            raise UsageError(
                f"{where} looks like names ({reason}), but `names` are given: set `header: true` "
                "in the source to put them in its place, or `header: false` if it is a row of "
                "data.",
                file=path,
                line=line,
            )
    return Text(path, format, names, format.header is True, line)


def _words(first: Row, sample: Sequence[Row], format: Format) -> bool:
    """Whether a cell that is no number stands above numbers only."""
    for j, cell in enumerate(first):
        below = [row[j] for row in sample if len(row) == len(first)]
        if below and not is_number(cell, format) and cell.strip() not in format.missing:
            values = with_gaps(below, format)
            if values is not None and not np.isnan(values).all():
                return True
    return False


def _apostrophe(rows: Sequence[Row]) -> str:
    """The first cell that begins with a single quote."""
    cells = (cell.strip() for row in rows for cell in row)
    return shown_cell(next(cell for cell in cells if cell.startswith("'")))


def _no_header(first: Row, sample: Sequence[Row]) -> bool:
    """Whether the first line has another number of cells than the lines below it."""
    return not sample or any(len(row) != len(first) for row in sample[:20])


def _lacks_index(first: Row, sample: Sequence[Row]) -> bool:
    """Whether rows have one cell more than the header, as tables of R with names of rows have."""
    width = len(first) + 1
    if not sample or any(len(row) != width for row in sample) or not all(map(str.strip, first)):
        return False
    return _counts_rows([row[0] for row in sample]) and any(row[-1].strip() for row in sample)


def _counts_rows(cells: Sequence[str]) -> bool:
    """Whether each row has a cell of its own, as in an index."""
    stripped = [cell.strip() for cell in cells]
    return bool(cells) and all(stripped) and len(set(stripped)) == len(stripped)


def _without_name(
    path: Path, where: str, position: int, width: int, sample: Sequence[Row]
) -> Finding:
    """What a column without a name is: an index, or nothing. DataError for one of data."""
    cells = [row[position] for row in sample if len(row) > position]
    column = f"column {position + 1} of {path} has no name"
    if not any(map(str.strip, cells)):
        return Finding("column_left_out", f"{column} and no cells", "it is left out")
    if position == 0 and width > 1 and _counts_rows(cells):
        return Finding(
            "column_left_out",
            f"{column} and a cell of its own in each row, as the index of a table",
            "it is left out; to read it, write its name into the line",
        )
    raise DataError(
        f"{where}: column {position + 1} has no name, and does not look like an index. Write its "
        "name into the line."
    )


def read_keys(path: Path, format: Format) -> Text:
    """The columns of JSON lines: the keys of the first rows, in order of appearance."""
    with rows_of(path, format) as rows:
        names = next(rows, None)
    if names is None:
        raise DataError(f"{path} is empty: it must have a JSON object on each line.", file=path)
    return Text(path, format, tuple(names))


def first_rows(rows: Iterator[list[str]], width: int) -> list[list[str]]:
    """Up to 1,000 rows, fewer of many columns; what is wrong with one shows when it is read."""
    found: list[list[str]] = []
    with suppress(DataError):
        found.extend(itertools.islice(rows, max(20, min(1000, 100_000 // width))))
    return found


def _check_delimiter(where: str, first: Row, sample: Sequence[Row], format: Format) -> None:
    """DataError for lines of one cell that another delimiter would cut into data."""
    found = split_otherwise(first, sample, format)
    if found is None:
        return
    mark, reason = found
    if mark:
        what = f"when it is cut at {mark!r}"
        todo = f"Set `delimiter: {mark!r}` and `header: false` in the source".replace("'", '"')
    else:
        what = "when it is cut at its blanks"
        todo = f"Set `delimiter: {BLANKS}` and `header: false` in the source"
    raise DataError(f"{where} looks like data ({reason} {what}), not like names. {todo}.")


def line_of(file: Text, row: int) -> int:
    """The line on which data row `row` (from 0) starts; quoted cells may span lines."""
    return line_number(file.path, file.format, row + file.header)


def shown_cell(cell: str) -> str:
    """The cell in quotes, cut where it is long."""
    return repr(cell if len(cell) <= 40 else cell[:40] + "...")


@contextmanager
def data_rows(file: Text) -> Iterator[Iterator[list[str]]]:
    """The rows below the header."""
    with rows_of(file.path, file.format) as rows:
        if file.header:
            next(rows)
        yield rows
