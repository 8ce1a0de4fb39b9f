"""ReadColumns of numbers and of categories, out of the rows of delimited text.

Rows are taken in blocks, and columns of a block go through float() as a whole; only where a column
fails is the cell at fault looked for. Blocks are cut out of plain bytes where that is possible; a
file that is not clean is then read again, line by line, and gets a message with file, line and
column.
"""

import csv
import itertools
from collections import Counter
from collections.abc import Callable, Collection, Generator, Iterator, Mapping, Sequence
from contextlib import closing, suppress

import numpy as np
import numpy.typing as npt

from dlcli.data.dataset import Array
from dlcli.data.formats.blocks import Block, Doubt, RowBlock, Way, cut_blocks, quickest_way
from dlcli.data.formats.growing import Growing
from dlcli.data.formats.looks import advise_cell
from dlcli.data.formats.notation import Format, is_number, marks_are_numbers, with_gaps
from dlcli.data.formats.text import Row, Text, data_rows, line_of, shown_cell
from dlcli.dates import ISO, to_seconds
from dlcli.errors import DataError, DlcliError
from dlcli.frozen import frozen
from dlcli.progress import work

BLOCK = 512  # rows converted at once: few enough to stay in the processor's cache


@frozen
class ReadColumns:
    """Columns of one file.

    numbers: (n, k) float64, NaN for what is missing. A text column holds codes, numbered as `texts`
        orders them; a column of dates seconds since 1970.
    texts: the distinct texts of each text column, by name, in order of first appearance.
    """

    numbers: npt.NDArray[np.float64]
    texts: Mapping[str, list[str]]


def read_columns(
    file: Text,
    wanted: Sequence[str],
    kinds: Mapping[str, str] | None = None,
    reasons: Mapping[str, str] | None = None,
    most: int | None = None,
    way: Way | None = None,
) -> ReadColumns:
    """The wanted columns.

    kinds: what a column holds, where that is known already: because the config declares it, or
        from another file: "text", "number", "date" or the format of its dates. Else the first block
        with cells that are not missing decides: a column is text when most of them are not numbers.
    reasons: how it is known that a column holds numbers; else because it did in the file that is
        trained on.
    most: how many rows are read; None: all.
    way: how they are read, for tests: it changes no number, no text and no message.
    """
    way = way or quickest_way(file, most)
    if way != "lines":
        # Line by line is the way that says what is wrong, and where.
        with suppress(Doubt, DlcliError, ValueError, csv.Error):
            return _read(file, wanted, kinds, reasons, most, way)
    return _read(file, wanted, kinds, reasons, most, "lines")


def _read(
    file: Text,
    wanted: Sequence[str],
    kinds: Mapping[str, str] | None,
    reasons: Mapping[str, str] | None,
    most: int | None,
    way: Way,
) -> ReadColumns:
    table = Growing(len(wanted))
    make = Making(file, wanted, kinds, reasons, table.more)
    with closing(made_of(file, make, most, way)) as blocks:
        for _ in blocks:
            pass
    return ReadColumns(table.whole(), {name: list(known) for name, known in make.codes.items()})


@frozen
class ReadBlock:
    """Some rows of the wanted columns, which follow each other.

    numbers: as those of ReadColumns. codes: of the texts of each text column so far. cells: of the
        column that was wanted as it is written, if there is one. first: the first row's number.
    """

    numbers: Array
    codes: Mapping[str, Mapping[str, int]]
    cells: Row | None
    first: int

    def below(self, row: int) -> "ReadBlock":
        """Without the first rows."""
        cells = None if self.cells is None else self.cells[row:]
        return ReadBlock(self.numbers[row:], self.codes, cells, self.first + row)


def made_of(file: Text, make: "Making", most: int | None, way: Way) -> Generator[ReadBlock]:
    """All blocks of a file, made into numbers; way: how they are read."""
    first = 0
    source = _by_lines(file, most) if way == "lines" else cut_blocks(file, BLOCK, most, way)
    with closing(source) as blocks:
        for block in blocks:
            yield make(block, first, way)
            first += block.rows
    if not first:
        raise no_rows(file)


def no_rows(file: Text) -> DataError:
    """The error about a file without any."""
    what = "has a header but no rows" if file.header else "has no rows"
    return DataError(f"{file.path} {what}.", file=file.path)


class Making:
    """Makes numbers out of blocks of cells, one after the other; the arguments are those of
    `read_columns`, and where the numbers of a block are put."""

    def __init__(
        self,
        file: Text,
        wanted: Sequence[str],
        kinds: Mapping[str, str] | None,
        reasons: Mapping[str, str] | None,
        room: Callable[[int], Array],
        as_written: str | None = None,
    ) -> None:
        self._file, self._wanted, self._room = file, wanted, room
        self._positions = [file.position(name) for name in wanted]
        self._raw = None if as_written is None else file.position(as_written)
        self._declared, self._reasons = kinds or {}, reasons or {}
        self._found = dict(self._declared)
        texts = [name for name in wanted if self._found.get(name) == TEXT]
        self.codes: dict[str, dict[str, int]] = {name: {} for name in texts}

    def __call__(self, block: Block, first: int, way: Way) -> ReadBlock:
        """first: the number of the block's first row."""
        format, found = self._file.format, self._found
        numbers = self._room(block.rows)
        done = _plain_numbers(block, self._wanted, self._positions, found, format, numbers)
        for j, (name, position) in enumerate(zip(self._wanted, self._positions, strict=True)):
            if name not in done:
                numbers[:, j] = self._column(name, block[position], first, way)
        cells = None if self._raw is None else block[self._raw]
        return ReadBlock(numbers, self.codes, cells, first)

    def _column(self, name: str, column: Row, first: int, way: Way) -> Array:
        file, found = self._file, self._found
        kind = found.get(name, NUMBER)
        values = with_gaps(column, file.format) if kind == NUMBER else None
        if values is None and kind == NUMBER and way != "lines" and (first or name in found):
            raise Doubt  # blocks of other sizes must not decide, nor say what is wrong
        if name not in found and (values is None or not np.isnan(values).all()):
            kind = TEXT if values is None and mostly_text(column, file.format) else NUMBER
            found[name] = kind
        if values is not None:
            return values
        if kind == NUMBER:
            known = None
            if name in self._declared:
                known = self._reasons.get(name, _TRAINED)
            raise _number_fault(file, name, column, first, known)
        if kind == TEXT:
            return _encode(file, name, column, first, self.codes.setdefault(name, {}))
        return _dates(file, name, column, first, kind)


