"""Delimited text (CSV): checked columns of numbers and of categories.

Rows are taken in blocks, and columns of a block go through float() as a whole; only where a column
fails is the cell at fault looked for. So a clean file is read at full rate and a bad one gets a
message with file, line and column.
"""

import itertools
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from dlcli.data.dataset import Array
from dlcli.data.formats.header import like_data, split_otherwise
from dlcli.data.formats.lines import line_number, rows_of
from dlcli.data.formats.looks import advise_cell
from dlcli.data.formats.notation import BLANKS, PLAIN, Format, is_number, to_numbers
from dlcli.data.names import place_of, suggestion
from dlcli.errors import DataError, UsageError, placed
from dlcli.progress import work

BLOCK = 512  # rows converted at once: few enough to stay in the processor's cache
Row = Sequence[str]


@dataclass(frozen=True)
class Text:
    """A delimited file.

    names: the header's names, stripped of surrounding blanks; column_1, column_2, ... where there
        is no header; "" for a column without a name, which is left out.
    header: whether the first line holds the names.
    line: the number of that first line.
    like_data: why it looks like data nevertheless, or None.
    of_model: whether a model says how the file is written, so that no option can.
    left_out: a sentence about each column that is left out.
    """

    path: Path
    format: Format
    names: tuple[str, ...]
    header: bool = True
    line: int = 1
    like_data: str | None = None
    of_model: bool = False
    left_out: tuple[str, ...] = ()

    def find(self, name: str) -> int | None:
        """Where the column is, whatever the Unicode form of its name; None where it is not."""
        return place_of(name, self.names) if name else None

    def position(self, name: str) -> int:
        """Where the column is; UsageError with the nearest name where there is none."""
        place = self.find(name)
        if place is None:
            hint = self.suggestion(name)
            raise UsageError(
                f"{self.path} has no column {name!r}{hint}", file=str(self.path), column=name
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
        if not self.header:
            last = f" to 'column_{len(self.names)}'" if len(self.names) > 1 else ""
            meant = ""
            if name.isdecimal() and 1 <= int(name[:9]) <= len(self.names):
                meant = f" Did you mean 'column_{int(name)}'?"
            return f"; without a header the columns are 'column_1'{last}, by their place.{meant}"
        return suggestion(name, [one for one in self.names if one])


@dataclass(frozen=True)
class Columns:
    """Columns of one file.

    numbers: (n, k) float64. A text column holds codes, numbered as `texts` orders them.
    texts: the distinct texts of each text column, by name, in order of first appearance.
    """

    numbers: npt.NDArray[np.float64]
    texts: Mapping[str, list[str]]


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
        sample = [] if not first or format.header is False else first_rows(rows, len(first))
    if not first:
        what = "its first line must name the columns"
        if format.header is False:
            what = "it must hold rows from its first line on"
        raise DataError(f"{path} is empty; {what}.", file=str(path))
    line = line_number(path, format, 0)
    with placed(path, line):
        return _header(path, format, line, first, sample)


def _header(path: Path, format: Format, line: int, first: Row, sample: Sequence[Row]) -> Text:
    """The file with the names of its columns; first, sample: its first line and some below it."""
    if format.header is False:
        return Text(path, format, tuple(f"column_{i + 1}" for i in range(len(first))), False, line)
    where = f"{path}, line {line}"
    if first[0].startswith("#") and format.comment is None and _no_header(first, sample):
        raise DataError(
            f'{where} begins with "#", as a comment does: {shown_cell(first[0])}. If it is one, '
            'set `comment: "#"` in the source, and such lines are passed over.'
        )
    if _lacks_index(first, sample):
        first = ["", *first]
    reason = like_data(first, sample, format)
    if format.header is None:
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


def _without_name(path: Path, where: str, position: int, width: int, sample: Sequence[Row]) -> str:
    """What a column without a name is: an index, or nothing. DataError for one of data."""
    cells = [row[position] for row in sample if len(row) > position]
    column = f"column {position + 1} of {path} has no name"
    if not any(map(str.strip, cells)):
        return f"{column} and no cells: it is left out"
    if position == 0 and width > 1 and _counts_rows(cells):
        return (
            f"{column} and a cell of its own in each row, as the index of a table: it is left out"
        )
    raise DataError(
        f"{where}: column {position + 1} has no name, and does not look like an index. Write its "
        "name into the line."
    )


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


def read_columns(
    file: Text,
    wanted: Sequence[str],
    kinds: Mapping[str, bool] | None = None,
    declared: Collection[str] = (),
    most: int | None = None,
) -> Columns:
    """The wanted columns.

    kinds: whether a column holds text, where that is known already: because the config declares
        it, or from another file. Else the first block decides: a column is text when most of its
        cells are not numbers.
    declared: those of which the config says it.
    most: how many rows are read; None: all.
    """
    positions = [file.position(name) for name in wanted]
    is_text: dict[str, bool] = dict(kinds or {})
    codes: dict[str, dict[str, int]] = {}
    blocks: list[npt.NDArray[np.float64]] = []
    first = 0
    with work(f"read {file.path.name}") as at, data_rows(file) as rows:
        rows = rows if most is None else itertools.islice(rows, most)
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
                    known = None
                    if name in (kinds or {}):
                        known = _DECLARED if name in declared else _TRAINED
                    raise _number_fault(file, name, column, first, known)
                if values is None:
                    values = _encode(file, name, column, first, codes.setdefault(name, {}))
                numbers[:, j] = values
            blocks.append(numbers)
            first += len(block)
            at(first)
    if not blocks:
        what = "has a header but no rows" if file.header else "has no rows"
        raise DataError(f"{file.path} {what}.", file=str(file.path))
    return Columns(np.concatenate(blocks), {name: list(known) for name, known in codes.items()})


def line_of(file: Text, row: int) -> int:
    """The line on which data row `row` (from 0) starts; quoted cells may span lines."""
    return line_number(file.path, file.format, row + file.header)


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
        raise _fault(file, name, first + stripped.index(""), "is empty", _MISSING)
    return np.fromiter((known.setdefault(cell, len(known)) for cell in stripped), np.float64)


_MISSING = "Fill in missing values, or remove their rows."


_TRAINED = "it is a column of numbers in the file that is trained on"
_DECLARED = "`kinds` says that the column holds numbers"


def _number_fault(file: Text, name: str, cells: Row, first: int, known: str | None) -> DataError:
    """The error about the first cell that is not a finite number.

    known: how it was known that the column holds numbers, where that was known.
    """
    i = next(i for i, cell in enumerate(cells) if not is_number(cell, file.format))
    row, cell = first + i, cells[i].strip()
    if not cell:
        return _fault(file, name, row, "is empty", _MISSING)
    if not _is_text(cell, file.format):
        return _fault(file, name, row, f"holds {shown_cell(cell)}, not a finite number", _MISSING)
    others = [other for other in cells if is_number(other, file.format)]
    advice = advise_cell(cell, [*dict.fromkeys(others)], file.format)
    todo = advice.for_cell()
    if not advice.what and known is None:
        todo = (
            f"Correct the cell; or, if the column holds codes or names, set `kinds: "
            f"{{{quoted_name(name)}: text}}` in the source."
        )
    if file.of_model and advice.what:
        todo = f"It looks like {advice.what}. Write it as in the file that was trained on."
    if row == 0 and not file.header:
        todo += f" (Line {file.line} is read as data and not as names, for `header: false` is set.)"
    if known is None:
        known = f"the {row:,} rows before it hold numbers"
        known = known if first else "most of the column is numbers"
    return _fault(file, name, row, f"holds {shown_cell(cell)}, but {known}", todo)


def quoted_name(name: str) -> str:
    """A name as a key of a YAML mapping.

    >>> quoted_name("zip"), quoted_name("zip code"), quoted_name("3")
    ('zip', '"zip code"', '"3"')
    """
    plain = name.isascii() and name.replace("_", "a").isalnum() and name[0].isalpha()
    if plain and name.casefold() not in ("true", "false", "null"):
        return name
    escaped = name.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def shown_cell(cell: str) -> str:
    """The cell in quotes, cut where it is long."""
    return repr(cell if len(cell) <= 40 else cell[:40] + "...")


def _fault(file: Text, name: str, row: int, what: str, todo: str) -> DataError:
    line = line_of(file, row)
    return DataError(
        f"{file.path}, line {line}, column {name!r} {what}. {todo}",
        file=str(file.path),
        line=line,
        column=name,
        hint=todo,
    )


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
    whose = "the header names" if file.header else f"line {file.line} has"
    hint = "Check for a missing or a stray delimiter or quote."
    line = line_of(file, first + i)
    raise DataError(
        f"{file.path}, line {line} {what}, but {whose} {width} columns. {hint}",
        file=str(file.path),
        line=line,
        hint=hint,
    )


@contextmanager
def data_rows(file: Text) -> Iterator[Iterator[list[str]]]:
    """The rows below the header."""
    with rows_of(file.path, file.format) as rows:
        if file.header:
            next(rows)
        yield rows
