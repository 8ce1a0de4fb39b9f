"""Convolutions of each channel by itself, in position-major memory, and those that begin with one.

With images as (height, width, n channels), numbers of all rows and channels side by side, a tap of
the kernel multiplies long runs of numbers: the kernel is laid out as often as there are rows, and,
where the window moves by one pixel, as often as there are places in a line. What is left are
products of numbers that are added up, which `np.einsum` does in one pass over memory for each tap;
a product and a sum would take two. It does so in the order of the taps (or of the places), number
by number, and rounds products before they are added: the bits are those of a multiplication and an
addition, which the self-test of numerics.py asks for. Only where there is one number for each place
would it choose an order of its own; there, products and sums are taken one after the other.

dx is a convolution, too, where the window moves by one pixel: of dy, with the kernel turned round.

    y[i, j]    = sum over u, v of x[i s + u d, j s + v d] kernel[u, v]          x padded
    dx[a, b]   = sum over u, v of dy[a - u d, b - v d] kernel[u, v]             s = 1, dy padded
    dkernel[u, v] = sum over i, j of x[i s + u d, j s + v d] dy[i, j]
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided

from dlcli.engine.context import Context
from dlcli.engine.fusion.positions import as_images, constant, position_major
from dlcli.engine.layer import Array, Layer, Params, Shape, Slot
from dlcli.engine.layers import DepthwiseConv2D, SeparableConv2D
from dlcli.engine.layers.activations import Relu
from dlcli.engine.layers.separable_conv2d import depthwise_of, pointwise_of
from dlcli.engine.layers.windows import Pair
from dlcli.frozen import frozen


@frozen
class PlanesDepthwise(Layer):
    """depthwise_conv2d of one filter for each channel, then relu or nothing: y as by these."""

    conv: DepthwiseConv2D
    relu: Relu | None = None

    def slots(self, in_shape: Shape) -> dict[str, Slot]:
        return self.conv.slots(in_shape)

    def out_shape(self, in_shape: Shape) -> Shape:
        return self.conv.out_shape(in_shape)

    def flops(self, in_shape: Shape) -> int:
        """Those of the plain layers, so that rates can be compared."""
        total = self.conv.flops(in_shape)
        return total if self.relu is None else total + self.relu.flops(self.out_shape(in_shape))

    def forward(self, p: Params, x: Array, ctx: Context, /) -> tuple[Array, Any]:
        y, padded = self.convolved(p["kernel"], x, ctx)
        _finish(y, p, self.relu)
        return as_images(y), (padded, y, x.shape)

    def convolved(self, kernel: Array, x: Array, ctx: Context) -> tuple[Array, Array]:
        """y position-major, without bias and relu; and the padded x, for what follows."""
        n, height, width, channels = x.shape
        windows = self.conv.windows(height, width)
        padded = _padded(x, windows.before, windows.after, ctx)
        y = ctx.scratch("y", (*windows.out, n, channels), x.dtype)
        _correlate(padded, kernel[..., 0], self.conv, y, ctx)
        return y, padded

    def backward(
        self, p: Params, g: Params, cache: Any, dy: Array, ctx: Context, /, *, need_dx: bool = True
    ) -> Array | None:
        padded, y, x_shape = cache
        dy = _before_relu(position_major(dy, "dy", ctx), y, self.relu, ctx)
        if g and self.conv.use_bias:
            _sum_positions(dy, g["bias"])
        return self.back(p["kernel"], g, padded, dy, x_shape, ctx, need_dx=need_dx)

    def back(
        self,
        kernel: Array,
        g: Params,
        padded: Array,
        dy: Array,
        x_shape: Shape,
        ctx: Context,
        *,
        need_dx: bool,
    ) -> Array | None:
        """Assign g's kernel; return dx. dy: position-major, before bias and relu."""
        if g:
            total = ctx.scratch("total", (*kernel.shape[:2], *dy.shape[2:]), dy.dtype)
            _add_places(_under(padded, self.conv, dy.shape[:2]), _joined(dy), _joined(total))
            np.add.reduce(total, axis=2, out=g["kernel"][..., 0])
        if not need_dx:
            return None
        if self.conv.strides == (1, 1):
            return as_images(self._turned(kernel, dy, x_shape, ctx))
        return as_images(self._scattered(kernel, dy, x_shape, ctx))

    def _turned(self, kernel: Array, dy: Array, x_shape: Shape, ctx: Context) -> Array:
        """dx, by a convolution of dy."""
        n, height, width, channels = x_shape
        before, (d, e) = self.conv.windows(height, width).before, self.conv.dilation_rate
        top, left = (kernel.shape[0] - 1) * d - before[0], (kernel.shape[1] - 1) * e - before[1]
        bottom, right = height - dy.shape[0] + before[0], width - dy.shape[1] + before[1]
        around = _padded(as_images(dy), (top, left), (bottom, right), ctx.part("dy"))
        dx = ctx.scratch("dx", (height, width, n, channels), dy.dtype)
        _correlate(around, kernel[::-1, ::-1, :, 0], self.conv, dx, ctx.part("dy"))
        return dx

    def _scattered(self, kernel: Array, dy: Array, x_shape: Shape, ctx: Context) -> Array:
        """dx, tap by tap."""
        n, height, width, channels = x_shape
        dx = ctx.scratch("dx", (height, width, n, channels), dy.dtype)
        dx.fill(0)
        part = ctx.scratch("part", dy.shape, dy.dtype)
        for tap in self.conv.windows(height, width).taps:
            here = part[tap.out]
            np.multiply(dy[tap.out], kernel[tap.row, tap.column, :, 0], out=here)
            dx[tap.image] += here
        return dx


