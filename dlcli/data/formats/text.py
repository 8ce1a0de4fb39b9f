"""Delimited text (CSV): checked columns of numbers and of categories.

Rows go through the csv module (quoting) in blocks, and columns of a block through float() as a
whole; only where a column fails is the cell at fault looked for. So a clean file is read at full
rate and a bad one gets a message with file, line and column.
"""

import csv
import itertools
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from dlcli.data.dataset import Array
from dlcli.data.formats.header import like_data, split_otherwise
from dlcli.data.formats.looks import advise_cell
from dlcli.data.formats.notation import PLAIN, Format, is_number, to_numbers
from dlcli.data.names import suggestion
from dlcli.errors import DataError, UsageError

BLOCK = 512  # rows converted at once: few enough to stay in the processor's cache
Row = Sequence[str]


@dataclass(frozen=True)
class Text:
    """A delimited file.

    names: the header's names, stripped of surrounding blanks; column_1, column_2, ... where there
        is no header.
    header: whether line 1 holds the names.
    like_data: why line 1 looks like data nevertheless, or None.
    of_model: whether a model says how the file is written, so that no option can.
    """

    path: Path
    format: Format
    names: tuple[str, ...]
    header: bool = True
    like_data: str | None = None
    of_model: bool = False

    def position(self, name: str) -> int:
        """Where the column is; UsageError with the nearest name where there is none."""
        if name in self.names:
            return self.names.index(name)
        raise UsageError(f"{self.path} has no column {name!r}{self.suggestion(name)}")

    def suggestion(self, name: str) -> str:
        """The nearest name, or all of them: the end of a sentence about a missing column."""
        if self.header and self.like_data is not None:
            return (
                f": {_LIKE_DATA.format(reason=self.like_data)}. If the file has no header, set "
                "`header: false` in the source; its columns are then column_1, column_2, ..."
            )
        other = [mark for mark in ",;\t|" if mark in self.names[0]]
        if len(self.names) == 1 and other:
            return f"; its only column is {self.names[0]!r} (is the delimiter {other[0]!r}?)."
        if not self.header:
            last = f" to 'column_{len(self.names)}'" if len(self.names) > 1 else ""
            return f"; without a header the columns are 'column_1'{last}, by their place."
        return suggestion(name, self.names)


@dataclass(frozen=True)
class Columns:
    """Columns of one file.

    numbers: (n, k) float64. A text column holds codes, numbered as `texts` orders them.
    texts: the distinct texts of each text column, by name, in order of first appearance.
    """

    numbers: npt.NDArray[np.float64]
    texts: Mapping[str, list[str]]


_LIKE_DATA = "line 1 looks like data ({reason}), not like names"


def read_header(path: Path, format: Format = PLAIN) -> Text:
    """The column names: none empty, none twice.

    DataError where the format does not say whether there is a header, and line 1 looks like data.
    """
    if len(format.delimiter) != 1 or format.delimiter in '"\r\n':
        raise UsageError(f"The delimiter {format.delimiter!r} must be one character, not a quote.")
    with _rows(path, format.delimiter) as rows:
        first = next(rows, None)
        sample = [] if not first or format.header is False else first_rows(rows, len(first))
    if not first:
        what = "its first line must name the columns"
        if format.header is False:
            what = "it must hold rows from its first line on"
        raise DataError(f"{path} is empty; {what}.")
    if format.header is False:
        return Text(path, format, tuple(f"column_{i + 1}" for i in range(len(first))), False)
    reason = like_data(first, sample, format)
    if format.header is None:
        if reason is not None:
            raise DataError(
                f"{path}, {_LIKE_DATA.format(reason=reason)}. If the file has no header, set "
                "`header: false` in the source: its columns are then called column_1, column_2, "
                "... If these are the names indeed, set `header: true`."
            )
        if len(first) == 1:
            _check_delimiter(path, first, sample, format)
    names = tuple(name.strip() for name in first)
    for position, name in enumerate(names):
        if not name:
            raise DataError(f"{path}, line 1: column {position + 1} has no name.")
        if name in names[:position]:
            raise DataError(f"{path}, line 1: two columns are called {name!r}; rename one of them.")
    return Text(path, format, names, True, reason)


