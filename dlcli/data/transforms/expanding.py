"""Steps of a table that put one or several columns in the place of each of some columns."""

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, Self, cast

import numpy as np

from dlcli.data.dataset import Array, Column, Shape
from dlcli.data.fitted import Columns, OfTable
from dlcli.data.recorded import positions_of


class Expanding(OfTable):
    """A step that replaces columns.

    names: of all columns of the input. positions: of those that are replaced, ascending; `number`
        below is the place of a column among these.
    """

    changes_size = True

    in_shape: Shape
    names: tuple[str, ...]
    positions: tuple[int, ...]

    @abstractmethod
    def count(self, number: int) -> int:
        """How many columns stand for one."""

    @abstractmethod
    def made_of(self, name: str, number: int) -> list[Column]:
        """The columns that stand for the column of this name."""

    @abstractmethod
    def fill(self, cells: Array, number: int, room: Array) -> None:
        """Write them: cells (n,), room (n, columns)."""

    def options(self) -> dict[str, Any]:
        """The other fields that are no arrays, for JSON."""
        return {}

    @classmethod
    @abstractmethod
    def others(
        cls, entry: Mapping[str, Any], arrays: Mapping[str, Array], positions: tuple[int, ...]
    ) -> dict[str, Any]:
        """The other fields, of what `options` and `arrays` gave; ValueError, KeyError or TypeError
        for anything else."""

    @property
    def out_shape(self) -> Shape:
        """The columns that are made, and the others."""
        made = sum(map(self.count, range(len(self.positions))))
        return (self.in_shape[0] - len(self.positions) + made,)

    def apply(self, x: Array, dtype: np.dtype[np.floating], out: Array | None) -> Array:
        room: Array = np.empty((len(x), *self.out_shape), dtype) if out is None else out
        number, start = 0, 0
        for position in range(self.in_shape[0]):
            if position not in self.positions:
                room[:, start] = x[:, position]
                start += 1
                continue
            stop = start + self.count(number)
            self.fill(x[:, position], number, room[:, start:stop])
            number, start = number + 1, stop
        return room

    def columns_after(self, columns: Columns) -> Columns:
        after: list[Column] = []
        for position, name in enumerate(self.names):
            if position in self.positions:
                after += self.made_of(name, self.positions.index(position))
            else:
                after.append(Column(name) if columns is None else columns[position])
        return tuple(after)

    def document(self) -> dict[str, Any]:
        return {"names": list(self.names), "positions": list(self.positions), **self.options()}

    @classmethod
    def restored(
        cls, in_shape: Shape, entry: Mapping[str, Any], arrays: Mapping[str, Array]
    ) -> Self:
        names = cls.names_in(entry, in_shape)
        positions = positions_of(entry["positions"], len(names), least=1)
        others = cls.others(entry, arrays, positions)
        return cast(Self, cast(Any, cls)(in_shape, names, positions, **others))
