"""Noise: `gaussian_noise`."""

import numpy as np

from dlcli.data.augmentation.base import Augmentation, Draws
from dlcli.data.dataset import Array, Shape
from dlcli.frozen import frozen


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