@frozen
class PlanesSeparable(Layer):
    """separable_conv2d of one filter for each channel, then relu or nothing: y as by these.

    All of it in position-major memory, where the pointwise half is one product of matrices.
    """

    conv: SeparableConv2D
    relu: Relu | None = None

    def slots(self, in_shape: Shape) -> dict[str, Slot]:
        return self.conv.slots(in_shape)

    def out_shape(self, in_shape: Shape) -> Shape:
        return self.conv.out_shape(in_shape)

    def flops(self, in_shape: Shape) -> int:
        """Those of the plain layers, so that rates can be compared."""
        total = self.conv.flops(in_shape)
        return total if self.relu is None else total + self.relu.flops(self.out_shape(in_shape))

    @property
    def _first(self) -> PlanesDepthwise:
        return PlanesDepthwise(self.conv.depthwise)

    def forward(self, p: Params, x: Array, ctx: Context, /) -> tuple[Array, Any]:
        first, part = depthwise_of(p), ctx.part("depthwise")
        between, padded = self._first.convolved(first["kernel"], x, part)
        y = ctx.scratch("y", (*between.shape[:3], self.conv.filters), x.dtype)
        np.matmul(_rows(between), pointwise_of(p)["kernel"][0, 0], out=_rows(y))
        _finish(y, p, self.relu)
        return as_images(y), (padded, between, y, x.shape)

    def backward(
        self, p: Params, g: Params, cache: Any, dy: Array, ctx: Context, /, *, need_dx: bool = True
    ) -> Array | None:
        padded, between, y, x_shape = cache
        dy = _before_relu(position_major(dy, "dy", ctx), y, self.relu, ctx)
        if g:
            np.matmul(_rows(between).T, _rows(dy), out=g["pointwise_kernel"][0, 0])
            if self.conv.use_bias:
                _sum_positions(dy, g["bias"])
        dbetween = ctx.scratch("dbetween", between.shape, dy.dtype)
        np.matmul(_rows(dy), p["pointwise_kernel"][0, 0].T, out=_rows(dbetween))
        return self._first.back(
            p["depthwise_kernel"],
            depthwise_of(g),
            padded,
            dbetween,
            x_shape,
            ctx.part("depthwise"),
            need_dx=need_dx,
        )