def _plain_numbers(
    block: Block,
    wanted: Sequence[str],
    positions: Sequence[int],
    kinds: Mapping[str, str],
    format: Format,
    numbers: Array,
) -> Collection[str]:
    """Fill in the columns of numbers, if all of them can be converted at once; their names."""
    if not format.plain or marks_are_numbers(format):
        return ()
    chosen = [j for j, name in enumerate(wanted) if kinds.get(name) == NUMBER]
    found = block.numbers([positions[j] for j in chosen])
    if found is None:
        return ()
    if len(chosen) == len(wanted):
        numbers[...] = found
    else:
        numbers[:, chosen] = found
    return {wanted[j] for j in chosen}


def _by_lines(file: Text, most: int | None) -> Generator[Block]:
    """Blocks of rows that are read one by one; DataError for an odd one."""
    first = 0
    with work(f"read {file.path.name}") as at, data_rows(file) as rows:
        rows = rows if most is None else itertools.islice(rows, most)
        while block := list(itertools.islice(rows, BLOCK)):
            if set(map(len, block)) != {len(file.names)}:
                block = _without_last_blank_lines(file, block, rows, first)
                if not block:
                    break
            yield RowBlock(block)
            first += len(block)
            at(first)


def mostly_text(cells: Row, format: Format) -> bool:
    """Whether more than half of the cells that are filled are no numbers."""
    texts = filled = 0
    for cell, count in Counter(cells).items():
        if cell.strip() and cell.strip() not in format.missing:
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
    marks = frozenset(file.format.missing)
    codes: dict[str, float] = {}
    empty = None
    for cell in dict.fromkeys(cells):
        text = cell.strip()
        if text in marks:
            codes[cell] = np.nan
        elif text:
            codes[cell] = known.setdefault(text, len(known))
        elif empty is None:
            empty = cell
    if empty is not None:
        todo = _NO_MARK if any(value != value for value in codes.values()) else _MISSING
        raise _fault(file, name, first + cells.index(empty), "is empty", todo)
    return np.fromiter(map(codes.__getitem__, cells), np.float64, len(cells))


def _dates(file: Text, name: str, cells: Row, first: int, written: str) -> Array:
    seconds: dict[str, float] = {}
    marks = frozenset(file.format.missing)
    for row, cell in enumerate(cells):
        if cell in seconds:
            continue
        text = cell.strip()
        value = np.nan if text in marks else to_seconds(text, written)
        if value is None:
            how = "a date of ISO 8601, such as 2024-12-31 or 2024-12-31 23:59:00"
            if written != ISO:
                how = f"a date written as {written}"
            raise _fault(
                file,
                name,
                first + row,
                f"holds {shown_cell(cell)}, which is not {how}" if text else "is empty",
                "Correct the cell; or, if all dates of the column are written otherwise, say how: "
                f'`kinds: {{{quoted_name(name)}: "%d/%m/%Y"}}`.'
                if text
                else _NO_MARK,
            )
        seconds[cell] = value
    return np.fromiter(map(seconds.__getitem__, cells), np.float64, len(cells))


NUMBER, TEXT = "number", "text"
_MISSING = "Fill in missing values, or remove their rows."
_NO_MARK = 'If it stands for a missing value, add "" to `missing` in the source.'


_TRAINED = "it is a column of numbers in the file that is trained on"
DECLARED = "`kinds` says that the column holds numbers"


def _number_fault(file: Text, name: str, cells: Row, first: int, known: str | None) -> DataError:
    """The error about the first cell that is not a finite number.

    known: how it was known that the column holds numbers, where that was known.
    """
    marks = frozenset(file.format.missing)
    i = next(
        i
        for i, cell in enumerate(cells)
        if not is_number(cell, file.format) and cell.strip() not in marks
    )
    row, cell = first + i, cells[i].strip()
    if not cell:
        return _fault(file, name, row, "is empty", _NO_MARK if marks else _MISSING)
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


def _fault(file: Text, name: str, row: int, what: str, todo: str) -> DataError:
    line = line_of(file, row)
    return DataError(
        f"{file.path}, line {line}, column {name!r} {what}. {todo}",
        file=file.path,
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
    raise odd_row(file, first + i, len(block[i]))


def odd_row(file: Text, row: int, count: int) -> DataError:
    """The error about a row with another number of cells than there are columns."""
    what = "is blank" if count == 0 else f"has {count} cell{'s' if count > 1 else ''}"
    whose = "the header names" if file.header else f"line {file.line} has"
    hint = "Check for a missing or a stray delimiter or quote."
    line = line_of(file, row)
    return DataError(
        f"{file.path}, line {line} {what}, but {whose} {len(file.names)} columns. {hint}",
        file=file.path,
        line=line,
        hint=hint,
    )
