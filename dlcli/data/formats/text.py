"""Delimited text (CSV): checked columns of numbers and of categories.

Rows go through the csv module (quoting) in blocks, and columns of a block through float() as a
whole; only where a column fails is the cell at fault looked for. So a clean file is read at full
rate and a bad one gets a message with file, line and column.
"""

import csv
import itertools
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from dlcli.data.dataset import Array
from dlcli.data.names import suggestion
from dlcli.errors import DataError, UsageError

BLOCK = 512  # rows converted at once: few enough to stay in the processor's cache
Row = Sequence[str]


@dataclass(frozen=True)
class Text:
    """A delimited file.

    names: the header's names, stripped of surrounding blanks.
    """

    path: Path
    delimiter: str
    names: tuple[str, ...]

    def position(self, name: str) -> int:
        """Where the column is; UsageError with the nearest name where there is none."""
        if name in self.names:
            return self.names.index(name)
        raise UsageError(f"{self.path} has no column {name!r}{self.suggestion(name)}")

    def suggestion(self, name: str) -> str:
        """The nearest name, or all of them: the end of a sentence about a missing column."""
        other = [mark for mark in ",;\t|" if mark in self.names[0]]
        if len(self.names) == 1 and other:
            return f"; its only column is {self.names[0]!r} (is the delimiter {other[0]!r}?)."
        return suggestion(name, self.names)


@dataclass(frozen=True)
class Columns:
    """Columns of one file.

    numbers: (n, k) float64. A text column holds codes, numbered as `texts` orders them.
    texts: the distinct texts of each text column, by name, in order of first appearance.
    """

    numbers: npt.NDArray[np.float64]
    texts: Mapping[str, list[str]]


def read_header(path: Path, delimiter: str) -> Text:
    """The column names: none empty, none twice."""
    if len(delimiter) != 1 or delimiter in '"\r\n':
        raise UsageError(f"The delimiter {delimiter!r} must be one character, not a quote.")
    with _rows(path, delimiter) as rows:
        header = next(rows, None)
    if not header:
        raise DataError(f"{path} is empty; its first line must name the columns.")
    names = tuple(name.strip() for name in header)
    for position, name in enumerate(names):
        if not name:
            raise DataError(f"{path}, line 1: column {position + 1} has no name.")
        if name in names[:position]:
            raise DataError(f"{path}, line 1: two columns are called {name!r}; rename one of them.")
    return Text(path, delimiter, names)


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
    with _rows(file.path, file.delimiter) as rows:
        next(rows)
        while block := list(itertools.islice(rows, BLOCK)):
            if set(map(len, block)) != {len(file.names)}:
                block = _without_last_blank_lines(file, block, rows, first)
                if not block:
                    break
            cells = list(zip(*block, strict=True))
            numbers = np.empty((len(block), len(wanted)))
            for j, (name, position) in enumerate(zip(wanted, positions, strict=True)):
                column = cells[position]
                values = None if is_text.get(name) else to_numbers(column)
                if name not in is_text:
                    is_text[name] = values is None and _mostly_text(column)
                if values is None and not is_text[name]:
                    raise DataError(_number_fault(file, name, column, first))
                if values is None:
                    values = _encode(file, name, column, first, codes.setdefault(name, {}))
                numbers[:, j] = values
            blocks.append(numbers)
            first += len(block)
    if not blocks:
        raise DataError(f"{file.path} has a header but no rows.")
    return Columns(np.concatenate(blocks), {name: list(known) for name, known in codes.items()})


def to_numbers(cells: Row) -> Array | None:
    """The cells as finite float64 numbers, or None where one of them is not.

    >>> to_numbers(["1", " 2.5", "-3e2"])
    array([   1. ,    2.5, -300. ])
    >>> to_numbers(["1", "1_000"]) is None  # float() would take it
    True
    """
    try:
        values = np.fromiter(map(float, cells), np.float64, len(cells))
    except ValueError:
        return None
    joined = "".join(cells)
    if "_" in joined or not joined.isascii() or not np.isfinite(values).all():
        return None
    return values


def line_of(file: Text, row: int) -> int:
    """The line on which data row `row` (from 0) starts; quoted cells may span lines."""
    with _opened(file.path) as lines:
        reader = csv.reader(lines, delimiter=file.delimiter, strict=True)
        for _ in itertools.islice(reader, row + 1):
            pass
        return reader.line_num + 1


def _mostly_text(cells: Row) -> bool:
    texts = filled = 0
    for cell, count in Counter(cells).items():
        if cell.strip():
            filled += count
            texts += count if _is_text(cell) else 0
    return 2 * texts > filled


def _is_text(cell: str) -> bool:
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


_MISSING = "Fill in missing values, or remove their rows"


def _number_fault(file: Text, name: str, cells: Row, first: int) -> str:
    """The message for the first cell that is not a finite number."""
    i = next(i for i, cell in enumerate(cells) if to_numbers([cell]) is None)
    cell = cells[i].strip()
    if not cell:
        return _fault(file, name, first + i, "is empty", _MISSING)
    if _is_text(cell):
        shown = cell if len(cell) <= 40 else cell[:40] + "..."
        what = f"holds {shown!r}, but most of the column is numbers"
        return _fault(file, name, first + i, what, "Correct the cell, or remove the row")
    return _fault(file, name, first + i, f"holds {cell!r}, not a finite number", _MISSING)


def _fault(file: Text, name: str, row: int, what: str, todo: str) -> str:
    return f"{file.path}, line {line_of(file, row)}, column {name!r} {what}. {todo}."


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
    raise DataError(
        f"{file.path}, line {line_of(file, first + i)} {what}, but the header names {width} "
        "columns. Check for a missing or a stray delimiter or quote."
    )


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
