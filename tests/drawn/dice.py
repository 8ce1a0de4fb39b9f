"""Chance that is the same in every process and with every version of Python."""

import random
from collections.abc import Sequence
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

T = TypeVar("T")


class Dice:
    """Draws by `Random.random()` alone, whose sequence Python promises to keep."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def chance(self, share: float) -> bool:
        """True in so many of all cases."""
        return self._random.random() < share

    def whole(self, low: int, high: int) -> int:
        """A whole number, both bounds included."""
        return low + int(self._random.random() * (high - low + 1))

    def real(self, low: float, high: float) -> float:
        """A number of three digits from low to high."""
        return float(f"{low + self._random.random() * (high - low):.3g}")

    def power(self, low: float, high: float) -> float:
        """A number of three digits whose logarithm to the base 10 lies between."""
        return float(f"{10 ** (low + self._random.random() * (high - low)):.3g}")

    def choice(self, values: Sequence[T]) -> T:
        """One of them."""
        return values[self.whole(0, len(values) - 1)]

    def shuffled(self, values: Sequence[T]) -> list[T]:
        """All of them in another order."""
        left, mixed = list(values), []
        while left:
            mixed.append(left.pop(self.whole(0, len(left) - 1)))
        return mixed

    def some(self, values: Sequence[T], least: int = 0, most: int | None = None) -> list[T]:
        """Different ones of them, in any order."""
        most = len(values) if most is None else min(most, len(values))
        return self.shuffled(values)[: self.whole(min(least, most), most)]

    def numbers(self, *shape: int) -> npt.NDArray[Any]:
        """float64 from 0 to 1."""
        size = int(np.prod(shape, dtype=np.int64))
        return np.array([self._random.random() for _ in range(size)]).reshape(shape)
