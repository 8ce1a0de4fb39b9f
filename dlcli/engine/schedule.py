"""What a learning rate may be beside a number: a function of the updates made before.

The rates there are stand in schedules.py, which only who has one loads.
"""

import math
from abc import ABC, abstractmethod
from dataclasses import replace
from functools import lru_cache
from typing import Self

from dlcli.frozen import frozen


@frozen(kw_only=True)
class Schedule(ABC):
    """A learning rate over time.

    warmup_steps, warmup_epochs: how long the warm-up takes; one of the two at most.
    """

    warmup_steps: int | None = None
    warmup_epochs: float | None = None

    def over(self, updates: int, updates_an_epoch: float) -> Self:
        """The same for a run of so many updates, with everything that depends on that."""
        warmup = in_steps(self.warmup_steps, self.warmup_epochs, updates_an_epoch) or 0
        return replace(self, warmup_steps=warmup, warmup_epochs=None)

    def rate(self, step: int) -> float:
        """The rate of the update that has `step` updates before it; only after `over`."""
        warmup = self.warmup_steps or 0
        if step < warmup:
            return self.after(0) * step / warmup
        return self.after(step - warmup)

    @abstractmethod
    def after(self, step: int) -> float:
        """The rate, `step` updates after the warm-up."""

    @property
    def depends_on_length(self) -> bool:
        """Whether the rates of the first updates depend on how many there are in all.

        If so, a finished run cannot be given more epochs: its first rates would have been others.
        """
        return False


def in_steps(steps: int | None, epochs: float | None, updates_an_epoch: float) -> int | None:
    """So many updates, or those of so many epochs."""
    return steps if epochs is None else math.floor(epochs * updates_an_epoch)


@lru_cache(maxsize=16)
def integer_power(base: float, exponent: int) -> float:
    """base^exponent for exponent >= 0, by repeated squaring.

    `base**exponent` asks the C library's pow, whose last bit differs between systems;
    multiplication is the same everywhere.

    >>> integer_power(0.5, 3)
    0.125
    """
    found = 1.0
    while exponent:
        if exponent & 1:
            found *= base
        base *= base
        exponent >>= 1
    return found
