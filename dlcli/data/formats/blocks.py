"""Blocks of rows out of a delimited file, cut many at once where the bytes are plain.

A piece of the file without quotes, NUL bytes and lone carriage returns is cut by where its
delimiters and line ends are. One with quotes goes through the csv module as a whole. Nothing is
said about mistakes here: what is not a clean table raises Doubt, and the reader by lines, which
defines what a file holds, reads it from its start and names the place.
"""

import csv
import io
import itertools
from collections.abc import Generator, Sequence
from contextlib import ExitStack, closing
from functools import partial
from typing import Literal, Protocol

import numpy as np
import numpy.typing as npt

from dlcli.data.dataset import Array
from dlcli.data.formats import arrow
from dlcli.data.formats.notation import BLANKS, JSON, Format, with_gaps
from dlcli.data.formats.numerals import PAD, Places, to_decimals, to_floats
from dlcli.data.formats.text import Row, Text
from dlcli.data.formats.unpacked import unpacked
from dlcli.progress import work

Way = Literal["lines", "blocks", "arrow"]
"""How rows are read: line by line, which defines what a file holds; in blocks that are cut out of
plain bytes; and that with Arrow for the numbers. All give the same bits."""

PIECE = 1 << 18
"""Bytes that are cut at once. The work on them takes about thirty times as much memory."""

MANY = 256
"""Cells that are no short decimals, from which on they are converted together."""

LONG = 1 << 27
"""Bytes of a row, or of the first block, from which on the reader by lines is asked."""


class Doubt(Exception):
    """This may be no clean table; the reader by lines finds out."""


class Block(Protocol):
    """Some rows, one after the other. Its columns are found by their positions."""

    rows: int

    def __getitem__(self, position: int, /) -> Row:
        """The cells of a column."""

    def cut(self, row: int, /) -> tuple["Block", "Block"]:
        """The rows before this one, and the others."""

    def numbers(self, positions: Sequence[int], /) -> Array | None:
        """Columns (rows, len(positions)) as `with_gaps` gives them; None: ask it for each."""


class RowBlock:
    """Rows that were read one by one; all have the same number of cells."""

    def __init__(self, rows: Sequence[Row]) -> None:
        self.rows = len(rows)
        self._columns = list(zip(*rows, strict=True))

    def __getitem__(self, position: int, /) -> Row:
        return self._columns[position]

    def numbers(self, positions: Sequence[int], /) -> None:
        return None

    def cut(self, row: int) -> tuple[Block, Block]:
        """The rows before this one, and the others."""
        rows = list(zip(*self._columns, strict=True))
        return RowBlock(rows[:row]), RowBlock(rows[row:])


class CutBlock:
    """Rows of plain bytes, and where their cells end.

    data: lines that end in a line feed each. ends: (rows, width) places of the byte behind each
    cell, which is the delimiter, or a line feed behind the last one.
    """

    def __init__(self, data: bytes, ends: Places, format: Format, with_arrow: bool) -> None:
        self.rows, self._width = ends.shape
        self._data, self._ends = data, ends
        self._format, self._with_arrow = format, with_arrow

    def cut(self, row: int) -> tuple[Block, Block]:
        """The rows before this one, and the others."""
        place = int(self._ends[row - 1, -1]) + 1
        first, others = self._data[:place], self._data[place:]
        return (
            CutBlock(first, self._ends[:row], self._format, self._with_arrow),
            CutBlock(others, self._ends[row:] - place, self._format, self._with_arrow),
        )

    def __getitem__(self, position: int, /) -> Row:
        return self._texts(self._starts[:, position], self._ends[:, position])

    def numbers(self, positions: Sequence[int], /) -> Array | None:
        if not positions:
            return None
        order = sorted(set(positions))
        starts = self._starts[:, order].reshape(-1)
        ends = self._ends[:, order].reshape(-1)
        codes = np.frombuffer(bytes(PAD) + self._data, np.uint8)
        values, others = to_decimals(codes, starts + PAD, ends + PAD)
        if len(others) and "" in self._format.missing:
            empty = ends[others] == starts[others]
            values[others[empty]] = np.nan
            others = others[~empty]
        if len(others):
            rest = self._others(starts[others], ends[others])
            if rest is None:
                return None
            values[others] = rest
        table = values.reshape(self.rows, len(order))
        if list(positions) == order:
            return table
        place = {position: j for j, position in enumerate(order)}
        return table[:, [place[position] for position in positions]]

    def _others(self, starts: Places, ends: Places) -> Array | None:
        """The numbers between these places, which rise; None where something else is there."""
        found = None
        if len(starts) >= MANY and self._with_arrow:
            found = arrow.numbers(self._between(starts, ends), ends - starts)
        if len(starts) >= MANY and found is None:
            kept = self._between(starts, ends + 1)
            kept[np.cumsum(ends + 1 - starts) - 1] = ord(",")
            found = to_floats(kept.tobytes())
            if found is not None and len(found) != len(starts):
                found = None  # a comma in a cell
        return with_gaps(self._texts(starts, ends), self._format) if found is None else found

    def _between(self, starts: Places, ends: Places) -> npt.NDArray[np.uint8]:
        """The bytes between these places; the ones of a cell never go beyond the next start."""
        changes = np.zeros(len(self._data) + 1, np.int8)
        changes[starts] = 1
        changes[ends] -= 1
        return np.frombuffer(self._data, np.uint8)[np.cumsum(changes[:-1], dtype=np.int8) > 0]

    @property
    def _starts(self) -> Places:
        starts = np.empty_like(self._ends)
        starts.reshape(-1)[0] = 0
        starts.reshape(-1)[1:] = self._ends.reshape(-1)[:-1] + 1
        return starts

    def _texts(self, starts: Places, ends: Places) -> list[str]:
        """The cells between these places."""
        pairs = zip(starts.tolist(), ends.tolist(), strict=True)
        if self._data.isascii():
            text = self._data.decode()
            return [text[start:end] for start, end in pairs]
        return [self._data[start:end].decode() for start, end in pairs]


