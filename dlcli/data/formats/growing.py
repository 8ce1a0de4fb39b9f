"""A table that grows by blocks of rows, without a second copy of it at any time."""

from collections.abc import Callable

import numpy as np

from dlcli.data.dataset import Array


def room_apart(width: int) -> Callable[[int], Array]:
    """Makes room for so many rows, each time anew."""
    return lambda rows: np.empty((rows, width))


class Growing:
    """Rows of float64 numbers, (n, width).

    Room grows by a quarter at a time: most systems then move pages of memory and copy nothing.
    """

    def __init__(self, width: int) -> None:
        self._table = np.empty((0, width))
        self._rows = 0

    def more(self, rows: int) -> Array:
        """Room for more rows, to be filled before the next call: a view that is stale by then."""
        first, self._rows = self._rows, self._rows + rows
        if self._rows > len(self._table):
            room = max(self._rows, len(self._table) * 5 // 4)
            self._table.resize((room, self._table.shape[1]), refcheck=False)
        return self._table[first : self._rows]

    def whole(self) -> Array:
        """The rows; nothing can be added any more."""
        self._table.resize((self._rows, self._table.shape[1]), refcheck=False)
        return self._table
