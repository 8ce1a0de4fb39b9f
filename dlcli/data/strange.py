"""Cells that training did not have: what preprocessing does with them, and how many there are."""

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np

from dlcli.data.dataset import Array
from dlcli.data.encoded import GAP, Categories, Encoding
from dlcli.data.preprocessing import Preprocessing

Cells = dict[str, tuple[int, int]]
"""By the name of a column, how many cells there are, and the number of the first row with one."""


def unknown_cells(fitted: Preprocessing, rows: Array) -> Cells:
    """The cells with a category that the training part does not have; only of columns that have
    some, and only where none is refused."""
    found: Cells = {}
    size = fitted.rows_per_chunk()
    for start in range(0, len(rows), size):
        x = rows[start : start + size]
        for step in fitted.ready:
            if isinstance(step, Encoding):
                for position, rows_of in step.unknown(x, fitted.dtype).items():
                    numbers = rows_of[~np.isnan(x[rows_of, position])]
                    if not len(numbers):
                        continue
                    name = step.names[position]
                    count, first = found.get(name, (0, start + int(numbers[0])))
                    found[name] = count + len(numbers), first
            x = step.apply(x, fitted.dtype, None)
    return found


def missing_cells(fitted: Preprocessing, rows: Array) -> Cells:
    """The cells that are missing; only of columns that have some."""
    if fitted.columns is None or rows.ndim != 2 or rows.dtype.kind != "f":
        return {}
    holes = np.isnan(rows)
    counts = holes.sum(axis=0)
    return {
        fitted.columns[j].name: (int(counts[j]), int(np.argmax(holes[:, j])))
        for j in np.flatnonzero(counts).tolist()
    }


def _encoded(fitted: Preprocessing) -> Iterator[tuple[Encoding, str, Categories]]:
    """Each encoding, the name of each column that it encodes, and its categories."""
    for step in fitted.steps:
        if isinstance(step, Encoding):
            for one in step.categories:
                yield step, step.names[one.position], one


def encoded_columns(fitted: Preprocessing) -> set[str]:
    """The columns of which categories are made, by the names that they have then."""
    return {name for _, name, _ in _encoded(fitted)}


def takes_unknown(fitted: Preprocessing) -> dict[str, str]:
    """What is done with a category that the training part does not have, by the name of the
    column, for those of which no step refuses it: what `handle_unknown` says."""
    refused = {name for step, name, _ in _encoded(fitted) if step.refuses}
    return {name: step.handle_unknown for step, name, _ in _encoded(fitted) if name not in refused}


def handled(fitted: Preprocessing) -> dict[str, tuple[str, Categories]]:
    """What is done with unknown categories of each encoded column (what `handle_unknown` says),
    and the categories of the training part, by the column's name."""
    return {name: (step.handle_unknown, one) for step, name, one in _encoded(fitted)}


def gap_categories(fitted: Preprocessing) -> tuple[str, ...]:
    """The columns of which missing cells are a category of their own."""
    return tuple(name for _, name, one in _encoded(fitted) if GAP in (*one.names, *one.rare_names))


def codes_of_unknown(fitted: Preprocessing) -> dict[str, Callable[[str], float]]:
    """How a text that training did not have is stored, by the name of its column, where it is
    hashed like all others."""
    known = {column.name: len(column.categories or ()) for column in fitted.columns or ()}
    found: dict[str, Callable[[str], float]] = {}
    for step in fitted.steps:
        found |= step.unknown_codes(known)
    return found


def takes_missing(fitted: Preprocessing) -> tuple[str, ...]:
    """The columns of a table of which a cell may be missing: a step fills it in, or takes it for a
    category. It is tried with rows of which one cell is missing."""
    if fitted.columns is None or len(fitted.row_shape) != 1:
        return ()
    lenient = [
        replace(step, handle_unknown="ignore").prepared(fitted.dtype)
        if isinstance(step, Encoding)
        else ready
        for step, ready in zip(fitted.steps, fitted.ready, strict=True)
    ]
    taken: list[bool] = []
    width = len(fitted.columns)
    size = fitted.rows_per_chunk()
    for start in range(0, width, size):
        holes = np.arange(start, min(start + size, width))
        x: Array = np.zeros((len(holes), width))
        x[np.arange(len(holes)), holes] = np.nan
        refused = np.zeros(len(holes), np.bool_)
        for step, ready in zip(fitted.steps, lenient, strict=True):
            if isinstance(step, Encoding) and step.refuses:
                assert isinstance(ready, Encoding)
                for place, rows_of in ready.unknown(x, fitted.dtype).items():
                    refused[rows_of[np.isnan(x[rows_of, place])]] = True
            x = ready.apply(x, fitted.dtype, None)
        gone = ~np.isnan(x).reshape(len(holes), -1).any(axis=1)
        taken += (gone & ~refused).tolist()
    return tuple(column.name for column, good in zip(fitted.columns, taken, strict=True) if good)


def empty_buckets(fitted: Preprocessing) -> tuple[str, ...]:
    """The columns whose unknown categories belong to the rare ones, of which there are none."""
    return tuple(
        name
        for step, name, one in _encoded(fitted)
        if step.handle_unknown == "bucket" and not one.rare_names
    )


def buckets(fitted: Preprocessing) -> tuple[str, ...]:
    """The columns whose unknown categories belong to the rare ones."""
    return tuple(name for step, name, _ in _encoded(fitted) if step.handle_unknown == "bucket")
