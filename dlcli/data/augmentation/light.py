"""More or less light: `random_contrast` and `random_brightness`."""

import numpy as np

from dlcli.data.augmentation.base import Augmentation, Draws, as_images, between, size
from dlcli.data.dataset import Array, Shape
from dlcli.data.fitting import Misfit
from dlcli.frozen import frozen


@frozen
class RandomContrast(Augmentation):
    """Moves the numbers of each channel away from their mean, or towards it: (x - mean) c + mean,
    with one c for a row and the mean of each channel of that row.

    factor: (lower, upper); c is uniform from 1 - lower to 1 + upper.
    value_range: numbers beyond it become its ends; None: they stay. Keras's default of [0, 255]
        would let rows that were rescaled to 0..1 go beyond 1, and would cut half of the numbers of
        standardized ones, without a word; so nothing is cut unless a range is given, and rows must
        lie in it.

    Source: keras.layers.RandomContrast as it is documented; of one number f as `factor`, which
    stands for (f, f), Keras 3 makes (0, f), and it sorts a pair.
    """

    factor: tuple[float, float]
    value_range: tuple[float, float] | None = None

    @property
    def holds(self) -> tuple[float, float] | None:
        return self.value_range

    def check(self, row_shape: Shape) -> None:
        size("random_contrast", row_shape)
        if not any(self.factor):
            raise Misfit("random_contrast with `factor: 0` changes nothing; give it, such as 0.2")

    def apply(self, x: Array, draws: Draws) -> Array:
        lower, upper = self.factor
        return self.changed(x, between(1.0 - lower, 1.0 + upper, draws.uniform(1)[:, 0]))

    def changed(self, x: Array, contrasts: Array) -> Array:
        """The rows, written into, each with a contrast of its own."""
        images = as_images(x)
        mean = _mean(images)
        images -= mean
        images *= contrasts.reshape(-1, 1, 1, 1)
        images += mean
        return _cut(x, self.value_range)


@frozen
class RandomBrightness(Augmentation):
    """Adds one number to all of a row: a share of the range of values.

    factor: the least and the largest share, uniform between them; a negative one makes darker.
    value_range: the numbers of black and of white. What is beyond afterwards becomes its ends. It
        must be given: Keras's default of [0, 255] would turn rows that were rescaled to 0..1 into
        all black and all white ones, without a word. Rows that do not lie in it are refused, and
        so are those that use hardly any of it.

    Source: keras.layers.RandomBrightness.
    """

    factor: tuple[float, float]
    value_range: tuple[float, float]

    @property
    def holds(self) -> tuple[float, float] | None:
        return self.value_range

    def check(self, row_shape: Shape) -> None:
        size("random_brightness", row_shape)
        if not any(self.factor):
            raise Misfit("random_brightness with `factor: 0` changes nothing; give it, such as 0.2")

    def apply(self, x: Array, draws: Draws) -> Array:
        return self.changed(x, between(*self.factor, draws.uniform(1)[:, 0]))

    def changed(self, x: Array, shares: Array) -> Array:
        """The rows, written into, each with a share of its own of the range added."""
        low, high = self.value_range
        x += (shares * np.float32(high - low)).reshape(-1, *(1,) * (x.ndim - 1))
        return _cut(x, self.value_range)


def _cut(x: Array, value_range: tuple[float, float] | None) -> Array:
    if value_range is not None:
        low, high = value_range
        np.minimum(x, np.float32(high), out=x)
        np.maximum(x, np.float32(low), out=x)
    return x


def _mean(images: Array) -> Array:
    """The mean of each channel (n, 1, 1, channels), added up by halves: the same bits in any
    batch."""
    n, height, width, channels = images.shape
    total = images.reshape(n, height * width, channels)
    while total.shape[1] > 1:
        half = total.shape[1] // 2
        added = total[:, :half] + total[:, half : 2 * half]
        if total.shape[1] % 2:
            added[:, 0] += total[:, -1]
        total = added
    mean: Array = total / np.float32(height * width)
    return mean[:, np.newaxis]
