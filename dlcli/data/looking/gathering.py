"""What each column of a delimited file holds, over all its rows, in one pass.

Memory is bounded: of each column the distinct cells are kept, up to `MOST` (fewer of many columns:
2,000,000 in all), with how often each comes; and the first rows. Whatever is counted beside that
(rows, missing cells, the range) is of the whole file and exact, however many rows there are.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

import numpy as np

from dlcli.data.dataset import Array
from dlcli.data.formats.lines import line_number, rows_of
from dlcli.data.formats.looks import begins_with_zero, kind_of
from dlcli.data.formats.notation import Format, is_number, to_numbers
from dlcli.data.looking.moments import Moments, periods
from dlcli.errors import DataError
from dlcli.frozen import frozen
from dlcli.progress import work

MOST = 100_000
_ALL_COLUMNS = 2_000_000
_FIRST_CELLS = 500_000
_FIRST_ROWS = 10_000
_BLOCK = 2048
_UNEVEN = 0.01
"""Steps that differ by less of their size are even: 1949, 1949.083, 1949.167."""
_ODD = 3
"""So many distinct texts may be marks of missing values in a column of numbers."""


@frozen
class Facts:
    """One column.

    kind: number, text, date, or empty where all cells are missing.
    dates: how its dates are written, the likeliest way first.
    missing: how many cells are. marks: texts that stand for missing ones, beside the usual ones.
    distinct: how many different cells there are that are not missing; is_exact: or more than that.
    low, high: the range of numbers. whole: whether all are whole numbers.
    counts: how often each distinct cell comes, the most frequent first, of equal ones the first in
        the file; empty for numbers that were too many to be kept.
    zeros: a cell that begins with a zero that a number would lose, such as 007. Where all cells
        are as many digits, these are codes: text.
    mixed: whether some cells of a text are numbers.
    ascending: whether each row is later, or greater, than the one before.
    even: whether the steps from row to row are all of one size.
    periods: the consecutive periods that a column of text counts, in words.
    """

    name: str
    kind: str
    dates: tuple[str, ...]
    missing: int
    marks: tuple[str, ...]
    distinct: int
    is_exact: bool
    low: float | None
    high: float | None
    whole: bool
    counts: tuple[tuple[str, int], ...]
    zeros: str | None
    mixed: bool
    ascending: bool
    even: bool
    periods: str | None


@frozen
class Gathered:
    """rows: how many. columns: all of them, in file order. first: the first rows, as they are."""

    rows: int
    columns: tuple[Facts, ...]
    first: tuple[tuple[str, ...], ...]


def gather(path: Path, format: Format, names: Sequence[str], header: bool) -> Gathered:
    """What the columns hold; DataError, with its line, for a row of another length."""
    columns = [_Column(name, format, len(names)) for name in names]
    first: list[tuple[str, ...]] = []
    room = max(200, min(_FIRST_ROWS, _FIRST_CELLS // len(names)))
    count = 0
    for rows in blocks(path, format, len(names), header):
        first.extend(map(tuple, rows[: room - len(first)]))
        for column, cells in zip(columns, zip(*rows, strict=True), strict=True):
            column.add([cell.strip() for cell in cells])
        count += len(rows)
    if count == 0:
        raise DataError(f"{path} has no rows.", file=path)
    return Gathered(count, tuple(column.facts() for column in columns), tuple(first))


def blocks(path: Path, format: Format, width: int, header: bool) -> Iterator[list[list[str]]]:
    """The rows below the header, many at a time."""
    with rows_of(path, format) as rows, work(f"look at {path.name}") as at:
        start = int(header)
        below = islice(rows, start, None)
        while block := list(islice(below, _BLOCK)):
            for number, row in enumerate(block):
                if len(row) != width and row:
                    line = line_number(path, format, start + number)
                    raise DataError(
                        f"{path}, line {line} has {len(row)} cells, but there are {width} columns. "
                        "Correct the line, or remove it.",
                        file=path,
                        line=line,
                    )
            start += len(block)
            at(start)
            yield [row for row in block if row]


class _Column:
    """Grows by blocks of cells."""

    def __init__(self, name: str, format: Format, columns: int) -> None:
        self._name, self._format = name, format
        self._marks = frozenset(format.missing)
        self._most = self.room(columns)
        self._counts: Counter[str] = Counter()
        self._odd: Counter[str] = Counter()
        self._moments = Moments()
        self._missing = self._numbers = 0
        self._low, self._high = float("inf"), float("-inf")
        self._whole = self._exact = self._ascending = True
        self._last: float | None = None
        self._steps = (float("inf"), float("-inf"))
        self._zeros: str | None = None
        self._widths: set[int] = set()

    @staticmethod
    def room(columns: int) -> int:
        """How many distinct cells are kept of each of so many columns."""
        return max(1000, min(MOST, _ALL_COLUMNS // columns))

    def add(self, cells: list[str]) -> None:
        filled = [cell for cell in cells if cell not in self._marks]
        self._missing += len(cells) - len(filled)
        if not filled:
            return
        found = Counter(filled)
        if self._exact:
            self._counts.update(found)
            if len(self._counts) > self._most:
                self._exact = False
                # Numbers are not needed any more; of texts the frequent ones are shown.
                self._counts = Counter(dict(self._counts.most_common(self._most)))
        elif not self._numbers:
            known = self._counts.keys() & found.keys()
            self._counts.update({cell: found[cell] for cell in known})
        values = to_numbers(filled, self._format)
        if values is None:
            values = self._some(found)
        if len(values):
            self._measure(values)
        if not self._numbers or self._odd:
            self._moments.add(filled)
        else:
            self._zeros = self._zeros or next(filter(begins_with_zero, found), None)
            if self._are_codes:
                self._widths.update(len(cell) if cell.isdigit() else -1 for cell in found)

    @property
    def _are_codes(self) -> bool:
        """Whether all cells so far are numbers of as many digits."""
        return not self._odd and len(self._widths) < 2 and -1 not in self._widths

    def _some(self, found: Counter[str]) -> Array:
        """The numbers among the cells; the others are kept, as long as they are few."""
        numbers = []
        for cell, count in found.items():
            if is_number(cell, self._format):
                numbers.append(cell)
            elif len(self._odd) <= _ODD or cell in self._odd:
                self._odd[cell] += count
            if len(self._odd) > _ODD:
                return np.zeros(0)
        self._ascending = False
        values = to_numbers(numbers, self._format)
        return np.zeros(0) if values is None else values

    def _measure(self, values: Array) -> None:
        self._numbers += len(values)
        self._low = min(self._low, float(values.min()))
        self._high = max(self._high, float(values.max()))
        self._whole = self._whole and bool((np.floor(values) == values).all())
        if self._ascending:
            before = [] if self._last is None else [self._last]
            steps = np.diff(np.concatenate((before, values)))
            self._ascending = bool((steps > 0).all())
            if len(steps):
                low, high = self._steps
                self._steps = min(low, float(steps.min())), max(high, float(steps.max()))
        self._last = float(values[-1])

    def facts(self) -> Facts:
        marks = self._found_marks()
        kind = "text"
        codes = self._zeros is not None and self._are_codes
        if not self._counts:
            kind = "empty"
        elif codes:
            kind = "text"
        elif self._numbers and len(self._odd) == len(marks):
            kind = "number"
        elif self._moments.fits:
            kind = "date"
        counts = Counter({c: n for c, n in self._counts.items() if c not in marks})
        distinct = len(counts)
        if kind == "number" and self._exact:
            values = to_numbers(list(counts), self._format)
            distinct = 0 if values is None else len(np.unique(values))
        is_number_ = kind == "number"
        counted = tuple(counts.most_common()) if self._exact or not is_number_ else ()
        return Facts(
            self._name,
            kind,
            self._moments.fits if kind == "date" else (),
            self._missing + sum(self._odd[mark] for mark in marks),
            marks,
            distinct,
            self._exact,
            self._low if is_number_ else None,
            self._high if is_number_ else None,
            is_number_ and self._whole,
            counted,
            self._zeros if is_number_ or codes else None,
            kind == "text" and any(is_number(cell, self._format) for cell in counts),
            self._moments.ascending if kind == "date" else is_number_ and self._ascending,
            is_number_ and self._steps[1] - self._steps[0] <= _UNEVEN * self._steps[1],
            self._periods() if kind in ("text", "date") else None,
        )

    def _found_marks(self) -> tuple[str, ...]:
        """The texts among numbers that stand for no value."""
        odd = list(self._odd)
        if not self._numbers or len(odd) > _ODD:
            return ()
        return tuple(odd) if all(kind_of(cell, self._format) == "missing" for cell in odd) else ()

    def _periods(self) -> str | None:
        once = self._exact and not self._missing and len(self._counts) == self._counts.total()
        return periods(list(self._counts)) if once else None


BINS = 10


def histogram(path: Path, format: Format, gathered: Gathered, header: bool) -> list[list[int]]:
    """How many cells of each column of numbers are in each of `BINS` equal parts of its range;
    an empty list for other columns. The file is read again where distinct numbers were too many."""
    found: list[list[int]] = []
    again = []
    for j, column in enumerate(gathered.columns):
        counts = np.zeros(BINS, np.int64)
        if column.kind == "number" and column.is_exact:
            values = to_numbers([cell for cell, _ in column.counts], format)
            assert values is not None
            weights = np.array([count for _, count in column.counts])
            np.add.at(counts, _bins(values, column), weights)
        elif column.kind == "number":
            again.append(j)
        found.append(counts.tolist() if column.kind == "number" else [])
    if again:
        marks = frozenset(format.missing)
        for rows in blocks(path, format, len(gathered.columns), header):
            for j in again:
                other = marks | set(gathered.columns[j].marks)
                cells = [c for c in (row[j].strip() for row in rows) if c not in other]
                values = to_numbers(cells, format)
                assert values is not None
                added = np.bincount(_bins(values, gathered.columns[j]), minlength=BINS)
                found[j] = (np.array(found[j]) + added).tolist()
    return found


def _bins(values: Array, column: Facts) -> Array:
    assert column.low is not None and column.high is not None
    width = column.high - column.low
    if width == 0 or not np.isfinite(width):
        return np.zeros(len(values), np.int64)
    shares = (values - column.low) / width
    return np.minimum((shares * BINS).astype(np.int64), BINS - 1)
