"""Steps that change some columns number by number, and leave all others as they are."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, Self, cast

import numpy as np

from dlcli.data.dataset import Array, ColumnKind, Shape
from dlcli.data.fitted import Columns, Fitted
from dlcli.data.fitting import Misfit, TrainingRows, Transform
from dlcli.data.recorded import positions_of
from dlcli.data.statistics import NoValue
from dlcli.data.transforms.choosing import Chosen, choose, require_table

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

    def options(self) -> dict[str, Any]:
        """The other fields that are no arrays, for JSON."""
        return {}

    @classmethod
    def others(
        cls, entry: Mapping[str, Any], arrays: Mapping[str, Array], count: int
    ) -> dict[str, Any]:
        """The other fields, of what `options` and `arrays` gave for so many columns; ValueError,
        KeyError or TypeError for anything else."""
        return {}

    def document(self) -> dict[str, Any]:
        return {"positions": list(self.positions), **self.options()}

    @classmethod
    def restored(
        cls, in_shape: Shape, entry: Mapping[str, Any], arrays: Mapping[str, Array]
    ) -> Self:
        positions = positions_of(entry["positions"], in_shape[-1] if in_shape else 1, least=1)
        others = cls.others(entry, arrays, len(positions))
        return cast(Self, cast(Any, cls)(in_shape, positions, **others))


class OfNumbers(Transform):
    """A transform of numbers that keeps the shape of a row: of all of them, or of some columns."""

    columns: Chosen

    def shape_after(self, shape: Shape) -> Shape:
        require_table(self.columns, shape)
        return shape


def chosen_positions(rows: TrainingRows, chosen: Chosen, word: str) -> tuple[int, ...]:
    """The positions of the columns of numbers that are chosen; Misfit where there are none."""
    found = np.flatnonzero(choose(chosen, rows, word, NUMBERS, NUMBERS)).tolist()
    if not found:
        raise Misfit(f"there is no column of numbers for {word}.")
    return tuple(found)


def gathered(rows: TrainingRows, positions: Sequence[int]) -> Array:
    """All numbers of these places of the last axis in the training part, (n, places) float64."""
    chosen = list(positions)
    pieces = [
        chunk[..., chosen].reshape(-1, len(chosen)).astype(np.float64) for chunk in rows.chunks()
    ]
    return np.concatenate(pieces) if pieces else np.empty((0, len(chosen)))


def ascending(table: Array, positions: Sequence[int]) -> list[Array]:
    """The numbers of each column of what was gathered in ascending order, without those missing;
    NoValue where there are none."""
    found = []
    for position, cells in zip(positions, table.T, strict=True):
        values = np.sort(cells[~np.isnan(cells)], kind="stable")
        if not len(values):
            raise NoValue(position)
        found.append(values)
    return found


def quantiles(ordered: Array, shares: Array) -> Array:
    """Quantiles of ascending numbers, linear between neighbours: NumPy's default."""
    place = shares * (len(ordered) - 1)
    low = np.floor(place).astype(np.int64)
    high = np.minimum(low + 1, len(ordered) - 1)
    return np.asarray(ordered[low] + (ordered[high] - ordered[low]) * (place - low))
