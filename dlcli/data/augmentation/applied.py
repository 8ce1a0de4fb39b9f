"""All that is done to the rows of a value, one after the other."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from dlcli.data.augmentation.base import Augmentation, Draws, Mixing, Suited
from dlcli.data.dataset import Array, Shape
from dlcli.data.fitting import Misfit
from dlcli.frozen import frozen

_HARDLY = 0.1
"""Rows that use less of a range of values than this are in another unit."""
_ROUNDED = 1e-5
"""So far, as a share of the range, numbers may lie beyond it: `min_max` rounds."""


class Unsuited(ValueError):
    """The augmentation at `place` of a list cannot work on the rows."""

    def __init__(self, place: int, message: str) -> None:
        super().__init__(message)
        self.place = place


@frozen
class Blend:
    """What rows are made of: rows of the training part.

    rows: (n, k) int64, their places. shares: (n, k) float32, how much of each there is; the shares
        of a row add up to 1.
    """

    rows: Array
    shares: Array


@frozen
class Others:
    """The training part, of which rows are mixed.

    count: of its rows. prepared: the float32 rows at these places, in memory that may be written
        into and lasts as long as the fetch that they are for.
    """

    count: int
    prepared: Callable[[Array], Array]


class Augmented(NamedTuple):
    """Rows as an epoch sees them, and of which rows they are made; None: of themselves."""

    x: Array
    blend: Blend | None


class Augmentations:
    """All that is done to the rows of one value of the data, in order.

    name: of the value, which tells its random numbers from those of others.
    """

    def __init__(self, steps: Sequence[Suited], seed: int, name: str) -> None:
        self._steps, self._seed, self._name = tuple(steps), seed, name

    def check(self, row_shape: Shape) -> None:
        """Raise Unsuited where one of them cannot work on prepared rows of this shape."""
        for place, step in enumerate(self._steps):
            try:
                step.check(row_shape)
            except Misfit as error:
                raise Unsuited(place, str(error)) from error

    @property
    def asks_for_values(self) -> bool:
        """Whether `check_values` has anything to say."""
        return any(step.holds is not None for step in self._steps)

    def check_values(self, least: float, largest: float) -> None:
        """Raise Unsuited where the numbers of the rows, which are from `least` to `largest`, are
        not what one of them takes them for."""
        for place, step in enumerate(self._steps):
            if step.holds is None:
                continue
            low, high = step.holds
            there = f"the rows, as the transforms leave them, are from {least:g} to {largest:g}"
            slack = _ROUNDED * (high - low)
            if least < low - slack or largest > high + slack:
                raise Unsuited(
                    place,
                    f"`value_range: [{low:g}, {high:g}]` does not hold the numbers of the training "
                    f"part: {there}. Give the range that they have, or transform them into it",
                )
            if 0.0 < largest - least < _HARDLY * (high - low):
                raise Unsuited(
                    place,
                    f"`value_range: [{low:g}, {high:g}]` is in another unit than the numbers of "
                    f"the training part: {there}. Give the range that they can have",
                )

    def apply(self, x: Array, rows: Array, epoch: int, others: Others | None = None) -> Augmented:
        """The rows x (n, *row_shape), which may be written into, as this epoch sees them.

        rows: their places in the training part. others: the training part, for those that mix.
        """
        return self._first(len(self._steps), x, rows, epoch, others)

    def _first(
        self, end: int, x: Array, rows: Array, epoch: int, others: Others | None
    ) -> Augmented:
        """`apply` of the first of them."""
        mixes = [at for at in range(end) if isinstance(self._steps[at], Mixing)]
        blend, start = None, 0
        if mixes:
            assert others is not None, "rows are mixed with others"
            start = mixes[-1] + 1
            x, blend = self._mixed(mixes[-1], x, rows, epoch, others)
        for place in range(start, end):
            step = self._steps[place]
            assert isinstance(step, Augmentation)
            x = step.apply(x, self._draws(place, rows, epoch))
        return Augmented(x, blend)

    def _mixed(
        self, place: int, x: Array, rows: Array, epoch: int, others: Others
    ) -> tuple[Array, Blend]:
        """The rows as the augmentations to the mixing one at this place leave them."""
        step = self._steps[place]
        assert isinstance(step, Mixing)
        x, own = self._first(place, x, rows, epoch, others)
        mix = step.draw(x.shape[1:], others.count, self._draws(place, rows, epoch))
        theirs, other = self._first(
            place, others.prepared(mix.partners), mix.partners, epoch, others
        )
        both = (own or _alone(rows), other or _alone(mix.partners))
        shares = (mix.shares, np.float32(1.0) - mix.shares)
        blend = Blend(
            np.concatenate([one.rows for one in both], axis=1),
            np.concatenate(
                [one.shares * s[:, np.newaxis] for one, s in zip(both, shares, strict=True)], axis=1
            ),
        )
        return mix.of(x, theirs), blend

    def _draws(self, place: int, rows: Array, epoch: int) -> Draws:
        return Draws(rows, self._seed, self._name, place, epoch)


def _alone(rows: Array) -> Blend:
    return Blend(rows[:, np.newaxis], np.ones((len(rows), 1), np.float32))
