"""Convolution over images, as one matrix product."""

from collections.abc import Mapping
from dataclasses import field
from typing import Any

import numpy as np

from dlcli.engine.context import Context
from dlcli.engine.initializers import GlorotUniform, Initializer, Zeros
from dlcli.engine.layer import LATER, Array, Layer, Params, Shape, ShapeError, Slot, slots_of
from dlcli.engine.layers.biases import bias_slot
from dlcli.engine.layers.im2col import add_taps, by_group, columns_of
from dlcli.engine.layers.windows import Causal, Pair, Windows, image_size, refuse_empty, slide
from dlcli.engine.products import product
from dlcli.engine.regularizers import Regularizer
from dlcli.engine.sums import sum_rows
from dlcli.frozen import frozen


@frozen
class Conv2D(Layer):
    """A two-dimensional convolution (without flipping the kernel, as is usual in learning).

        y[r, i, j, f] = bias[f]
            + sum over u, v, c of x[r, i s + u d - top, j s + v d - left, c] kernel[u, v, c, f]

    with strides s, dilation d, and zeros where the padded image goes beyond x. The pixels under
    each place of the window become a row of a matrix (see im2col.py), so that

        y = columns @ kernel + bias        columns (n out_height out_width, height width in)
        dkernel = columns^T @ dy    dbias = sum of dy over rows
        dx = for each tap (u, v) of the kernel: dy @ kernel[u, v]^T, added where the tap lay

    kernel_size, strides, dilation_rate: (height, width). The kernel has the shape
    (height, width, in / groups, filters). Strides and dilation may be combined.
    padding: valid or same; causal is for the steps of `conv1d`.
    groups: channels and filters are cut into so many groups, side by side, and the filters of a
        group see its channels only.

    Source: names, options and shapes are those of keras.layers.Conv2D with channels last.
    """

    affine = True

    filters: int
    kernel_size: Pair
    strides: Pair = (1, 1)
    padding: Causal = "valid"
    dilation_rate: Pair = (1, 1)
    use_bias: bool = True
    kernel_initializer: Initializer = GlorotUniform()
    bias_initializer: Initializer = Zeros()
    kernel_regularizer: Regularizer | None = None
    bias_regularizer: Regularizer | None = None
    groups: int = field(default=1, metadata=LATER)

    def windows(self, height: int, width: int) -> Windows:
        """Where the kernel lies on an image of this size."""
        return slide(
            (height, width), self.kernel_size, self.strides, self.dilation_rate, self.padding
        )

    def slots(self, in_shape: Shape) -> dict[str, Slot]:
        self.out_shape(in_shape)
        kernel = (*self.kernel_size, in_shape[-1] // self.groups, self.filters)
        return slots_of(
            kernel=Slot(kernel, self.kernel_initializer, regularizer=self.kernel_regularizer),
            bias=bias_slot(self, self.filters),
        )

    def out_shape(self, in_shape: Shape) -> Shape:
        image = image_size("conv2d", in_shape)
        require_groups("conv2d", self.groups, in_shape[2], self.filters)
        windows = self.windows(*image)
        refuse_empty(
            "conv2d", "kernel_size", span(self.kernel_size, self.dilation_rate), image, windows
        )
        return (*windows.out, self.filters)

    def forward(self, p: Params, x: Array, ctx: Context, /) -> tuple[Array, Any]:
        windows = self.windows(*x.shape[1:3])
        columns = columns_of(
            x, windows, self.kernel_size, self.strides, self.dilation_rate, self.groups, ctx
        )
        y = ctx.scratch("y", (columns.shape[1], self.filters), x.dtype)
        product(columns, self._by_group(p["kernel"]), by_group(y, self.groups), len(x), ctx)
        if self.use_bias:
            np.add(y, p["bias"], out=y)
        return y.reshape(len(x), *windows.out, self.filters), (columns, x.shape)

    def _by_group(self, kernel: Array) -> Array:
        """The kernel (groups, height width in / groups, filters / groups): a view."""
        return by_group(kernel.reshape(-1, self.filters), self.groups)

    def backward(
        self, p: Params, g: Params, cache: Any, dy: Array, ctx: Context, /, *, need_dx: bool = True
    ) -> Array | None:
        columns, x_shape = cache
        dy = dy.reshape(-1, self.filters)
        if g:
            dkernel = self._by_group(g["kernel"])
            np.matmul(columns.swapaxes(1, 2), by_group(dy, self.groups), out=dkernel)
            if self.use_bias:
                sum_rows(dy, g["bias"], ctx)
        if not need_dx:
            return None
        dx = ctx.scratch("dx", x_shape, dy.dtype)
        dx.fill(0)
        add_taps(p["kernel"], dy, self.windows(*x_shape[1:3]), self.groups, dx, ctx)
        return dx

    def scaled(self, p: Params, factor: Array) -> Mapping[str, Array]:
        return {"kernel": p["kernel"] * factor}

    def flops(self, in_shape: Shape) -> int:
        outputs = int(np.prod(self.out_shape(in_shape), dtype=np.int64))
        height, width = self.kernel_size
        return outputs * (2 * height * width * (in_shape[-1] // self.groups) + self.use_bias)


def span(size: Pair, dilation: Pair) -> Pair:
    """How many pixels a window covers, (rows, columns)."""
    return (size[0] - 1) * dilation[0] + 1, (size[1] - 1) * dilation[1] + 1


def require_groups(layer: str, groups: int, channels: int, filters: int) -> None:
    """ShapeError unless channels and filters can be cut into so many groups."""
    for number, what in ((filters, f"`filters: {filters}`"), (channels, f"{channels} channels")):
        if number % groups:
            raise ShapeError(
                f"{layer} with `groups: {groups}` cannot cut {what} into {groups} groups of equal "
                f"size; choose groups that divide both {filters} filters and {channels} channels"
            )
