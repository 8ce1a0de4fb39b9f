"""Images with more pixels: zeros around them, or more of the same."""

from functools import lru_cache
from typing import Any, Literal

import numpy as np

from dlcli.engine.context import Context
from dlcli.engine.layer import Array, Layer, Params, Shape
from dlcli.engine.layers.windows import Pair, image_size
from dlcli.frozen import frozen


@frozen
class ZeroPadding2D(Layer):
    """Zeros around each image.

    padding: how many lines of them: ((above, below), (left, right)).

    Source: name, option and default are those of keras.layers.ZeroPadding2D, channels last.
    """

    padding: tuple[Pair, Pair] = ((1, 1), (1, 1))

    def out_shape(self, in_shape: Shape) -> Shape:
        height, width = image_size("zero_padding2d", in_shape)
        (top, bottom), (left, right) = self.padding
        return top + height + bottom, left + width + right, in_shape[2]

    def _inner(self, height: int, width: int) -> tuple[slice, slice, slice]:
        top, left = self.padding[0][0], self.padding[1][0]
        return slice(None), slice(top, top + height), slice(left, left + width)

    def forward(self, p: Params, x: Array, ctx: Context, /) -> tuple[Array, Any]:
        y = ctx.scratch("y", (len(x), *self.out_shape(x.shape[1:])), x.dtype)
        y.fill(0)
        y[self._inner(*x.shape[1:3])] = x
        return y, x.shape

    def backward(
        self, p: Params, g: Params, cache: Any, dy: Array, ctx: Context, /, *, need_dx: bool = True
    ) -> Array | None:
        if not need_dx:
            return None
        dx = ctx.scratch("dx", cache, dy.dtype)
        np.copyto(dx, dy[self._inner(*cache[1:3])])
        return dx

    def flops(self, in_shape: Shape) -> int:
        return 0


@frozen
class UpSampling2D(Layer):
    """Each image `size` times as high and wide.

    size: (height, width). interpolation: nearest repeats each pixel; bilinear draws straight lines
    between the middles of pixels, which lie at (i + 1/2) size - 1/2, and beyond the outermost
    ones their values go on.

    Source: names, options and defaults are those of keras.layers.UpSampling2D, channels last.
    """

    size: Pair = (2, 2)
    interpolation: Literal["nearest", "bilinear"] = "nearest"

    def out_shape(self, in_shape: Shape) -> Shape:
        height, width = image_size("up_sampling2d", in_shape)
        return height * self.size[0], width * self.size[1], in_shape[2]

    def forward(self, p: Params, x: Array, ctx: Context, /) -> tuple[Array, Any]:
        n, height, width, channels = x.shape
        down, across = self.size
        y = ctx.scratch("y", (n, *self.out_shape(x.shape[1:])), x.dtype)
        if self.interpolation == "nearest":
            y.reshape(n, height, down, width, across, channels)[...] = x[:, :, None, :, None]
            return y, x.shape
        tall = ctx.scratch("tall", (n, height * down, width * channels), x.dtype)
        rows = interpolation_matrix(height, down, x.dtype.str)
        np.matmul(rows, x.reshape(n, height, -1), out=tall)
        lines = tall.reshape(-1, width, channels)
        columns = interpolation_matrix(width, across, x.dtype.str)
        np.matmul(columns, lines, out=y.reshape(len(lines), -1, channels))
        return y, x.shape

    def backward(
        self, p: Params, g: Params, cache: Any, dy: Array, ctx: Context, /, *, need_dx: bool = True
    ) -> Array | None:
        if not need_dx:
            return None
        n, height, width, channels = cache
        down, across = self.size
        dx = ctx.scratch("dx", cache, dy.dtype)
        if self.interpolation == "nearest":
            dx.fill(0)
            for row, column in np.ndindex(down, across):
                np.add(dx, dy[:, row::down, column::across], out=dx)
            return dx
        narrow = ctx.scratch("narrow", (n * height * down, width, channels), dy.dtype)
        lines = dy.reshape(n * height * down, -1, channels)
        np.matmul(interpolation_matrix(width, across, dy.dtype.str).T, lines, out=narrow)
        np.matmul(
            interpolation_matrix(height, down, dy.dtype.str).T,
            narrow.reshape(n, height * down, -1),
            out=dx.reshape(n, height, -1),
        )
        return dx

    def flops(self, in_shape: Shape) -> int:
        if self.interpolation == "nearest":
            return 0
        height, width, channels = self.out_shape(in_shape)
        tall = 2 * height * in_shape[0] * in_shape[1] * channels
        return tall + 2 * height * width * in_shape[1] * channels


@lru_cache(maxsize=64)
def interpolation_matrix(length: int, times: int, dtype: str) -> Array:
    """What each of length * times pixels takes of the `length` that there are, (new, old)."""
    matrix = np.zeros((length * times, length), dtype)
    for new in range(length * times):
        middle = min(max((new + 0.5) / times - 0.5, 0.0), length - 1.0)
        first = int(middle)
        second = min(first + 1, length - 1)
        matrix[new, first] += 1.0 - (middle - first)
        matrix[new, second] += middle - first
    matrix.flags.writeable = False
    return matrix
