"""Rows that nobody has brought, made like rows that somebody has: to try a network on."""

import math
from collections.abc import Iterable, Mapping

import numpy as np

from dlcli.data.preprocessing import Preprocessing
from dlcli.data.strange import encoded_columns, takes_unknown
from dlcli.engine.layer import Array
from dlcli.errors import DataError
from dlcli.randomness import Stream

ROWS = 1000

TRIED = 200
"""Texts of a column that are tried."""

ODD = 0.05
"""How many of the cells that may be unknown, or missing, are."""


def rows_like(
    brought: Mapping[str, Array], preprocessing: Mapping[str, Preprocessing], count: int = ROWS
) -> dict[str, Array]:
    """So many stored rows of each value, by its name; the same whenever they are made.

    brought: stored rows of each value, at least one, all of which can be prepared. Numbers that are
    whole stand for something, or are pixels: a place has one of those that it has in these rows,
    and so has a column of which categories are made. Other numbers also lie around those. A column
    of texts has any that is not refused; of cells that may be unknown or missing, one in twenty is.
    """
    return {
        name: _like(rows, preprocessing[name], count, _Draws(name))
        for name, rows in brought.items()
    }


class _Draws:
    """Random numbers for the rows of one value; each draw has a stream of its own."""

    def __init__(self, name: str) -> None:
        self._name, self._count = name, 0

    def _stream(self) -> Stream:
        self._count += 1
        return Stream(0, "rows like", self._name, self._count)

    def below(self, limit: int, shape: tuple[int, ...]) -> Array:
        """Whole numbers from 0 to limit - 1."""
        return np.minimum((self.uniform(shape) * limit).astype(np.int64), limit - 1)

    def uniform(self, shape: tuple[int, ...]) -> Array:
        return self._stream().uniform(math.prod(shape)).reshape(shape)

    def normal(self, shape: tuple[int, ...]) -> Array:
        return self._stream().normal(math.prod(shape)).reshape(shape)


def _like(rows: Array, fitted: Preprocessing, count: int, draws: _Draws) -> Array:
    flat = rows.reshape(len(rows), -1)
    made = np.take_along_axis(flat, draws.below(len(rows), (count, flat.shape[1])), axis=0)
    names = [column.name for column in fitted.columns or ()]
    encoded = [names.index(name) for name in encoded_columns(fitted) if name in names]
    others = [j for j in range(flat.shape[1]) if j not in encoded and not _whole(flat[:, j])]
    if others:
        some = flat[:, others]
        there = np.where(np.isfinite(some), some, 0.0)  # a gap stays one: it has no neighbours
        around = (draws.normal((count, len(others))) * there.std(axis=0)).astype(flat.dtype)
        moved = draws.uniform((count, len(others))) < 0.5
        made[:, others] += np.where(moved, around, 0.0).astype(flat.dtype)
    unknown = takes_unknown(fitted)
    for j, column in enumerate(fitted.columns or ()):
        if column.categories is not None:
            codes = _taken(rows, fitted, j, range(min(len(column.categories), TRIED)))
            codes = np.unique(rows[:, j]) if len(codes) == 0 else codes
            made[:, j] = codes[draws.below(len(codes), (count,))]
        odd = [float("nan")]
        if column.categories is not None and column.name in unknown:
            odd.append(float(len(column.categories)))  # as they are stored
        for cell in _taken(rows, fitted, j, odd).tolist():
            made[draws.uniform((count,)) < ODD, j] = cell
    return made.reshape(count, *rows.shape[1:])


def _taken(rows: Array, fitted: Preprocessing, j: int, cells: Iterable[float]) -> Array:
    """Those cells of a column that are not refused where they stand in a row, and that leave no gap
    in it."""
    return np.array([float(cell) for cell in cells if takes_cell(fitted, rows[:1], j, cell)])


def takes_cell(fitted: Preprocessing, row: Array, position: int, cell: float) -> bool:
    """Whether this row may hold such a cell: what one step makes of it, such as the text that
    fills a gap, may be a category that a later one refuses."""
    changed = row.copy()
    changed[:, position] = cell
    try:
        fitted.check(changed, "the row")
    except DataError:
        return False
    return True


def _whole(numbers: Array) -> bool:
    there = numbers[np.isfinite(numbers)]
    return bool((there == np.floor(there)).all())