def quickest_way(file: Text, most: int | None) -> Way:
    """How this many rows of a file are read soonest."""
    if file.format.delimiter == JSON:
        return "lines"
    try:
        size = file.path.stat().st_size
    except OSError:  # whoever reads it says so
        size = 0
    large = most is None and size >= arrow.WORTH
    return "arrow" if large and arrow.is_installed() else "blocks"


def cut_blocks(file: Text, first: int, most: int | None, way: Way) -> Generator[Block]:
    """The rows; Doubt, or an error of the file or of the csv module, where it is not clean.

    first: how many rows the first block has, where there are so many. most: how many rows are
    wanted; None: all.
    """
    left = most
    with closing(_Reader(file, first, way == "arrow").blocks()) as blocks:
        for block in blocks:
            if left is not None and block.rows >= left:
                yield block if block.rows == left else block.cut(left)[0]
                return
            if left is not None:
                left -= block.rows
            yield block


class _Reader:
    """Reads a file in blocks, of which the first has `first` rows."""

    def __init__(self, file: Text, first: int, with_arrow: bool) -> None:
        self._file, self._first = file, first
        format = file.format
        self._blanks = format.delimiter == BLANKS
        delimiter = " " if self._blanks else format.delimiter
        if not (delimiter + format.quote).isascii() or delimiter in "\0\r\n":
            raise Doubt
        self._delimiter, self._quote = delimiter.encode(), format.quote.encode()
        self._rows = partial(
            csv.reader, delimiter=format.delimiter, quotechar=format.quote, strict=True
        )
        self._comment = None if format.comment is None else format.comment.encode()
        self._with_arrow = with_arrow
        self._at_end = False
        self._longest = csv.field_size_limit() // 2

    def blocks(self) -> Generator[Block]:
        """All of them."""
        blank, waiting, is_first = False, b"", True
        with closing(self._pieces()) as pieces:
            for piece in pieces:
                data = waiting + piece
                waiting = b""
                found = self._parsed(data)
                if found is None:  # it ends within a quoted cell
                    if len(data) > LONG:
                        raise Doubt
                    waiting = data
                    continue
                parts, ends_blank = found
                if parts and blank:
                    raise Doubt  # a blank line between rows
                if parts and is_first:
                    if parts[0].rows < self._first and not self._at_end:
                        raise Doubt  # many lines of few rows
                    if parts[0].rows > self._first:
                        parts = parts[0].cut(self._first)
                    is_first = False
                yield from parts
                blank = blank or ends_blank
        if waiting:
            raise Doubt

    def _pieces(self) -> Generator[bytes]:
        """The bytes below the header, cut behind line feeds; a last line gets one."""
        path = self._file.path
        with ExitStack() as stack:
            content = stack.enter_context(unpacked(path))
            size = path.stat().st_size if isinstance(content.raw, io.FileIO) else None
            at = stack.enter_context(work(f"read {path.name}", size, "bytes"))
            parts: list[bytes] = []
            done, lines, needed = 0, 0, self._file.line + self._first + 64
            while not self._at_end:
                more = content.read(PIECE)
                done += len(more)
                at(done)
                self._at_end = not more
                parts.append(more)
                lines += more.count(b"\n") if needed > 1 else b"\n" in more
                if lines < needed and not self._at_end:
                    if sum(map(len, parts)) > LONG:
                        raise Doubt
                    continue
                whole = b"".join(parts)
                end = len(whole) if self._at_end else whole.rfind(b"\n") + 1
                piece, parts, lines = whole[:end], [whole[end:]], 0
                if piece and not piece.endswith(b"\n"):
                    piece += b"\n"
                if needed > 1:
                    piece, needed = self._below_header(piece), 1
                if piece:
                    yield piece

    def _below_header(self, piece: bytes) -> bytes:
        """What comes behind the header, or begins with the first row where there is none."""
        lines = io.StringIO(piece.decode("utf-8-sig"), newline="")
        for _ in range(self._file.line - 1):
            lines.readline()
        if self._file.header:
            if self._blanks:
                lines.readline()
            else:
                next(self._rows(lines), None)
        return lines.read().encode()

    def _parsed(self, data: bytes) -> tuple[Sequence[Block], bool] | None:
        """The rows, if any, and whether blank lines follow; None: a quoted cell goes on."""
        if b"\0" in data:
            raise Doubt
        quoted = self._quote in data
        if self._comment is not None and (
            data.startswith(self._comment) or b"\n" + self._comment in data
        ):
            if quoted or b"\r" in data.replace(b"\r\n", b""):
                raise Doubt  # which lines begin rows?
            lines = data.split(b"\n")
            data = b"\n".join([line for line in lines if not line.startswith(self._comment)])
        if not data.isascii():
            data.decode()
        if quoted:
            if self._comment is not None and b"\r" + self._comment in data:
                raise Doubt
            without = None
            if not self._blanks and len(self._file.names) > 1:
                without = _without_quotes(
                    data.replace(b"\r\n", b"\n"), self._delimiter, self._quote
                )
            if without is None:
                return self._with_quotes(data)
            data = without
        if b"\r" in data:
            data = data.replace(b"\r\n", b"\n")
            if b"\r" in data:
                raise Doubt
        if self._blanks:
            data = _single_blanks(data)
        rows = data.rstrip(b"\n")
        blank = len(data) - len(rows) > 1
        if not rows:
            return [], bool(data)
        rows += b"\n"
        if b"\n\n" in rows or rows.startswith(b"\n"):
            raise Doubt
        block = CutBlock(rows, self._cells(rows), self._file.format, self._with_arrow)
        return [block], blank

    def _cells(self, data: bytes) -> Places:
        """Where each cell ends; Doubt where a row has another number of them, or one is long."""
        codes = np.frombuffer(data, np.uint8)
        places = np.flatnonzero((codes == self._delimiter[0]) | (codes == 10))
        width = len(self._file.names)
        if len(places) % width:
            raise Doubt
        ends = places.reshape(-1, width)
        is_end = codes[ends] == 10
        if not is_end[:, -1].all() or np.count_nonzero(is_end) != len(ends):
            raise Doubt
        step = self._longest
        for start in range(0, len(data), step) if len(data) > step else ():
            window = data[start : start + step]
            if self._delimiter not in window and b"\n" not in window:
                raise Doubt  # the csv module refuses long cells
        return ends

    def _with_quotes(self, data: bytes) -> tuple[Sequence[Block], bool] | None:
        if self._blanks:
            raise Doubt
        lines = io.StringIO(data.decode(), newline="")
        reader = self._rows(lines)
        blocks: list[Block] = []
        blank = False
        try:
            # Few rows at once: what lives shortly costs least.
            while rows := list(itertools.islice(reader, self._first)):
                count = len(rows)
                while rows and not rows[-1]:
                    rows.pop()
                if rows and (blank or set(map(len, rows)) != {len(self._file.names)}):
                    raise Doubt
                blank = blank or len(rows) < count
                if rows:
                    blocks.append(RowBlock(rows))
        except csv.Error as error:
            if "unexpected end of data" in str(error) and not self._at_end:
                return None
            raise Doubt from error
        return blocks, blank