def first_rows(rows: Iterator[list[str]], width: int) -> list[list[str]]:
    """Up to 1,000 rows, fewer of many columns; what is wrong with one shows when it is read."""
    found: list[list[str]] = []
    with suppress(DataError):
        found.extend(itertools.islice(rows, max(20, min(1000, 100_000 // width))))
    return found


def _check_delimiter(path: Path, first: Row, sample: Sequence[Row], format: Format) -> None:
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
        todo = (
            "Rewrite the file with one delimiter between two cells, such as a comma, and set "
            "`header: false` in the source"
        )
    raise DataError(f"{path}, {_LIKE_DATA.format(reason=f'{reason} {what}')}. {todo}.")


def read_columns(
    file: Text, wanted: Sequence[str], kinds: Mapping[str, bool] | None = None
) -> Columns:
    """The wanted columns.

    kinds: whether a column holds text, where that is known already (from another file). Else
        the first block decides: a column is text when most of its cells are not numbers.
    """
    positions = [file.position(name) for name in wanted]
    is_text: dict[str, bool] = dict(kinds or {})
    codes: dict[str, dict[str, int]] = {}
    blocks: list[npt.NDArray[np.float64]] = []
    first = 0
    with data_rows(file) as rows:
        while block := list(itertools.islice(rows, BLOCK)):
            if set(map(len, block)) != {len(file.names)}:
                block = _without_last_blank_lines(file, block, rows, first)
                if not block:
                    break
            cells = list(zip(*block, strict=True))
            numbers = np.empty((len(block), len(wanted)))
            for j, (name, position) in enumerate(zip(wanted, positions, strict=True)):
                column = cells[position]
                values = None if is_text.get(name) else to_numbers(column, file.format)
                if name not in is_text:
                    is_text[name] = values is None and mostly_text(column, file.format)
                if values is None and not is_text[name]:
                    given = name in (kinds or {})
                    raise DataError(_number_fault(file, name, column, first, given))
                if values is None:
                    values = _encode(file, name, column, first, codes.setdefault(name, {}))
                numbers[:, j] = values
            blocks.append(numbers)
            first += len(block)
    if not blocks:
        what = "has a header but no rows" if file.header else "has no rows"
        raise DataError(f"{file.path} {what}.")
    return Columns(np.concatenate(blocks), {name: list(known) for name, known in codes.items()})


def line_of(file: Text, row: int) -> int:
    """The line on which data row `row` (from 0) starts; quoted cells may span lines."""
    with _opened(file.path) as lines:
        reader = csv.reader(lines, delimiter=file.format.delimiter, strict=True)
        for _ in itertools.islice(reader, row + file.header):
            pass
        return reader.line_num + 1


def mostly_text(cells: Row, format: Format) -> bool:
    """Whether more than half of the cells that are filled are no numbers."""
    texts = filled = 0
    for cell, count in Counter(cells).items():
        if cell.strip():
            filled += count
            texts += count if _is_text(cell, format) else 0
    return 2 * texts > filled


def _is_text(cell: str, format: Format) -> bool:
    if not format.plain:
        return not is_number(cell, format)
    try:
        float(cell)
    except ValueError:
        return True
    return "_" in cell or not cell.isascii()


def _encode(file: Text, name: str, cells: Row, first: int, known: dict[str, int]) -> Array:
    stripped = [cell.strip() for cell in cells]
    if "" in stripped:
        raise DataError(_fault(file, name, first + stripped.index(""), "is empty", _MISSING))
    return np.fromiter((known.setdefault(cell, len(known)) for cell in stripped), np.float64)


_MISSING = "Fill in missing values, or remove their rows."


def _number_fault(file: Text, name: str, cells: Row, first: int, given: bool) -> str:
    """The message for the first cell that is not a finite number.

    given: whether it was known that the column holds numbers.
    """
    i = next(i for i, cell in enumerate(cells) if not is_number(cell, file.format))
    cell = cells[i].strip()
    if not cell:
        return _fault(file, name, first + i, "is empty", _MISSING)
    if not _is_text(cell, file.format):
        what = f"holds {shown_cell(cell)}, not a finite number"
        return _fault(file, name, first + i, what, _MISSING)
    known = "it is a column of numbers in the file that is trained on"
    known = known if given else "most of the column is numbers"
    others = [other for other in cells if is_number(other, file.format)]
    advice = advise_cell(cell, [*dict.fromkeys(others)], file.format)
    todo = advice.for_cell()
    if file.of_model and advice.what:
        todo = f"It looks like {advice.what}. Write it as in the file that was trained on."
    if first + i == 0 and not file.header:
        todo += " (Line 1 is read as data and not as names, for `header: false` is set.)"
    return _fault(file, name, first + i, f"holds {shown_cell(cell)}, but {known}", todo)


def shown_cell(cell: str) -> str:
    """The cell in quotes, cut where it is long."""
    return repr(cell if len(cell) <= 40 else cell[:40] + "...")


def _fault(file: Text, name: str, row: int, what: str, todo: str) -> str:
    return f"{file.path}, line {line_of(file, row)}, column {name!r} {what}. {todo}"


def _without_last_blank_lines(
    file: Text, block: list[list[str]], rows: Iterator[list[str]], first: int
) -> list[list[str]]:
    """The block without the blank lines that end a file; any other odd row is an error."""
    width = len(file.names)
    i = next(i for i, row in enumerate(block) if len(row) != width)
    if not block[i] and not any(block[i:]) and not any(rows):
        return block[:i]
    count = len(block[i])
    what = "is blank" if count == 0 else f"has {count} cell{'s' if count > 1 else ''}"
    whose = "the header names" if file.header else "line 1 has"
    raise DataError(
        f"{file.path}, line {line_of(file, first + i)} {what}, but {whose} {width} "
        "columns. Check for a missing or a stray delimiter or quote."
    )


@contextmanager
def data_rows(file: Text) -> Iterator[Iterator[list[str]]]:
    """The rows below the header."""
    with _rows(file.path, file.format.delimiter) as rows:
        if file.header:
            next(rows)
        yield rows


@contextmanager
def _rows(path: Path, delimiter: str) -> Iterator[Iterator[list[str]]]:
    with _opened(path) as lines:
        yield _parsed(path, lines, delimiter)


def _parsed(path: Path, lines: Iterator[str], delimiter: str) -> Iterator[list[str]]:
    """The rows; what the csv module or the decoder refuses becomes a DataError with its line."""
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    try:
        yield from reader
    except csv.Error as error:
        raise DataError(f"{path}, line {max(1, reader.line_num)}: {error}.") from error
    except UnicodeDecodeError as error:
        raise DataError(_not_utf8(path)) from error


@contextmanager
def _opened(path: Path) -> Iterator[Iterator[str]]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            yield _without_nul(path, stream)
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}.") from error


def _without_nul(path: Path, lines: Iterator[str]) -> Iterator[str]:
    for number, line in enumerate(lines, 1):
        if "\0" in line:
            raise DataError(
                f"{path}, line {number} holds a NUL byte: this is not a text file, or a damaged "
                "one."
            )
        yield line


def _not_utf8(path: Path) -> str:
    with path.open("rb") as stream:
        if stream.read(2) in (b"\xff\xfe", b"\xfe\xff"):
            return f"{path} is UTF-16 text; save it as UTF-8."
        stream.seek(0)
        for number, line in enumerate(stream, 1):
            try:
                line.decode("utf-8")
            except UnicodeDecodeError as error:
                byte = line[error.start]
                return (
                    f"{path}, line {number} is not UTF-8 text (byte 0x{byte:02x}); save as UTF-8."
                )
    return f"{path} is not UTF-8 text; save it as UTF-8."
