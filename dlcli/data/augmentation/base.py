"""What an augmentation is, and where its random numbers come from.

An augmentation works on prepared float32 rows: images (n, height, width, channels), or signals
(n, steps, features), whose width is their steps. It keeps the shape of a row.

The random numbers of a row are addressed by seed, value, place of the augmentation in its list,
epoch, and the row's place in the training part. So they are drawn anew in each epoch, and they are
the same however a batch is cut into shards and whoever works on them.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable

import numpy as np

from dlcli.data.dataset import Array, Shape
from dlcli.data.fitting import Misfit
from dlcli.frozen import frozen
from dlcli.randomness import Stream


class Draws:
    """The random numbers of some rows, for one augmentation in one epoch.

    rows: (n,) int64, the places of the rows in the training part. seed, address: of the numbers,
        but for the row; each call has numbers of its own.
    """

    def __init__(self, rows: Array, seed: int, *address: int | str) -> None:
        self._rows, self._seed, self._address = rows, seed, address
        self._calls = 0

    def uniform(self, count: int) -> Array:
        """`count` numbers for each row, uniform in [0, 1): float32 (n, count)."""
        stream = self._stream()
        return self._of_each_row(count, lambda row: stream.at(row).uniform(count))

    def normal(self, count: int) -> Array:
        """`count` numbers for each row, standard normal: float32 (n, count)."""
        stream = self._stream()
        return self._of_each_row(count, lambda row: stream.at(row).normal(count))

    def of(self, chosen: Array) -> "Draws":
        """What is still to be drawn, for some of the rows: the same numbers, for fewer."""
        some = Draws(self._rows[chosen], self._seed, *self._address)
        some._calls = self._calls
        return some

    def _stream(self) -> Stream:
        self._calls += 1
        return Stream(self._seed, "augmentation", *self._address, self._calls)

    def _of_each_row(self, count: int, draw: Callable[[int], Array]) -> Array:
        numbers = np.empty((len(self._rows), count), np.float32)
        for place, row in enumerate(self._rows.tolist()):
            numbers[place] = draw(row)
        return numbers


class Suited(ABC):
    """What is done at random to rows; subclasses are frozen dataclasses of choices."""

    @abstractmethod
    def check(self, row_shape: Shape) -> None:
        """Raise Misfit where it cannot work on rows of this shape, or would change nothing."""

    @property
    def holds(self) -> tuple[float, float] | None:
        """The least and the largest number that it takes a row to hold; None: any."""
        return None


class Augmentation(Suited):
    """A random change of rows, each by itself."""

    @abstractmethod
    def apply(self, x: Array, draws: Draws) -> Array:
        """The changed rows: x (n, *row_shape) itself, written into, or others like it."""


@frozen
class Mix:
    """How rows are mixed with others.

    partners: (n,) int64, the places of the others in the training part. shares: (n,) float32, how
        much of each row is its own. theirs: bool (n, height, width, 1), which pixels are the
        partner's; None: every number is shared out.
    """

    partners: Array
    shares: Array
    theirs: Array | None = None

    def of(self, x: Array, others: Array) -> Array:
        """The mixed rows: x, written into. others: the rows of the partners, which may be changed,
        too."""
        if self.theirs is not None:
            np.copyto(x, others, where=self.theirs)
            return x
        own = self.shares.reshape(-1, *(1,) * (x.ndim - 1))
        x *= own
        others *= np.float32(1.0) - own
        x += others
        return x


class Mixing(Suited):
    """A random mixture of each row with another of the training part, in whatever batch that is.

    Targets are mixed, too, by the same shares. What a partner gives are its numbers as the
    augmentations before this one leave them in this epoch, by its own address; so a row is the
    same in any batch.
    """

    @abstractmethod
    def draw(self, row_shape: Shape, count: int, draws: Draws) -> Mix:
        """With whom rows are mixed, and how. count: of the rows of the training part."""


def require_images(word: str, row_shape: Shape) -> None:
    """Misfit for rows that are no images."""
    if len(row_shape) != 3:
        raise Misfit(
            f"{word} needs images, rows of shape (height, width, channels), but gets rows of shape "
            f"{row_shape}; make images of them by the transform `reshape`, or leave it out"
        )


def size(word: str, row_shape: Shape) -> tuple[int | None, int]:
    """Height and width of a row; a signal has no height. Misfit for other rows."""
    if len(row_shape) == 3:
        return row_shape[0], row_shape[1]
    if len(row_shape) == 2:
        return None, row_shape[0]
    raise Misfit(
        f"{word} needs images, rows of shape (height, width, channels), or signals, rows of shape "
        f"(steps, features), but gets rows of shape {row_shape}"
    )


def as_images(x: Array) -> Array:
    """Signals as images of one line."""
    return x if x.ndim == 4 else x[:, np.newaxis]


def between(low: float, high: float, chances: Array) -> Array:
    """Numbers from low to high where chances are from 0 to 1."""
    found: Array = np.float32(low) + chances * np.float32(high - low)
    return found
