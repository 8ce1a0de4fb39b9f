"""Steps that change some columns number by number, and leave all others as they are."""

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, Self

import numpy as np

from dlcli.data.dataset import Array, ColumnKind, Shape
from dlcli.data.fitted import Columns, Fitted
from dlcli.data.fitting import Misfit, TrainingRows
from dlcli.data.recorded import positions_of
from dlcli.data.transforms.choosing import Chosen, choose

NUMBERS: tuple[ColumnKind, ...] = ("numeric", "indicator")


class Columnwise(Fitted):
    """y = f(x) in some columns, computed in float64; a missing number stays missing.

    positions: of the columns, ascending: in the last axis.
    """

    keeps_columns = True

    in_shape: Shape
    positions: tuple[int, ...]

    @property
    def out_shape(self) -> Shape:
        """The shape stays."""
        return self.in_shape

    @abstractmethod
    def values(self, x: Array, number: int) -> Array:
        """f of float64 numbers of one column; number: the place of the column in `positions`."""

    def apply(self, x: Array, dtype: np.dtype[np.floating], out: Array | None) -> Array:
        room: Array = np.empty(x.shape, dtype) if out is None else out
        if room is not x:
            np.copyto(room, x, casting="unsafe")
        with np.errstate(all="ignore"):
            for number, position in enumerate(self.positions):
                room[..., position] = self.values(room[..., position].astype(np.float64), number)
        return room

    def columns_after(self, columns: Columns) -> Columns:
        return columns

    def document(self) -> dict[str, Any]:
        return {"positions": list(self.positions)}

    @classmethod
    def restored(
        cls, in_shape: Shape, entry: Mapping[str, Any], arrays: Mapping[str, Array]
    ) -> Self:
        positions = positions_of(entry["positions"], in_shape[-1] if in_shape else 1)
        if not positions:
            raise ValueError("a step of no column")
        return cls.made(in_shape, positions, entry, arrays)

    @classmethod
    @abstractmethod
    def made(
        cls,
        in_shape: Shape,
        positions: tuple[int, ...],
        entry: Mapping[str, Any],
        arrays: Mapping[str, Array],
    ) -> Self:
        """`restored` behind the checks that all have."""


def chosen_positions(rows: TrainingRows, chosen: Chosen, word: str) -> tuple[int, ...]:
    """The positions of the columns of numbers that are chosen; Misfit where there are none."""
    found = np.flatnonzero(choose(chosen, rows, word, NUMBERS, NUMBERS)).tolist()
    if not found:
        raise Misfit(f"there is no column of numbers for {word}.")
    return tuple(found)


def column_values(rows: TrainingRows, position: int) -> Array:
    """All numbers of a column in the training part in ascending order, without those missing;
    Misfit where there are none."""
    pieces = [chunk[..., position].reshape(-1) for chunk in rows.chunks()]
    values = np.concatenate(pieces).astype(np.float64) if pieces else np.empty(0)
    values = np.sort(values[~np.isnan(values)], kind="stable")
    if not len(values):
        name = rows.names[position] if len(rows.shape) == 1 else str(position)
        raise Misfit(f"column {name!r} has no value in the training part: leave it out.")
    return values


def quantiles(ordered: Array, shares: Array) -> Array:
    """Quantiles of ascending numbers, linear between neighbours: NumPy's default."""
    place = shares * (len(ordered) - 1)
    low = np.floor(place).astype(np.int64)
    high = np.minimum(low + 1, len(ordered) - 1)
    return np.asarray(ordered[low] + (ordered[high] - ordered[low]) * (place - low))
