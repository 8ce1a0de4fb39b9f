"""Pooling: one number for each window of an image, channel by channel."""

from abc import abstractmethod
from typing import Any, ClassVar

import numpy as np

from dlcli.engine.context import Context
from dlcli.engine.layer import Array, Layer, Params, Shape
from dlcli.engine.layers.windows import Padding, Pair, Windows, image_size, refuse_empty, slide
from dlcli.frozen import frozen


@frozen
class Pooling2D(Layer):
    """What both poolings share: their options and their geometry.

    pool_size, strides: (height, width); strides default to pool_size, so windows tile the image.
    Padded pixels never count: neither as a maximum nor in an average.

    Source: names, options and shapes are those of keras.layers.MaxPooling2D, channels last.
    """

    pool_size: Pair = (2, 2)
    strides: Pair | None = None
    padding: Padding = "valid"

    type_name: ClassVar[str]

    def windows(self, height: int, width: int) -> Windows:
        """Where the pool lies on an image of this size."""
        strides = self.pool_size if self.strides is None else self.strides
        return slide((height, width), self.pool_size, strides, (1, 1), self.padding)

    def out_shape(self, in_shape: Shape) -> Shape:
        image = image_size(self.type_name, in_shape)
        windows = self.windows(*image)
        refuse_empty(self.type_name, "pool_size", self.pool_size, image, windows)
        return (*windows.out, in_shape[2])

    def flops(self, in_shape: Shape) -> int:
        height, width = self.pool_size
        return height * width * int(np.prod(self.out_shape(in_shape), dtype=np.int64))

    def forward(self, p: Params, x: Array, ctx: Context, /) -> tuple[Array, Any]:
        windows = self.windows(*x.shape[1:3])
        y = ctx.scratch("y", (len(x), *windows.out, x.shape[3]), x.dtype)
        self._pool(x, y, windows)
        return y, (x, y)

    def backward(
        self, p: Params, g: Params, cache: Any, dy: Array, ctx: Context, /, *, need_dx: bool = True
    ) -> Array | None:
        if not need_dx:
            return None
        x, y = cache
        dx = ctx.scratch("dx", x.shape, x.dtype)
        dx.fill(0)
        self._spread(x, y, dy, dx, self.windows(*x.shape[1:3]), ctx)
        return dx

    @abstractmethod
    def _pool(self, x: Array, y: Array, windows: Windows) -> None:
        """Assign y."""

    @abstractmethod
    def _spread(
        self, x: Array, y: Array, dy: Array, dx: Array, windows: Windows, ctx: Context
    ) -> None:
        """Add to dx, which is all zeros."""


@frozen
class MaxPooling2D(Pooling2D):
    """The largest number in each window.

    The gradient goes to where the maximum was, and of equal ones to the first in row-major
    order, as on TensorFlow's CPU. A NaN in the window makes the output NaN.
    """

    type_name: ClassVar[str] = "max_pooling2d"

    def _pool(self, x: Array, y: Array, windows: Windows) -> None:
        if windows.before == windows.after == (0, 0):  # every tap meets every place
            first, *taps = windows.taps
            np.copyto(y, x[:, *first.image])
        else:
            taps = list(windows.taps)
            y.fill(-np.inf)
        for tap in taps:
            places = y[:, *tap.out]
            np.maximum(places, x[:, *tap.image], out=places)

    def _spread(
        self, x: Array, y: Array, dy: Array, dx: Array, windows: Windows, ctx: Context
    ) -> None:
        searching = ctx.scratch("searching", y.shape, np.bool_)  # the maximum was not met yet
        searching.fill(True)
        below = ctx.scratch("below", y.shape, np.bool_)
        here = ctx.scratch("here", y.shape, np.bool_)
        part = ctx.scratch("dx of a tap", y.shape, dy.dtype)
        for tap in windows.taps:
            out = (slice(None), *tap.out)
            np.less(x[:, *tap.image], y[out], out=below[out])
            np.greater(searching[out], below[out], out=here[out])  # searching and not below
            np.logical_and(searching[out], below[out], out=searching[out])
            pixels = dx[:, *tap.image]
            if windows.overlap:
                np.multiply(dy[out], here[out], out=part[out])
                np.add(pixels, part[out], out=pixels)
            else:
                np.multiply(dy[out], here[out], out=pixels)


@frozen
class AveragePooling2D(Pooling2D):
    """The mean of the pixels in each window: their sum divided by their number.

    At the border of an image padded by `padding: same` there are fewer of them.
    """

    type_name: ClassVar[str] = "average_pooling2d"

    def _pool(self, x: Array, y: Array, windows: Windows) -> None:
        y.fill(0)
        for tap in windows.taps:
            places = y[:, *tap.out]
            np.add(places, x[:, *tap.image], out=places)
        np.divide(y, _pixels(windows, y), out=y)

    def _spread(
        self, x: Array, y: Array, dy: Array, dx: Array, windows: Windows, ctx: Context
    ) -> None:
        share = ctx.scratch("share", dy.shape, dy.dtype)
        np.divide(dy, _pixels(windows, dy), out=share)
        for tap in windows.taps:
            pixels = dx[:, *tap.image]
            np.add(pixels, share[:, *tap.out], out=pixels)


def _pixels(windows: Windows, like: Array) -> Array:
    """How many pixels of the image each window holds, (out_height, out_width, 1)."""
    count = np.zeros((*windows.out, 1), like.dtype)
    for tap in windows.taps:
        count[*tap.out] += 1
    return count
