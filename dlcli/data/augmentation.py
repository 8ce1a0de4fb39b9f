"""What is done to rows, at random, while they are learned from, and never when they are judged.

An augmentation works on prepared float32 rows: images (n, height, width, channels), or signals
(n, steps, features), whose width is their steps. It keeps the shape of a row.

The random numbers of a row are addressed by seed, value, place of the augmentation in its list,
epoch, and the row's place in the training part. So they are drawn anew in each epoch, and they are
the same however a batch is cut into shards and whoever works on them.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Literal

import numpy as np

from dlcli.data.dataset import Array, Shape
from dlcli.data.fitting import Misfit
from dlcli.frozen import frozen
from dlcli.randomness import Stream

FillMode = Literal["constant", "nearest", "reflect", "wrap"]


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

    def _stream(self) -> Stream:
        self._calls += 1
        return Stream(self._seed, "augmentation", *self._address, self._calls)

    def _of_each_row(self, count: int, draw: Callable[[int], Array]) -> Array:
        numbers = np.empty((len(self._rows), count), np.float32)
        for place, row in enumerate(self._rows.tolist()):
            numbers[place] = draw(row)
        return numbers


class Augmentation(ABC):
    """A random change of rows; subclasses are frozen dataclasses of choices."""

    @abstractmethod
    def check(self, row_shape: Shape) -> None:
        """Raise Misfit where it cannot work on rows of this shape, or would change nothing."""

    @abstractmethod
    def apply(self, x: Array, draws: Draws) -> Array:
        """The changed rows: x (n, *row_shape) itself, written into, or others like it."""


@frozen
class RandomFlip(Augmentation):
    """Turns each row round with probability one half: left to right, upside down, or both, each
    by a chance of its own. Source: keras.layers.RandomFlip, defaults included."""

    mode: Literal["horizontal", "vertical", "horizontal_and_vertical"] = "horizontal_and_vertical"

    def check(self, row_shape: Shape) -> None:
        height = _size("random_flip", row_shape)[0]
        if height is None and self.mode != "horizontal":
            raise Misfit(
                f"random_flip with mode `{self.mode}` needs images, rows of shape (height, width, "
                f"channels), but gets rows of shape {row_shape}; a signal is turned round by `mode:"
                " horizontal`"
            )

    def apply(self, x: Array, draws: Draws) -> Array:
        images, chances = _as_images(x), draws.uniform(2)
        for axis, word in enumerate(("vertical", "horizontal")):
            if word in self.mode:
                rows = np.flatnonzero(chances[:, axis] < 0.5)
                images[rows] = np.flip(images[rows], axis + 1)
        return x


@frozen
class RandomCrop(Augmentation):
    """Takes a window of height x width at random out of each row with an edge of `padding` pixels.

    height, width: those of a row, which keeps its size; None stands for them.
    padding: pixels above and below, left and right. fill_value: what they hold.

    Source: torchvision's RandomCrop(size, padding), the habit for CIFAR; Keras's never pads.
    """

    height: int | None = None
    width: int | None = None
    padding: tuple[int, int] = (0, 0)
    fill_value: float = 0.0

    def check(self, row_shape: Shape) -> None:
        height, width = _size("random_crop", row_shape)
        for word, given, there in (("height", self.height, height), ("width", self.width, width)):
            if given is not None and given != there:
                raise Misfit(
                    f"random_crop cannot have `{word}: {given}`, for rows of shape {row_shape}: "
                    "they are judged as they are, and so must keep their size while they are "
                    "learned from. Give the size of a row, and `padding`"
                )
        if not any(self.padding if height is not None else self.padding[1:]):
            raise Misfit("random_crop without `padding` changes nothing; give it, such as 4")

    def apply(self, x: Array, draws: Draws) -> Array:
        images = _as_images(x)
        height, width, channels = images.shape[1:]
        above, left = self.padding if x.ndim == 4 else (0, self.padding[1])
        size = height + 2 * above, width + 2 * left, channels
        padded = np.full(size, self.fill_value, np.float32)
        inner = padded[above : above + height, left : left + width]
        # In float64 a chance just below 1 is not rounded up to it.
        places = draws.uniform(2).astype(np.float64) * (2 * above + 1, 2 * left + 1)
        for number, (top, first) in enumerate(places.astype(np.int64).tolist()):
            inner[:] = images[number]
            images[number] = padded[top : top + height, first : first + width]
        return x


@frozen
class RandomTranslation(Augmentation):
    """Moves each row up or down, left or right, by a share of its size.

    height_factor, width_factor: the least and the largest share, uniform between them; a positive
        one moves down, or to the right.
    fill_mode: what stands where nothing was. reflect: (d c b a | a b c d | d c b a), wrap: (a b c d
        | a b c d | a b c d), nearest: (a a a a | a b c d | d d d d), constant: fill_value.
    interpolation: between the pixels on either side, or the nearest one.

    Source: keras.layers.RandomTranslation, defaults included (but for the factors, 0 here where
    Keras wants both).
    """

    height_factor: tuple[float, float] = (0.0, 0.0)
    width_factor: tuple[float, float] = (0.0, 0.0)
    fill_mode: FillMode = "reflect"
    interpolation: Literal["bilinear", "nearest"] = "bilinear"
    fill_value: float = 0.0

    def check(self, row_shape: Shape) -> None:
        height = _size("random_translation", row_shape)[0]
        if height is None and any(self.height_factor):
            raise Misfit(
                "random_translation with `height_factor` needs images, rows of shape (height, "
                f"width, channels), but gets rows of shape {row_shape}; a signal is moved by "
                "`width_factor`"
            )

    def apply(self, x: Array, draws: Draws) -> Array:
        chances = draws.uniform(2)
        moved = _as_images(x)
        for axis, (low, high) in enumerate((self.height_factor, self.width_factor)):
            if low or high:
                share = np.float32(low) + chances[:, axis] * np.float32(high - low)
                moved = self.moved(moved, share * np.float32(moved.shape[axis + 1]), axis + 1)
        return moved.reshape(x.shape)

    def moved(self, images: Array, pixels: Array, axis: int) -> Array:
        """Each image moved by a number of pixels of its own along an axis."""
        length = images.shape[axis]
        if self.interpolation == "nearest":
            pixels = np.floor(pixels + np.float32(0.5))
        before = np.floor(-pixels)
        second = (-pixels - before)[:, np.newaxis]  # how much the pixel behind counts
        places = np.arange(length) + before.astype(np.int64)[:, np.newaxis]
        total = self._taken(images, places, np.float32(1.0) - second, axis)
        if second.any():
            total += self._taken(images, places + 1, second, axis)
        return total

    def _taken(self, images: Array, places: Array, share: Array, axis: int) -> Array:
        """The pixels at these places (n, length) along an axis, times a share of each image."""
        length = images.shape[axis]
        within = places
        if self.fill_mode == "wrap":
            within = places % length
        elif self.fill_mode == "reflect":
            within = places % (2 * length)
            within = np.minimum(within, 2 * length - 1 - within)
        else:
            within = np.clip(places, 0, length - 1)
        shape = [len(images), 1, 1, 1]
        shape[axis] = length
        found: Array = np.take_along_axis(images, within.reshape(shape), axis)
        if self.fill_mode == "constant":
            outside = (places != within).reshape(shape)
            found = np.where(outside, np.float32(self.fill_value), found)
        found *= share.reshape(-1, 1, 1, 1)
        return found


@frozen
class GaussianNoise(Augmentation):
    """Adds to every number a normal one of mean 0 and standard deviation `stddev`.

    Source: keras.layers.GaussianNoise.
    """

    stddev: float

    def check(self, row_shape: Shape) -> None:
        """Rows of any shape have numbers."""

    def apply(self, x: Array, draws: Draws) -> Array:
        noise = draws.normal(x[0].size)
        noise *= np.float32(self.stddev)
        x += noise.reshape(x.shape)
        return x


class Unsuited(ValueError):
    """The augmentation at `place` of a list cannot work on the rows."""

    def __init__(self, place: int, message: str) -> None:
        super().__init__(message)
        self.place = place


class Augmentations:
    """All that is done to the rows of one value of the data, in order.

    name: of the value, which tells its random numbers from those of others.
    """

    def __init__(self, steps: Sequence[Augmentation], seed: int, name: str) -> None:
        self._steps, self._seed, self._name = tuple(steps), seed, name

    def check(self, row_shape: Shape) -> None:
        """Raise Unsuited where one of them cannot work on prepared rows of this shape."""
        for place, step in enumerate(self._steps):
            try:
                step.check(row_shape)
            except Misfit as error:
                raise Unsuited(place, str(error)) from error

    def apply(self, x: Array, rows: Array, epoch: int) -> Array:
        """The rows x (n, *row_shape), which may be written into, as this epoch sees them.

        rows: their places in the training part.
        """
        for place, step in enumerate(self._steps):
            x = step.apply(x, Draws(rows, self._seed, self._name, place, epoch))
        return x


def _size(word: str, row_shape: Shape) -> tuple[int | None, int]:
    """Height and width of a row; a signal has no height. Misfit for other rows."""
    if len(row_shape) == 3:
        return row_shape[0], row_shape[1]
    if len(row_shape) == 2:
        return None, row_shape[0]
    raise Misfit(
        f"{word} needs images, rows of shape (height, width, channels), or signals, rows of shape "
        f"(steps, features), but gets rows of shape {row_shape}"
    )


def _as_images(x: Array) -> Array:
    """Signals as images of one line."""
    return x if x.ndim == 4 else x[:, np.newaxis]


AUGMENTATIONS: dict[str, type[Augmentation]] = {
    "gaussian_noise": GaussianNoise,
    "random_crop": RandomCrop,
    "random_flip": RandomFlip,
    "random_translation": RandomTranslation,
}
