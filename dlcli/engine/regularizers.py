"""What is added to the loss so that parameters stay small, and what that adds to the gradient.

A regularizer is a frozen dataclass of choices; a layer gives it to the slot of an array (see Slot
in layer.py). Its penalty is added to the loss as it is, not divided by the rows of a batch: to that
of each batch, and to that of every part that is evaluated. Frozen arrays have no penalty. Formulas
and defaults are those of keras.regularizers.

Letters: w the array, as a flat vector.
"""

from abc import ABC, abstractmethod

import numpy as np

from dlcli.engine.arrays import Array
from dlcli.frozen import frozen

BLOCK = 32_768
"""So many numbers of an array are added up side by side, in float64 memory that stays in cache."""


class Regularizer(ABC):
    """A penalty on the numbers of one array."""

    @abstractmethod
    def penalty(self, w: Array, work: Array) -> float:
        """The penalty on w (n,); work: (2, BLOCK) float64 to write into."""

    @abstractmethod
    def add_gradient(self, w: Array, g: Array, work: Array) -> None:
        """Add the penalty's gradient to g, in place.

        w, g and work have the shape (n,) and one dtype; w may be a part of the array.
        """


@frozen
class L1(Regularizer):
    """penalty = l1 sum |w|, gradient = l1 sign(w), which is 0 at 0."""

    l1: float = 0.01

    def penalty(self, w: Array, work: Array) -> float:
        return self.l1 * _sum(np.abs, w, work)

    def add_gradient(self, w: Array, g: Array, work: Array) -> None:
        np.sign(w, out=work)
        work *= g.dtype.type(self.l1)
        g += work


@frozen
class L2(Regularizer):
    """penalty = l2 sum w^2, gradient = 2 l2 w.

    PyTorch's `weight_decay` of SGD is 2 l2, scikit-learn's `alpha` 2 l2 times the rows of a batch.
    """

    l2: float = 0.01

    def penalty(self, w: Array, work: Array) -> float:
        return self.l2 * _sum(np.square, w, work)

    def add_gradient(self, w: Array, g: Array, work: Array) -> None:
        np.multiply(w, g.dtype.type(2.0 * self.l2), out=work)
        g += work


@frozen
class L1L2(Regularizer):
    """penalty = l1 sum |w| + l2 sum w^2, gradient = l1 sign(w) + 2 l2 w."""

    l1: float = 0.0
    l2: float = 0.0

    def penalty(self, w: Array, work: Array) -> float:
        return L1(self.l1).penalty(w, work) + L2(self.l2).penalty(w, work)

    def add_gradient(self, w: Array, g: Array, work: Array) -> None:
        L1(self.l1).add_gradient(w, g, work)
        L2(self.l2).add_gradient(w, g, work)


def _sum(of: np.ufunc, w: Array, work: Array) -> float:
    """The sum of of(w) in float64: number i in lane i % BLOCK, then the lanes in their order.

    The order depends on the length of w alone; that of np.sum is NumPy's to choose. The square of
    a float32 is exact in float64.
    """
    lanes = work[0, : len(w)]
    lanes.fill(0.0)
    for start in range(0, len(w), BLOCK):
        part = w[start : start + BLOCK]
        terms = work[1, : len(part)]
        np.copyto(terms, part)
        of(terms, out=terms)
        lanes[: len(part)] += terms
    return float(np.add.accumulate(lanes, out=lanes)[-1])


REGULARIZERS: dict[str, type[Regularizer]] = {"l1": L1, "l1_l2": L1L2, "l2": L2}