def _correlate(
    padded: Array, kernel: Array, conv: DepthwiseConv2D, out: Array, ctx: Context
) -> None:
    """Assign to out (rows, columns, n, channels) what the kernel (height, width, channels) gives
    at each of these places of the padded images."""
    rows, columns, n, channels = out.shape
    wide = columns if conv.strides[1] == 1 else 1
    # As often as there are rows, and places in a line: so products need no broadcasting.
    laid = ctx.scratch("laid out", (*kernel.shape[:2], wide, n, channels), kernel.dtype)
    np.copyto(laid, kernel[:, :, None, None])
    laid = laid.reshape(*laid.shape[:3], n * channels)
    if wide == 1:
        laid = np.broadcast_to(laid, (*laid.shape[:2], columns, n * channels))
    _add_taps(_under(padded, conv, (rows, columns)), laid, _joined(out))


def _add_taps(under: Array, kernel: Array, out: Array) -> None:
    """Assign to out (i, j, l) the sums over u, v of under (i, u, j, v, l) kernel (u, v, j, l)."""
    if out.shape[2] > 1:
        np.einsum("iujvl,uvjl->ijl", under, kernel, out=out)
        return
    out.fill(0)
    for u, v in np.ndindex(*kernel.shape[:2]):
        np.add(out, under[:, u, :, v] * kernel[u, v], out=out)


def _add_places(under: Array, dy: Array, out: Array) -> None:
    """Assign to out (u, v, l) the sums over i, j of under (i, u, j, v, l) dy (i, j, l)."""
    if out.shape[2] > 1:
        np.einsum("iujvl,ijl->uvl", under, dy, out=out)
        return
    out.fill(0)
    for i, j in np.ndindex(*dy.shape[:2]):
        np.add(out, under[i, :, j] * dy[i, j], out=out)


def _under(padded: Array, conv: DepthwiseConv2D, places: Pair) -> Array:
    """What lies under the taps: a view (row, u, column, v, n channels) of the padded images."""
    (height, width), (down, across), (d, e) = conv.kernel_size, conv.strides, conv.dilation_rate
    joined = _joined(padded)
    line, pixel, number = joined.strides
    shape = (places[0], height, places[1], width, joined.shape[2])
    strides = (line * down, line * d, pixel * across, pixel * e, number)
    return as_strided(joined, shape, strides, writeable=False)


def _padded(x: Array, before: Pair, after: Pair, ctx: Context) -> Array:
    """Images (n, height, width, channels), position-major, with zeros around them."""
    positions = x.transpose(1, 2, 0, 3)
    height, width, n, channels = positions.shape
    (top, left), (bottom, right) = before, after
    if not (top or left or bottom or right):
        return position_major(x, "padded", ctx)
    shape = (top + height + bottom, left + width + right, n, channels)
    padded = ctx.scratch("padded", shape, x.dtype)
    for edge in (
        padded[:top],
        padded[top + height :],
        padded[top : top + height, :left],
        padded[top : top + height, left + width :],
    ):
        edge.fill(0)
    np.copyto(padded[top : top + height, left : left + width], positions)
    return padded


def _finish(y: Array, p: Mapping[str, Array], relu: Relu | None) -> None:
    """Add the bias, where there is one; then relu, where there is one."""
    rows = _rows(y)
    if "bias" in p:
        np.add(rows, p["bias"], out=rows)
    if relu is not None:
        np.maximum(rows, constant(0.0, rows.shape, rows.dtype), out=rows)


def _before_relu(dy: Array, y: Array, relu: Relu | None, ctx: Context) -> Array:
    """The gradient of what relu got."""
    if relu is None:
        return dy
    above = ctx.scratch("above", y.shape, np.bool_)
    np.greater(y, constant(0.0, (1,), y.dtype), out=above)
    dz = ctx.scratch("dz", y.shape, y.dtype)
    np.copyto(dz, above)
    np.multiply(dz, dy, out=dz)
    return dz


def _sum_positions(dy: Array, out: Array) -> None:
    """Assign the sum over all positions and rows."""
    rows = _rows(dy)
    np.matmul(constant(1.0, (len(rows),), rows.dtype), rows, out=out)


def _rows(positions: Array) -> Array:
    """(height, width, n, channels) as a matrix with a row for each pixel."""
    return positions.reshape(-1, positions.shape[3])


def _joined(positions: Array) -> Array:
    """(a, b, n, channels) as (a, b, n channels)."""
    return positions.reshape(*positions.shape[:2], -1)
