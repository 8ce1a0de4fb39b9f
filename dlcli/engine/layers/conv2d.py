"""Convolution over images, as one matrix product."""

from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided

from dlcli.engine.context import Context
from dlcli.engine.initializers import GlorotUniform, Initializer, Zeros
from dlcli.engine.layer import Array, Layer, Params, Shape, Slot
from dlcli.engine.layers.windows import Padding, Pair, Windows, image_size, refuse_empty, slide
from dlcli.engine.regularizers import Regularizer
from dlcli.engine.sums import sum_rows
from dlcli.frozen import frozen


@frozen
class Conv2D(Layer):
    """A two-dimensional convolution (without flipping the kernel, as is usual in learning).

        y[r, i, j, f] = bias[f]
            + sum over u, v, c of x[r, i s + u d - top, j s + v d - left, c] kernel[u, v, c, f]

    with strides s, dilation d, and zeros where the padded image goes beyond x. The pixels under
    each place of the window become a row of a matrix (im2col, Chellapilla et al. 2006), so that

        y = columns @ kernel + bias        columns (n out_height out_width, height width in)
        dkernel = columns^T @ dy    dbias = sum of dy over rows
        dx = for each tap (u, v) of the kernel: dy @ kernel[u, v]^T, added where the tap lay

    kernel_size, strides, dilation_rate: (height, width). The kernel has the shape
    (height, width, in, filters). Strides and dilation may be combined.

    Source: names, options and shapes are those of keras.layers.Conv2D with channels last.
    """

    affine = True

    filters: int
    kernel_size: Pair
    strides: Pair = (1, 1)
    padding: Padding = "valid"
    dilation_rate: Pair = (1, 1)
    use_bias: bool = True
    kernel_initializer: Initializer = GlorotUniform()
    bias_initializer: Initializer = Zeros()
    kernel_regularizer: Regularizer | None = None
    bias_regularizer: Regularizer | None = None

    def windows(self, height: int, width: int) -> Windows:
        """Where the kernel lies on an image of this size."""
        return slide(
            (height, width), self.kernel_size, self.strides, self.dilation_rate, self.padding
        )

    def slots(self, in_shape: Shape) -> dict[str, Slot]:
        self.out_shape(in_shape)
        kernel = (*self.kernel_size, in_shape[-1], self.filters)
        slots = {
            "kernel": Slot(kernel, self.kernel_initializer, regularizer=self.kernel_regularizer)
        }
        if self.use_bias:
            slots["bias"] = Slot(
                (self.filters,), self.bias_initializer, regularizer=self.bias_regularizer
            )
        for slot in slots.values():
            slot.initializer.check(slot.shape)
        return slots

    def out_shape(self, in_shape: Shape) -> Shape:
        image = image_size("conv2d", in_shape)
        windows = self.windows(*image)
        (height, width), (d, e) = self.kernel_size, self.dilation_rate
        span = ((height - 1) * d + 1, (width - 1) * e + 1)
        refuse_empty("conv2d", "kernel_size", span, image, windows)
        return (*windows.out, self.filters)

    def forward(self, p: Params, x: Array, ctx: Context, /) -> tuple[Array, Any]:
        windows = self.windows(*x.shape[1:3])
        columns = self._columns(x, windows, ctx)
        y = ctx.scratch("y", (len(columns), self.filters), x.dtype)
        np.matmul(columns, p["kernel"].reshape(-1, self.filters), out=y)
        if self.use_bias:
            np.add(y, p["bias"], out=y)
        return y.reshape(len(x), *windows.out, self.filters), (columns, x.shape)

    def _columns(self, x: Array, windows: Windows, ctx: Context) -> Array:
        """The pixels under each place of the kernel, a row each."""
        x = _padded(x, windows, ctx)
        (height, width), (down, across), (d, e) = self.kernel_size, self.strides, self.dilation_rate
        row, line, pixel, channel = x.strides
        shape = (len(x), *windows.out, height, width, x.shape[3])
        strides = (row, line * down, pixel * across, line * d, pixel * e, channel)
        columns = ctx.scratch("columns", shape, x.dtype)
        np.copyto(columns, as_strided(x, shape, strides, writeable=False))
        return columns.reshape(-1, height * width * x.shape[3])

    def backward(
        self, p: Params, g: Params, cache: Any, dy: Array, ctx: Context, /, *, need_dx: bool = True
    ) -> Array | None:
        columns, x_shape = cache
        dy = dy.reshape(-1, self.filters)
        if g:
            np.matmul(columns.T, dy, out=g["kernel"].reshape(-1, self.filters))
            if self.use_bias:
                sum_rows(dy, g["bias"], ctx)
        return self._dx(p["kernel"], dy, x_shape, ctx) if need_dx else None

    def _dx(self, kernel: Array, dy: Array, x_shape: Shape, ctx: Context) -> Array:
        windows = self.windows(*x_shape[1:3])
        dx = ctx.scratch("dx", x_shape, dy.dtype)
        dx.fill(0)
        part = ctx.scratch("dx of a tap", (len(dy), x_shape[3]), dy.dtype)
        places = part.reshape(x_shape[0], *windows.out, x_shape[3])
        for tap in windows.taps:
            np.matmul(dy, kernel[tap.row, tap.column].T, out=part)
            dx[:, *tap.image] += places[:, *tap.out]
        return dx

    def flops(self, in_shape: Shape) -> int:
        outputs = int(np.prod(self.out_shape(in_shape), dtype=np.int64))
        height, width = self.kernel_size
        return outputs * (2 * height * width * in_shape[-1] + self.use_bias)


def _padded(x: Array, windows: Windows, ctx: Context) -> Array:
    """x with the zeros around each image that `padding: same` asks for."""
    (top, left), (bottom, right) = windows.before, windows.after
    if not (top or left or bottom or right):
        return x
    n, height, width, channels = x.shape
    padded = ctx.scratch(
        "padded", (n, top + height + bottom, left + width + right, channels), x.dtype
    )
    padded.fill(0)
    padded[:, top : top + height, left : left + width] = x
    return padded
