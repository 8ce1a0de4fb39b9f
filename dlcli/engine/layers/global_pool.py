"""Global pooling: one number for each channel of a whole image."""

from abc import abstractmethod
from math import prod
from typing import Any, ClassVar

import numpy as np

from dlcli.engine.context import Context
from dlcli.engine.layer import Array, Layer, Params, Shape
from dlcli.engine.layers.windows import image_size
from dlcli.frozen import frozen


@frozen
class GlobalPooling2D(Layer):
    """What both share: (height, width, channels) becomes (channels,).

    keepdims: becomes (1, 1, channels) instead.

    Source: names, options and shapes are those of keras.layers.GlobalMaxPooling2D, channels last.
    """

    keepdims: bool = False

    type_name: ClassVar[str]

    def out_shape(self, in_shape: Shape) -> Shape:
        image_size(self.type_name, in_shape)
        return (1, 1, in_shape[2]) if self.keepdims else in_shape[2:]

    def flops(self, in_shape: Shape) -> int:
        return prod(in_shape)

    def forward(self, p: Params, x: Array, ctx: Context, /) -> tuple[Array, Any]:
        rows, channels = len(x), x.shape[3]
        pixels = x.reshape(rows, -1, channels)
        y = ctx.scratch("y", (rows, channels), x.dtype)
        self._pool(pixels, y)
        return y.reshape(rows, *self.out_shape(x.shape[1:])), (pixels, y, x.shape)

    def backward(
        self, p: Params, g: Params, cache: Any, dy: Array, ctx: Context, /, *, need_dx: bool = True
    ) -> Array | None:
        if not need_dx:
            return None
        pixels, y, shape = cache
        dx = ctx.scratch("dx", pixels.shape, pixels.dtype)
        self._spread(pixels, y, dy.reshape(y.shape), dx, ctx)
        return dx.reshape(shape)

    @abstractmethod
    def _pool(self, pixels: Array, y: Array) -> None:
        """Assign y (n, channels) for pixels (n, height * width, channels)."""

    @abstractmethod
    def _spread(self, pixels: Array, y: Array, dy: Array, dx: Array, ctx: Context) -> None:
        """Assign dx, of the shape of the pixels."""


@frozen
class GlobalAveragePooling2D(GlobalPooling2D):
    """y = mean over all pixels; dx = dy / pixels for each."""

    type_name: ClassVar[str] = "global_average_pooling2d"

    def _pool(self, pixels: Array, y: Array) -> None:
        np.add.reduce(pixels, axis=1, out=y)
        np.divide(y, y.dtype.type(pixels.shape[1]), out=y)

    def _spread(self, pixels: Array, y: Array, dy: Array, dx: Array, ctx: Context) -> None:
        share = ctx.scratch("share", dy.shape, dy.dtype)
        np.divide(dy, dy.dtype.type(pixels.shape[1]), out=share)
        np.copyto(dx, share[:, None])


@frozen
class GlobalMaxPooling2D(GlobalPooling2D):
    """y = maximum over all pixels; pixels that tie for it share dy, as in Keras and PyTorch."""

    type_name: ClassVar[str] = "global_max_pooling2d"

    def _pool(self, pixels: Array, y: Array) -> None:
        np.maximum.reduce(pixels, axis=1, out=y)

    def _spread(self, pixels: Array, y: Array, dy: Array, dx: Array, ctx: Context) -> None:
        np.copyto(dx, np.equal(pixels, y[:, None]))
        share = ctx.scratch("share", dy.shape, dy.dtype)
        np.add.reduce(dx, axis=1, out=share)
        np.maximum(share, share.dtype.type(1), out=share)  # a NaN equals nothing
        np.divide(dy, share, out=share)
        np.multiply(dx, share[:, None], out=dx)
