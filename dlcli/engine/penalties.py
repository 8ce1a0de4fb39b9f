"""The penalties of a model's regularized arrays: their sum, and their part of the gradient.

Both are there only where an array has a regularizer, so that nobody else pays for them.
"""

from collections.abc import Sequence
from typing import Self

import numpy as np

from dlcli.engine.arrays import Array
from dlcli.engine.layout import Layout, Place
from dlcli.engine.regularizers import BLOCK, Regularizer


class Penalty:
    """The sum of all penalties on `theta`, array by array in the order of the layers.

    Who works it out, and whether in training or in evaluation, changes no bit.
    """

    def __init__(self, layout: Layout, theta: Array) -> None:
        self._arrays = [
            (regularizer, theta[place.start : place.stop])
            for place, regularizer in _regularized(layout)
        ]
        self._work = np.empty((2, BLOCK))

    @classmethod
    def of(cls, layout: Layout, theta: Array) -> Self | None:
        """None where no array has a penalty."""
        return cls(layout, theta) if _regularized(layout) else None

    def __call__(self) -> float:
        """For the parameters as they are now."""
        total = 0.0
        for regularizer, array in self._arrays:
            total += regularizer.penalty(array, self._work)
        return total


class PenaltyGradients:
    """What the penalties add to the gradient of a batch, piece by piece."""

    def __init__(self, layout: Layout, pieces: Sequence[tuple[int, int]]) -> None:
        self._parts = [
            [
                (regularizer, slice(first - start, last - start))
                for place, regularizer in _regularized(layout)
                if (first := max(start, place.start)) < (last := min(stop, place.stop))
            ]
            for start, stop in pieces
        ]

    @classmethod
    def of(cls, layout: Layout, pieces: Sequence[tuple[int, int]]) -> Self | None:
        """pieces: where each starts and stops. None where no array has a penalty."""
        return cls(layout, pieces) if _regularized(layout) else None

    def add(self, number: int, theta: Array, gradient: Array, work: Array) -> None:
        """Add to the gradient of piece `number`, in place; theta: the parameters of that piece,
        work: as long, to write into."""
        for regularizer, inside in self._parts[number]:
            regularizer.add_gradient(theta[inside], gradient[inside], work[inside])


def _regularized(layout: Layout) -> list[tuple[Place, Regularizer]]:
    """The places of the trained arrays that have a regularizer, in the order of the layers."""
    return [
        (layout.places[name], slot.regularizer)
        for name, slot in layout.slots.items()
        if slot.kind == "trained" and slot.regularizer is not None
    ]
