"""Rows to predict on, block by block: of tables (CSV, JSON lines, Parquet) and of arrays.

A table must have every column that the model reads, by name and in any order; other columns, such
as the target, are left aside. One without a header has all columns of the file that was trained on
in their places, or all but the target.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import field, replace
from pathlib import Path

import numpy as np

from dlcli.data.dataset import Array, Column
from dlcli.data.formats.columns import NUMBER, TEXT, ReadBlock
from dlcli.data.formats.in_blocks import Bad, read_in_blocks
from dlcli.data.formats.notation import JSON, Format
from dlcli.data.formats.text import Text, read_header, read_keys, shown_cell
from dlcli.data.names import place_of, suggestion
from dlcli.data.written import PLAINLY, Written
from dlcli.errors import DataError, UsageError
from dlcli.frozen import frozen

JSON_LINES = (".jsonl", ".ndjson")
PARQUET = (".parquet", ".pq")

Unread = Callable[[Sequence[str]], None]
"""Hears which columns of a file are left aside."""


@frozen
class Rows:
    """Some rows of a table, or pictures, as they are stored.

    numbers: which rows of the file they are, counted from 0. cells: of the column that was asked
        for as it is written; the names of pictures.
    """

    stored: Array
    numbers: Array
    cells: Sequence[str] | None = None


@frozen
class Asked:
    """What is known of the table that a model reads.

    columns: those that it reads. written: how the file that it was trained on was written.
    takes_unknown: the columns of text that may hold texts which were not there in training.
    takes_missing: the columns of which cells may be missing. codes: how such texts are stored, by
        the name of the column, where one is not stored like another.
    """

    columns: Sequence[Column]
    written: Written = PLAINLY
    takes_unknown: Collection[str] = ()
    takes_missing: Collection[str] = ()
    codes: Mapping[str, Callable[[str], float]] = field(default_factory=dict)


def table_rows(
    path: Path,
    asked: Asked,
    as_written: str | None = None,
    bad: Bad | None = None,
    unread: Unread = lambda names: None,
) -> Iterator[Rows]:
    """The rows of a table in storage dtype, as `Preprocessing.apply` takes them.

    as_written: a column of which the cells are wanted, too. bad: see `read_in_blocks`.
    DataError for what is no such table; UsageError for a column that is not there.
    """
    names = [column.name for column in asked.columns]
    kinds = {column.name: _kind(column) for column in asked.columns}
    if path.suffix.lower() in PARQUET:
        from dlcli.data.formats.parquet import parquet_in_blocks, read_schema

        marks = tuple(dict.fromkeys(("", *asked.written.format.missing)))
        schema = read_schema(path, marks)
        _require(path, names, schema.names, asked, suggestion)
        _require_id(path, as_written, schema.names)
        unread(_others(schema.names, names))
        blocks: Iterator[ReadBlock] = parquet_in_blocks(schema, names, kinds, as_written)
        place: Callable[[int], str] = schema.place
        hint = ""
    else:
        file = _known_columns(path, asked)
        _require(path, names, file.names, asked, lambda name, known: file.suggestion(name))
        _require_id(path, as_written, file.names)
        if file.header:
            unread(_others(file.names, names))
        blocks = read_in_blocks(file, names, kinds, as_written, bad)
        place, hint = file.place, "" if file.header else _NO_HEADER
    for block in blocks:
        yield from _stored(block, asked, place, bad, hint)


_NO_HEADER = " (The model was trained on a file without a header: leave it out here, too.)"


def _require(
    path: Path,
    names: Sequence[str],
    there: Sequence[str],
    asked: Asked,
    near: Callable[[str, Sequence[str]], str],
) -> None:
    """DataError unless all columns are there."""
    absent = [name for name in names if place_of(name, there) is None]
    if absent:
        raise DataError(
            f"{path} lacks {len(absent)} of the model's {len(names)} feature columns: "
            f"{listed(map(repr, absent))}{near(absent[0], [name for name in there if name])} "
            f"(The model reads {listed(map(_described, asked.columns))}; the file has "
            f"{listed(repr(name) for name in there if name)}.)",
            file=path,
        )


def _require_id(path: Path, name: str | None, there: Sequence[str]) -> None:
    if name is not None and place_of(name, there) is None:
        known = [one for one in there if one]
        raise UsageError(f"{path} has no column {name!r}{suggestion(name, known)}", file=path)


def listed(texts: Iterable[str]) -> str:
    """The first dozen, for messages."""
    shown = list(texts)
    return ", ".join(shown[:12]) + (", ..." if len(shown) > 12 else "")


def _described(column: Column) -> str:
    """A column of the model, for messages."""
    if column.date:
        return f"{column.name!r} (date)"
    if column.categories is None:
        return f"{column.name!r} (number)"
    texts = ", ".join(column.categories[:3]) + (", ..." if len(column.categories) > 3 else "")
    return f"{column.name!r} (text: {texts})"


def _others(there: Sequence[str], names: Sequence[str]) -> list[str]:
    return [name for name in there if name and place_of(name, names) is None]


def _stored(
    block: ReadBlock, asked: Asked, place: Callable[[int], str], bad: Bad | None, hint: str
) -> Iterator[Rows]:
    """A block with the codes of the model; rows that the model refuses are named or left out.

    hint: to the text of the first row that it does not know.
    """
    numbers = np.arange(block.first, block.first + len(block.numbers))
    kept = np.ones(len(numbers), bool)
    for j, column in enumerate(asked.columns):
        cells = block.numbers[:, j]
        if column.name not in asked.takes_missing:
            for row in np.flatnonzero(np.isnan(cells)).tolist():
                if kept[row]:
                    refuse(_missing(place, column, block.first + row), block.first + row, bad)
                kept[row] = False
        if column.categories is None:
            continue
        known = {text: float(i) for i, text in enumerate(column.categories)}
        texts = block.codes.get(column.name, {})
        own = asked.codes.get(column.name)
        # One code for all unknown texts, of no known one, unless they are told apart.
        last = float(len(known))
        codes = [known[t] if t in known else last if own is None else own(t) for t in texts]
        places = np.where(np.isnan(cells), len(texts), cells).astype(np.int64)
        if column.name not in asked.takes_unknown and own is None:
            odd = np.array([*(text not in known for text in texts), False])[places]
            for row in np.flatnonzero(odd).tolist():
                if kept[row]:
                    text = list(texts)[int(places[row])]
                    told = hint if block.first + row == 0 else ""
                    error = _unknown(place(block.first + row), column, text, told)
                    refuse(error, block.first + row, bad)
                kept[row] = False
        block.numbers[:, j] = np.array([*codes, np.nan])[places]
    if kept.all():
        yield Rows(block.numbers, numbers, block.cells)
    elif kept.any():
        some = np.flatnonzero(kept).tolist()
        cells_of = block.cells
        left = None if cells_of is None else [cells_of[row] for row in some]
        yield Rows(block.numbers[kept], numbers[kept], left)


def refuse(error: DataError, row: int, bad: Bad | None) -> None:
    """Leave a row out, or raise what is wrong with it where nobody hears of such rows."""
    if bad is None:
        raise error
    bad(row, error)


def _missing(place: Callable[[int], str], column: Column, row: int) -> DataError:
    """The error about a cell that is missing, of a column that had no gaps in training."""
    remedy = "fill it in or remove the row, or train with the transform `impute`"
    where = place(row)
    return DataError(
        f"{where}, column {column.name!r} is missing, and the model does not know what to do with "
        f"that: {remedy}.",
        file=where.split(", line ")[0],
        line=_line(where),
        column=column.name,
        hint=remedy,
    )


def _unknown(where: str, column: Column, text: str, hint: str) -> DataError:
    """The error about a text that no row had in training."""
    categories = column.categories or ()
    remedy = "correct or remove the row, or train with `handle_unknown: ignore` or `bucket`"
    return DataError(
        f"{where}, column {column.name!r} holds {shown_cell(text)}, which the model was not "
        f"trained on; it knows {listed(categories)}, and refuses others: {remedy} of the "
        f"transform that encodes the column.{hint}",
        file=where.split(", line ")[0],
        line=_line(where),
        column=column.name,
        hint=remedy,
    )


def _line(where: str) -> int | None:
    digits = where.split(", line ")[-1]
    return int(digits) if digits.isdecimal() else None


def _kind(column: Column) -> str:
    """What a column of the model holds, in the words of `read_columns`."""
    if column.date:
        return column.written
    return NUMBER if column.categories is None else TEXT


def _known_columns(path: Path, asked: Asked) -> Text:
    """The file, its columns named as those of the file that the model was trained on."""
    written, columns = asked.written, asked.columns
    if path.suffix.lower() in JSON_LINES:
        marks = tuple(dict.fromkeys(("", *written.format.missing)))
        keys = read_keys(path, Format(JSON, header=True, missing=marks))
        return replace(keys, of_model=True)
    if written.format.header is False and written.format.names is None:
        file = replace(read_header(path, written.format), of_model=True)
        return _by_place(file, written)
    file = replace(read_header(path, replace(written.format, header=True)), of_model=True)
    if file.like_data is not None and any(file.find(c.name) is None for c in columns):
        names = listed(column.name for column in columns)
        raise DataError(
            f"{path}, line {file.line} looks like data ({file.like_data}), not like names, and the "
            f"model finds its columns by name. Write a first line with the names of the columns: "
            f"{names}."
        )
    return file


def _by_place(file: Text, written: Written) -> Text:
    """A file without a header: of the width that was trained on, or without the target."""
    count, width = len(file.names), written.width
    targets = (written.target,) if isinstance(written.target, str) else written.target or ()
    if width is None or count == width:
        return file
    if count == width - len(targets):
        names = (f"column_{i + 1}" for i in range(width))
        return replace(file, names=tuple(name for name in names if name not in targets))
    raise DataError(
        f"{file.path}, line {file.line} has {count} cell{'s' if count != 1 else ''}; the model was "
        f"trained on a file of {width} columns without a header, so give all {width}, or "
        f"{width - len(targets)} without the target {' and '.join(map(repr, targets))}."
    )
