"""A rectangle that is missing: `random_erasing`."""

import numpy as np

from dlcli.data.augmentation.base import Augmentation, Draws, between, require_images
from dlcli.data.augmentation.boxes import boxes
from dlcli.data.dataset import Array, Shape
from dlcli.data.fitting import Misfit
from dlcli.frozen import frozen


@frozen
class RandomErasing(Augmentation):
    """Puts something else into a rectangle of some images.

    factor: the least and the largest chance that an image has one, uniform between them. One number
        f stands for 0 to f, so `1.0` is every second image, and `[1, 1]` every one.
    scale: the rectangle's height and width are the image's, each times the root of a number that is
        uniform between these.
    fill_value: what stands in it; None: normal noise of the standard deviation that the upper end
        of `value_range` is, cut at its ends, for every number its own.
    value_range: the least and the largest number of a row. Without a fill_value it must be given:
        Keras's default of [0, 255] would put 255 into rows that were rescaled to 0..1.

    Source: Zhong et al., "Random Erasing Data Augmentation" (2017), as keras.layers.RandomErasing,
    defaults included but for value_range.
    """

    factor: tuple[float, float] = (0.0, 1.0)
    scale: tuple[float, float] = (0.02, 0.33)
    fill_value: float | None = None
    value_range: tuple[float, float] | None = None

    @property
    def holds(self) -> tuple[float, float] | None:
        return self.value_range

    def check(self, row_shape: Shape) -> None:
        require_images("random_erasing", row_shape)
        if not (self.factor[1] and self.scale[1]):
            raise Misfit("random_erasing with `factor` or `scale` 0 changes nothing")

    def apply(self, x: Array, draws: Draws) -> Array:
        chances = draws.uniform(6)
        chosen = np.flatnonzero(chances[:, 1] < between(*self.factor, chances[:, 0]))
        if not len(chosen):
            return x
        sides = np.sqrt(between(*self.scale, chances[chosen, 2:4]))
        erased = boxes(x.shape[1], x.shape[2], sides[:, 0], sides[:, 1], chances[chosen, 4:])
        if self.fill_value is not None:
            x[chosen] = np.where(erased, np.float32(self.fill_value), x[chosen])
            return x
        assert self.value_range is not None
        low, high = (np.float32(end) for end in self.value_range)
        noise = draws.of(chosen).normal(x[0].size).reshape(-1, *x.shape[1:])
        noise *= high
        x[chosen] = np.where(erased, np.minimum(np.maximum(noise, low), high), x[chosen])
        return x