def _without_quotes(data: bytes, delimiter: bytes, quote: bytes) -> bytes | None:
    """The lines without quotes where each quoted cell is whole and holds no delimiter, no line end
    and no quote; None where one does.

    Then quotes come in pairs: the first where a cell begins, the second where the same cell ends.
    """
    if b"\r" in data:
        return None
    codes = np.frombuffer(b"\n" + data, np.uint8)
    is_end = (codes == delimiter[0]) | (codes == ord("\n"))
    is_quote = codes == quote[0]
    quotes = np.flatnonzero(is_quote)
    if len(quotes) % 2:
        return None
    first, last = quotes[::2], quotes[1::2]
    if not (is_end[first - 1].all() and is_end[last + 1].all()):
        return None
    places = np.flatnonzero(is_end)
    if (np.searchsorted(places, first) != np.searchsorted(places, last)).any():
        return None
    kept: bytes = codes[1:][~is_quote[1:]].tobytes()
    return kept


def _single_blanks(data: bytes) -> bytes:
    """Lines without blanks at their ends, and with one space between cells."""
    data = data.replace(b"\t", b" ")
    while b"  " in data:
        data = data.replace(b"  ", b" ")
    return data.replace(b" \n", b"\n").replace(b"\n ", b"\n").lstrip(b" ")
