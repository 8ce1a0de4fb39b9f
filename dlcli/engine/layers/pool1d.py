"""Pooling over the steps of a row: a view on that over images."""

from functools import cached_property
from typing import ClassVar

from dlcli.engine.layer import Shape
from dlcli.engine.layers.one_axis import OneAxis, places
from dlcli.engine.layers.pool2d import AveragePooling2D, MaxPooling2D, Pooling2D
from dlcli.engine.layers.steps import require_steps
from dlcli.engine.layers.windows import Padding
from dlcli.frozen import frozen


@frozen
class Pooling1D(OneAxis):
    """What both share: x (n, steps, features), y (n, places, features), feature by feature.

    strides default to pool_size, so windows tile the row. Padded steps never count. A
    mask ends here.

    Source: names, options and shapes are those of keras.layers.MaxPooling1D, channels last.
    """

    pool_size: int = 2
    strides: int | None = None
    padding: Padding = "valid"

    kind: ClassVar[type[Pooling2D]]

    @cached_property
    def over_images(self) -> Pooling2D:
        strides = None if self.strides is None else (1, self.strides)
        return self.kind((1, self.pool_size), strides, self.padding)

    def out_shape(self, in_shape: Shape) -> Shape:
        require_steps(self.type_name, in_shape)
        windows = self.over_images.windows(1, in_shape[0])
        return places(self.type_name, "pool_size", self.pool_size, in_shape, windows)


@frozen
class MaxPooling1D(Pooling1D):
    """The largest number in each window; of equal ones, the first gets the gradient."""

    type_name: ClassVar[str] = "max_pooling1d"
    kind = MaxPooling2D


@frozen
class AveragePooling1D(Pooling1D):
    """The mean of the steps in each window: their sum divided by their number."""

    type_name: ClassVar[str] = "average_pooling1d"
    kind = AveragePooling2D
