"""Convolution of each channel by itself."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from dlcli.engine.context import Context
from dlcli.engine.initializers import GlorotUniform, Initializer, Zeros
from dlcli.engine.layer import Array, Layer, Params, Shape, Slot, slots_of
from dlcli.engine.layers.biases import bias_slot
from dlcli.engine.layers.conv2d import span
from dlcli.engine.layers.windows import Padding, Pair, Windows, image_size, refuse_empty, slide
from dlcli.engine.regularizers import Regularizer
from dlcli.engine.sums import sum_rows
from dlcli.frozen import frozen


@frozen
class DepthwiseConv2D(Layer):
    """A two-dimensional convolution that mixes no channels: m filters for each one.

        y[r, i, j, c m + q] = bias[c m + q]
            + sum over u, v of x[r, i s + u d - top, j s + v d - left, c] kernel[u, v, c, q]

    with strides s, dilation d, and zeros where the padded image goes beyond x. There is no matrix
    product in it: each tap (u, v) of the kernel is a product of numbers, added up.

    kernel_size, strides, dilation_rate: (height, width). depth_multiplier: m. The kernel has the
    shape (height, width, in, m).

    Source: names, options and shapes are those of keras.layers.DepthwiseConv2D, channels last.
    """

    affine = True

    kernel_size: Pair
    strides: Pair = (1, 1)
    padding: Padding = "valid"
    depth_multiplier: int = 1
    dilation_rate: Pair = (1, 1)
    use_bias: bool = True
    depthwise_initializer: Initializer = GlorotUniform()
    bias_initializer: Initializer = Zeros()
    depthwise_regularizer: Regularizer | None = None
    bias_regularizer: Regularizer | None = None

    def windows(self, height: int, width: int) -> Windows:
        """Where the kernel lies on an image of this size."""
        return slide(
            (height, width), self.kernel_size, self.strides, self.dilation_rate, self.padding
        )

    def slots(self, in_shape: Shape) -> dict[str, Slot]:
        features = self.out_shape(in_shape)[2]
        kernel = (*self.kernel_size, in_shape[2], self.depth_multiplier)
        return slots_of(
            kernel=Slot(kernel, self.depthwise_initializer, regularizer=self.depthwise_regularizer),
            bias=bias_slot(self, features),
        )

    def out_shape(self, in_shape: Shape) -> Shape:
        return self.shape_in_the_name_of("depthwise_conv2d", in_shape)

    def shape_in_the_name_of(self, word: str, in_shape: Shape) -> Shape:
        """`out_shape`, for a layer that it is a part of."""
        image = image_size(word, in_shape)
        windows = self.windows(*image)
        refuse_empty(
            word, "kernel_size", span(self.kernel_size, self.dilation_rate), image, windows
        )
        return (*windows.out, in_shape[2] * self.depth_multiplier)

    def forward(self, p: Params, x: Array, ctx: Context, /) -> tuple[Array, Any]:
        windows, kernel = self.windows(*x.shape[1:3]), p["kernel"]
        y = ctx.scratch("y", (len(x), *windows.out, *kernel.shape[2:]), x.dtype)
        y.fill(0)
        part = ctx.scratch("part", y.shape, x.dtype)
        for tap in windows.taps:
            here = part[:, *tap.out]
            np.multiply(x[:, *tap.image, :, None], kernel[tap.row, tap.column], out=here)
            y[:, *tap.out] += here
        y = y.reshape(*y.shape[:3], -1)
        if self.use_bias:
            np.add(y, p["bias"], out=y)
        return y, x

    def backward(
        self, p: Params, g: Params, cache: Any, dy: Array, ctx: Context, /, *, need_dx: bool = True
    ) -> Array | None:
        x: Array = cache
        windows, kernel = self.windows(*x.shape[1:3]), p["kernel"]
        if g and self.use_bias:
            sum_rows(dy.reshape(-1, dy.shape[3]), g["bias"], ctx)
        dy = dy.reshape(*dy.shape[:3], *kernel.shape[2:])
        part = ctx.scratch("part", dy.shape, dy.dtype)
        if g:
            g["kernel"].fill(0)  # a tap that meets nothing but padding has no gradient
            for tap in windows.taps:
                part.fill(0)
                np.multiply(x[:, *tap.image, :, None], dy[:, *tap.out], out=part[:, *tap.out])
                total = g["kernel"][tap.row, tap.column].reshape(-1)
                sum_rows(part.reshape(-1, total.size), total, ctx)
        if not need_dx:
            return None
        dx = ctx.scratch("dx", x.shape, dy.dtype)
        dx.fill(0)
        for tap in windows.taps:
            here = part[:, *tap.out]
            np.multiply(dy[:, *tap.out], kernel[tap.row, tap.column], out=here)
            pixels = dx[:, *tap.image]
            for q in range(self.depth_multiplier):
                np.add(pixels, here[..., q], out=pixels)
        return dx

    def scaled(self, p: Params, factor: Array) -> Mapping[str, Array]:
        return {"kernel": p["kernel"] * factor.reshape(-1, self.depth_multiplier)}

    def flops(self, in_shape: Shape) -> int:
        outputs = int(np.prod(self.out_shape(in_shape), dtype=np.int64))
        height, width = self.kernel_size
        return outputs * (2 * height * width + self.use_bias)
