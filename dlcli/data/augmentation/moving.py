"""Rows that are turned round, cropped and moved: `random_flip`, `random_crop` and
`random_translation`."""

from typing import Literal

import numpy as np

from dlcli.data.augmentation.base import Augmentation, Draws, as_images, size
from dlcli.data.augmentation.edges import FillMode, Interpolation, taken
from dlcli.data.dataset import Array, Shape
from dlcli.data.fitting import Misfit
from dlcli.frozen import frozen


@frozen
class RandomFlip(Augmentation):
    """Turns each row round with probability one half: left to right, upside down, or both, each
    by a chance of its own. Source: keras.layers.RandomFlip, defaults included."""

    mode: Literal["horizontal", "vertical", "horizontal_and_vertical"] = "horizontal_and_vertical"

    def check(self, row_shape: Shape) -> None:
        height = size("random_flip", row_shape)[0]
        if height is None and self.mode != "horizontal":
            raise Misfit(
                f"random_flip with mode `{self.mode}` needs images, rows of shape (height, width, "
                f"channels), but gets rows of shape {row_shape}; a signal is turned round by `mode:"
                " horizontal`"
            )

    def apply(self, x: Array, draws: Draws) -> Array:
        images, chances = as_images(x), draws.uniform(2)
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
        height, width = size("random_crop", row_shape)
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
        images = as_images(x)
        height, width, channels = images.shape[1:]
        above, left = self.padding if x.ndim == 4 else (0, self.padding[1])
        room = height + 2 * above, width + 2 * left, channels
        padded = np.full(room, self.fill_value, np.float32)
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
    fill_mode, fill_value: what stands where nothing was; see edges.py.
    interpolation: between the pixels on either side, or the nearest one.

    Source: keras.layers.RandomTranslation, defaults included (but for the factors, 0 here where
    Keras wants both).
    """

    height_factor: tuple[float, float] = (0.0, 0.0)
    width_factor: tuple[float, float] = (0.0, 0.0)
    fill_mode: FillMode = "reflect"
    interpolation: Interpolation = "bilinear"
    fill_value: float = 0.0

    def check(self, row_shape: Shape) -> None:
        height = size("random_translation", row_shape)[0]
        if height is None and any(self.height_factor):
            raise Misfit(
                "random_translation with `height_factor` needs images, rows of shape (height, "
                f"width, channels), but gets rows of shape {row_shape}; a signal is moved by "
                "`width_factor`"
            )

    def apply(self, x: Array, draws: Draws) -> Array:
        chances = draws.uniform(2)
        moved = as_images(x)
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
        fill = self.fill_mode, self.fill_value
        total = taken(images, places, np.float32(1.0) - second, axis, *fill)
        if second.any():
            total += taken(images, places + 1, second, axis, *fill)
        return total
