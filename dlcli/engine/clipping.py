"""Gradients that are made smaller before they move anything.

    clipvalue         every number goes to the nearest in -c .. c
    clipnorm          every array whose norm n is above c is multiplied by c / n
    global_clipnorm   so is every array, where n is the norm of all arrays together

A norm is known only when every piece of the gradient is: first each piece adds up the squares of
what it has of every array, then one process puts these sums together in the order of the pieces,
then each piece is multiplied. Sums and norms are float64, in which no square of a float32
overflows.

Formulas are Keras's (clipnorm, global_clipnorm, clipvalue of keras.optimizers.Optimizer). PyTorch's
clip_grad_norm_ is global_clipnorm with 1e-6 added to n.
"""

import math
from collections.abc import Sequence

import numpy as np

from dlcli.engine.gradients import Piece
from dlcli.engine.layer import Array
from dlcli.engine.layout import Layout
from dlcli.engine.memory import shared_zeros
from dlcli.frozen import frozen


@frozen
class _Part:
    """What a piece has of one array: which array, where in the piece, where its sum is kept."""

    array: int
    inside: slice
    place: int


class NormClipping:
    """Clips arrays by their own norms, or all of them by the joint one.

    limit: what no norm may be above. joint: whether the norm is that of all arrays together.
    Its arrays lie in memory that forked workers share.
    """

    def __init__(
        self, layout: Layout, pieces: Sequence[Piece], limit: float, *, joint: bool
    ) -> None:
        self._limit, self._joint = limit, joint
        places = [place for place in layout.places.values() if place.stop <= layout.trained]
        self._parts: list[list[_Part]] = []
        count = 0
        for piece in pieces:
            parts = []
            for array, place in enumerate(places):
                first, last = max(piece.start, place.start), min(piece.stop, place.stop)
                if first < last:
                    inside = slice(first - piece.start, last - piece.start)
                    parts.append(_Part(array, inside, count))
                    count += 1
            self._parts.append(parts)
        self._squares = shared_zeros((count,), np.float64)
        self._factors = shared_zeros((len(places),), np.float64)

    def measure(self, number: int, gradient: Array) -> None:
        """Write down the sums of squares of piece `number`, whose gradient this is."""
        for part in self._parts[number]:
            numbers = gradient[part.inside].astype(np.float64)
            np.multiply(numbers, numbers, out=numbers)
            self._squares[part.place] = numbers.sum()

    def put_together(self) -> None:
        """Work out every factor, when all pieces are measured."""
        sums = [0.0] * len(self._factors)
        for parts in self._parts:
            for part in parts:
                sums[part.array] += float(self._squares[part.place])
        if self._joint:
            sums = [sum(sums)] * len(sums)
        for array, squares in enumerate(sums):
            norm = math.sqrt(squares)
            # What is not a number stays one that is not, so that training stops with a word.
            self._factors[array] = 1.0 if norm <= self._limit else self._limit / norm

    def clip(self, number: int, gradient: Array) -> None:
        """Clip the gradient of piece `number`, in place."""
        for part in self._parts[number]:
            factor = float(self._factors[part.array])
            if factor != 1.0:
                gradient[part.inside] *= gradient.dtype.type(factor)
