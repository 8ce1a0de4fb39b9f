"""Images that are turned and enlarged: `random_rotation` and `random_zoom`."""

import numpy as np

from dlcli.data.augmentation.base import Augmentation, Draws, between, require_images
from dlcli.data.augmentation.edges import FillMode, Interpolation, along, sampled
from dlcli.data.dataset import Array, Shape
from dlcli.data.fitting import Misfit
from dlcli.frozen import frozen

_CIRCLE = np.float32(6.2831855)


@frozen
class RandomRotation(Augmentation):
    """Turns each image about its middle, the point ((width - 1) / 2, (height - 1) / 2).

    With an angle a, the number at (x, y), from the middle, is that which was at
    (x cos a - y sin a, x sin a + y cos a); a positive angle turns against the clock.

    factor: the least and the largest angle, as shares of a whole turn, uniform between them: 0.1 is
        36 degrees.
    fill_mode, fill_value: what stands where nothing was; see edges.py.
    interpolation: between the pixels around, or the nearest one.

    Source: keras.layers.RandomRotation, defaults included.
    """

    factor: tuple[float, float]
    fill_mode: FillMode = "reflect"
    interpolation: Interpolation = "bilinear"
    fill_value: float = 0.0

    def check(self, row_shape: Shape) -> None:
        require_images("random_rotation", row_shape)
        if not any(self.factor):
            raise Misfit("random_rotation with `factor: 0` changes nothing; give it, such as 0.1")

    def apply(self, x: Array, draws: Draws) -> Array:
        return self.turned(x, between(*self.factor, draws.uniform(1)[:, 0]) * _CIRCLE)

    def turned(self, images: Array, angles: Array) -> Array:
        """Each image turned by an angle of its own, in radians."""
        height, width = images.shape[1:3]
        cos, sin = (turn(angles)[:, np.newaxis] for turn in (np.cos, np.sin))
        middle_x, middle_y = np.float32((width - 1) / 2), np.float32((height - 1) / 2)
        x, y = np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32)
        start_x = middle_x - middle_x * cos + middle_y * sin
        start_y = middle_y - middle_x * sin - middle_y * cos
        across = (cos * x + start_x)[:, np.newaxis] - (sin * y)[:, :, np.newaxis]
        down = (sin * x + start_y)[:, np.newaxis] + (cos * y)[:, :, np.newaxis]
        return sampled(images, down, across, self.fill_mode, self.interpolation, self.fill_value)


@frozen
class RandomZoom(Augmentation):
    """Enlarges or shrinks each image about its middle.

    The number at x, from the middle, is that which was at (1 + f) x: a negative f enlarges, a
    positive one shrinks.

    height_factor, width_factor: the least and the largest f, uniform between them, for each
        direction by a draw of its own; where width_factor is None, both have the same f.
    fill_mode, fill_value: what stands where nothing was; see edges.py.
    interpolation: between the pixels around, or the nearest one.

    Source: keras.layers.RandomZoom, defaults included.
    """

    height_factor: tuple[float, float]
    width_factor: tuple[float, float] | None = None
    fill_mode: FillMode = "reflect"
    interpolation: Interpolation = "bilinear"
    fill_value: float = 0.0

    def check(self, row_shape: Shape) -> None:
        require_images("random_zoom", row_shape)
        if not any((*self.height_factor, *(self.width_factor or ()))):
            raise Misfit("random_zoom with factors 0 changes nothing; give them, such as 0.2")

    def apply(self, x: Array, draws: Draws) -> Array:
        chances = draws.uniform(2)
        down = across = between(*self.height_factor, chances[:, 0])
        if self.width_factor is not None:
            across = between(*self.width_factor, chances[:, 1])
        return self.zoomed(x, np.float32(1.0) + down, np.float32(1.0) + across)

    def zoomed(self, images: Array, down: Array, across: Array) -> Array:
        """Each image with its places times numbers of its own; above 1 it shrinks."""
        for axis, zooms in ((1, down), (2, across)):
            length = images.shape[axis]
            zoom = zooms[:, np.newaxis]
            start = np.float32((length - 1) / 2) * (np.float32(1.0) - zoom)
            places = zoom * np.arange(length, dtype=np.float32) + start
            images = along(
                images, places, axis, self.fill_mode, self.interpolation, self.fill_value
            )
        return images
