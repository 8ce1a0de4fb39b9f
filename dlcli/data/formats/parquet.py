"""Parquet files: their columns as numbers and categories, by Arrow (extra `arrow`).

Arrow's threads stay out of it, because workers are forked from this process later.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from dlcli.data.audit import Finding
from dlcli.data.dataset import Array
from dlcli.data.formats.columns import NUMBER, TEXT, ReadBlock, ReadColumns
from dlcli.data.formats.findings import EXACT, TextColumn
from dlcli.data.formats.growing import Growing, room_apart
from dlcli.data.formats.looks import advise
from dlcli.data.formats.notation import PLAIN, to_numbers
from dlcli.data.formats.text import shown_cell
from dlcli.data.names import place_of, suggestion
from dlcli.dates import ISO, to_seconds
from dlcli.errors import DataError, UsageError, reason
from dlcli.frozen import frozen
from dlcli.progress import work

_ROWS = 65_536
"""Of a block."""
_INDEX = "__index_level_"
"""How the names of indexes begin that pandas stores."""


@frozen
class ParquetFile:
    """A file whose schema is known.

    names: of its columns, "" for an index of pandas.
    types: what each column holds: number, whole, bool, text, date, nothing, or another word for
        what no table has.
    marks: the texts that stand for no value.
    """

    path: Path
    names: tuple[str, ...]
    types: tuple[str, ...]
    marks: frozenset[str]
    left_out: tuple[Finding, ...] = ()

    @property
    def width(self) -> int | None:
        return None

    def position(self, name: str) -> int:
        """Where the column is; UsageError with the nearest name where there is none."""
        place = place_of(name, self.names) if name else None
        if place is None:
            known = [one for one in self.names if one]
            raise UsageError(
                f"{self.path} has no column {name!r}{suggestion(name, known)}",
                file=self.path,
                column=name,
            )
        return place

    def place(self, row: int) -> str:
        """Where a row is, for messages."""
        return f"{self.path}, row {row} (counted from 0)"


def read_schema(path: Path, marks: Sequence[str]) -> ParquetFile:
    """The names and types; DataError for what is no Parquet file, UsageError without Arrow."""
    with _opened(path) as (arrow, file):
        schema = file.schema_arrow
        types = tuple(_type(arrow, field.type) for field in schema)
    names = []
    left_out = []
    for position, name in enumerate(schema.names):
        name = name.strip()
        if name.startswith(_INDEX) or not name:
            what = f"column {position + 1} of {path} is an index of pandas"
            fix = "it is left out; to read it, store it as a column"
            left_out.append(Finding("column_left_out", what, fix))
            names.append("")
            continue
        if place_of(name, names) is not None:
            raise DataError(f"{path}: two columns are called {name!r}; rename one.", file=path)
        names.append(name)
    return ParquetFile(path, tuple(names), types, frozenset(marks), tuple(left_out))


def read_parquet(
    file: ParquetFile,
    wanted: Sequence[str],
    kinds: Mapping[str, str],
    most: int | None,
) -> ReadColumns:
    """The wanted columns of at most so many rows; kinds: what a column is to hold, where that is
    said, or known from another file. DataError for cells that it cannot hold."""
    table = Growing(len(wanted))
    known: Mapping[str, Mapping[str, int]] = {}
    for block in _blocks(file, wanted, kinds, most, table.more):
        known = block.codes
    return ReadColumns(table.whole(), {name: list(codes) for name, codes in known.items()})


def parquet_in_blocks(
    file: ParquetFile,
    wanted: Sequence[str],
    kinds: Mapping[str, str],
    as_written: str | None = None,
) -> Iterator[ReadBlock]:
    """`read_parquet` block by block.

    as_written: a column of which the cells are wanted, too, as texts.
    """
    return _blocks(file, wanted, kinds, None, room_apart(len(wanted)), as_written)


def _blocks(
    file: ParquetFile,
    wanted: Sequence[str],
    kinds: Mapping[str, str],
    most: int | None,
    room: Callable[[int], Array],
    as_written: str | None = None,
) -> Iterator[ReadBlock]:
    every = [*wanted, *([] if as_written is None else [as_written])]
    places = [file.position(name) for name in every]
    found = {name: _Column(file, name, file.types[j], kinds.get(name))
             for name, j in zip(wanted, places, strict=False)}  # fmt: skip
    first = 0
    with _opened(file.path) as (arrow, opened), work(f"read {file.path.name}") as at:
        names = [opened.schema_arrow.names[j] for j in places]
        # Arrow takes a dot for a path into nested columns.
        columns = None if any("." in name for name in names) else list(dict.fromkeys(names))
        batches = opened.iter_batches(_ROWS, columns=columns, use_threads=False)
        for batch in batches:
            batch = batch if most is None else batch.slice(0, most - first)
            numbers = room(batch.num_rows)
            for j, (name, stored) in enumerate(zip(wanted, names, strict=False)):
                numbers[:, j] = found[name].numbers(arrow, batch.column(stored), first)
            cells = None
            if as_written is not None:
                held = batch.column(names[-1]).to_pylist()
                cells = ["" if cell is None else str(cell) for cell in held]
            codes = {name: one.codes for name, one in found.items() if one.kind == TEXT}
            yield ReadBlock(numbers, codes, cells, first)
            first += batch.num_rows
            at(first)
            if first == most:
                break
    if not first:
        raise DataError(f"{file.path} has no rows.", file=file.path)


def look_at(file: ParquetFile, texts: Sequence[str], codes: Array) -> TextColumn:
    """What a column of text looks like; codes: the place of each row in the distinct texts."""
    place = next((i for i, text in enumerate(texts) if to_numbers([text]) is None), 0)
    advice = advise(texts, len(codes), PLAIN)
    return TextColumn(
        f"{file.place(int(np.argmax(codes == place)))} holds {shown_cell(texts[place])}",
        advice.for_feature(),
        advice.for_target(),
        False,
    )


def large_numbers(
    file: ParquetFile, wanted: Sequence[str], read: ReadColumns
) -> tuple[Finding, ...]:
    """A finding about each column of whole numbers that float64 does not hold exactly."""
    found = []
    for j, name in enumerate(wanted):
        if file.types[file.position(name)] != "whole" or name in read.texts:
            continue
        large = np.abs(read.numbers[:, j]) >= EXACT
        if large.any():
            found.append(
                Finding(
                    "rounded_numbers",
                    f"{file.place(int(np.argmax(large)))}, column {name!r} holds a whole number "
                    "of 2^53 or more, and numbers are float64, which does not hold all of these",
                    f"leave the column out, or declare `kinds: {{{name}: text}}`",
                )
            )
    return tuple(found)


class _Column:
    """Turns the parts of one column into numbers, one after the other.

    codes: the distinct texts with their numbers, where it is one of text.
    """

    def __init__(self, file: ParquetFile, name: str, stored: str, kind: str | None) -> None:
        self._file, self._name, self._stored = file, name, stored
        self.kind = kind or (TEXT if stored in ("text", "bool") else NUMBER)
        self.codes: dict[str, int] = {}
        known = ("number", "whole", "bool", "text", "date", "nothing")
        if stored not in known:
            raise DataError(
                f"{file.path}, column {name!r} holds {stored}, which is no column of numbers, "
                "texts or dates; leave it out by `ignore`, or store it in another way.",
                file=file.path,
                column=name,
            )
        if stored == "date" and self.kind in (TEXT, NUMBER):
            self.kind = ISO

    def numbers(self, arrow: Any, cells: Any, first: int) -> Array:
        """float64; NaN for what is missing."""
        if self._stored == "nothing":
            return np.full(len(cells), np.nan)
        if self._stored == "date":
            return self._seconds(arrow, cells)
        if self._stored == "text" or self.kind == TEXT:
            return self._of_texts(arrow, cells, first)
        values = cells.cast(arrow.float64(), safe=False)
        found = np.array(values.to_numpy(zero_copy_only=False), np.float64)
        infinite = np.isinf(found)
        if infinite.any():
            row = int(np.argmax(infinite))
            raise self._fault(first + row, f"{found[row]}", "is no finite number")
        return found

    def _seconds(self, arrow: Any, cells: Any) -> Array:
        """Since 1970, of time in UTC or of no zone."""
        moments = cells.cast(arrow.timestamp("us", tz=getattr(cells.type, "tz", None)), safe=False)
        ticks = moments.cast(arrow.int64())
        return np.array(ticks.to_numpy(zero_copy_only=False), np.float64) / 1e6

    def _of_texts(self, arrow: Any, cells: Any, first: int) -> Array:
        if self._stored == "bool":
            words = ["false", "true"]
            codes = cells.cast(arrow.int8())
        else:
            encoded = cells.cast(arrow.string()).dictionary_encode()
            words, codes = encoded.dictionary.to_pylist(), encoded.indices
        rows = np.array(codes.to_numpy(zero_copy_only=False), np.float64)
        missing = np.isnan(rows)
        places = np.where(missing, len(words), rows).astype(np.int64)
        texts = [word.strip() for word in words]
        numbers = np.full(len(words) + 1, np.nan)
        for place in dict.fromkeys(places[~missing].tolist()):
            if texts[place] not in self._file.marks:
                row = first + int(np.argmax(places == place))
                numbers[place] = self._number(texts[place], row)
        return np.asarray(numbers[places])

    def _number(self, text: str, row: int) -> float:
        if self.kind == TEXT:
            return float(self.codes.setdefault(text, len(self.codes)))
        if self.kind == NUMBER:
            found = to_numbers([text])
            value = None if found is None else float(found[0])
            what = "is no number"
        else:
            value, what = to_seconds(text, self.kind), f"is no date as {self.kind}"
        if value is None:
            raise self._fault(row, shown_cell(text), what)
        return value

    def _fault(self, row: int, cell: str, what: str) -> DataError:
        return DataError(
            f"{self._file.place(row)}, column {self._name!r} holds {cell}, which {what}. Correct "
            "the cell, or say by `kinds` what the column holds.",
            file=self._file.path,
            column=self._name,
        )


def _type(arrow: Any, type_: Any) -> str:
    """What a column holds, in a word."""
    types = arrow.types
    if types.is_dictionary(type_):
        return _type(arrow, type_.value_type)
    for word, holds in (
        ("whole", types.is_integer), ("number", types.is_floating), ("number", types.is_decimal),
        ("bool", types.is_boolean), ("text", types.is_string), ("text", types.is_large_string),
        ("date", types.is_timestamp), ("date", types.is_date), ("nothing", types.is_null),
    ):  # fmt: skip
        if holds(type_):
            return word
    return f"the type {type_}"


@contextmanager
def _opened(path: Path) -> Iterator[tuple[Any, Any]]:
    """Arrow, and the file."""
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError:
        hint = "pip install 'dlcli[arrow]'"
        raise UsageError(
            f"{path} is read by the package pyarrow, which is not installed: `{hint}` installs it",
            hint=hint,
        ) from None
    try:
        with parquet.ParquetFile(path) as file:
            yield pyarrow, file
    except pyarrow.ArrowException as error:
        why = " ".join(str(error).split())[:200]
        raise DataError(f"{path} cannot be read as Parquet: {why}", file=path) from None
    except OSError as error:
        raise DataError(f"{path} cannot be read: {reason(error)}", file=path) from None
