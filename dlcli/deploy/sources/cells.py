"""Cells of a table as stored numbers: plain functions, which stand in written source as here."""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import numpy as np

from dlcli.data.dataset import Array
from dlcli.data.transforms.hashing import murmur3
from dlcli.dates import to_seconds


def encoded(
    rows: Sequence[Mapping[str, Any]],
    columns: Sequence[Mapping[str, Any]],
    readers: Mapping[str, Callable[[Any, Mapping[str, Any], Mapping[str, int]], float]],
    marks: Collection[str],
) -> Array:
    """Rows of a table as they are stored, (n, columns) float64, of their cells by name.

    columns: of each the `name`, what it `holds`, and whether a cell may be `missing`. readers: by
    what a column holds, what gives the number of a cell, of the column and the places of `known`
    texts. marks: texts that stand for no value.
    ValueError for a cell that is not there, or that the network cannot take.
    """
    table = np.full((len(rows), len(columns)), np.nan)
    for j, column in enumerate(columns):
        read = readers[column["holds"]]
        known = {text: place for place, text in enumerate(column.get("known", ()))}
        for number, row in enumerate(rows):
            where = f"row {number} (counted from 0), column {column['name']!r}"
            if column["name"] not in row:
                raise ValueError(f"{where} is not there")
            cell = row[column["name"]]
            if not is_missing(cell, marks):
                try:
                    table[number, j] = read(cell, column, known)
                except (ValueError, OverflowError) as error:
                    raise ValueError(f"{where} holds {cell!r:.100}: {error}") from None
            elif not column.get("missing", False):
                raise ValueError(f"{where} is missing, and nothing fills it in")
    return table


def is_missing(cell: Any, marks: Collection[str]) -> bool:
    """Whether a cell is None, NaN, or a text that stands for no value."""
    if isinstance(cell, str):
        return cell.strip() in marks
    return cell is None or (isinstance(cell, float) and cell != cell)


def number_of(cell: Any, column: Mapping[str, Any], known: Mapping[str, int]) -> float:
    """A finite number, or the text of one; ValueError for anything else."""
    if isinstance(cell, str):
        if "_" in cell or not cell.isascii():
            raise ValueError("it is no number")
    elif isinstance(cell, bool) or not isinstance(cell, int | float | np.number):
        raise ValueError("it is no number")
    number = float(cell)
    if not np.isfinite(number):
        raise ValueError("it is no finite number")
    return number


def seconds_of(cell: Any, column: Mapping[str, Any], known: Mapping[str, int]) -> float:
    """A date as it is `written`, in seconds since 1970; ValueError for anything else."""
    seconds = to_seconds(text_of(cell), column["written"])
    if seconds is None:
        raise ValueError(f"it is no date that is written as {column['written']}")
    return seconds


def code_of(cell: Any, column: Mapping[str, Any], known: Mapping[str, int]) -> float:
    """The place of a text among those that are known; all others have the place behind the last.
    ValueError for these unless the column says that unknown ones are `taken`."""
    text = text_of(cell)
    if text not in known and not column.get("taken", False):
        raise ValueError("the network was not trained on this text")
    return float(known.get(text, len(known)))


def code_or_bin_of(cell: Any, column: Mapping[str, Any], known: Mapping[str, int]) -> float:
    """The place of a text among those that are known; of others, behind that of all unknown ones,
    the bin of the text, of `bins`."""
    text = text_of(cell)
    return float(known[text] if text in known else len(known) + 1 + murmur3(text) % column["bins"])


def text_of(cell: Any) -> str:
    """A text without the blanks around it; ValueError for anything else, and where it is empty."""
    if not isinstance(cell, str):
        raise ValueError("it is no text")
    if not cell.strip():
        raise ValueError("it is empty")
    return cell.strip()
