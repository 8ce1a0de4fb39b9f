"""Convolutions of each channel by itself, line by line, and those that begin with one.

In a line of an image (width, channels) all numbers lie side by side, and a tap of the kernel meets
a run of them: those from the pixel v on. So the kernel is laid out as often as there are places in
a line, and what is left are products of long runs that are added up, which `np.einsum` does in one
pass over memory for each tap; a product and a sum would take two. Where windows move by s pixels,
pixels are first laid out by their column modulo s, so that those under a tap are a run again.

    y[i, j]       = sum over u, v of x[i s + u d, j s + v d] kernel[u, v]        x with its padding
    dkernel[u, v] = sum over i, j of x[i s + u d, j s + v d] dy[i, j]
    dx[p, q]      = sum of dy[i, j] kernel[u, v] over all with i s + u d = p and j s + v d = q

dx is made of convolutions, too: the pixels p = a + s m of one residue a are

    dx[a + s m] = sum over q of dy[m + b - q] kernel[u0 + s q]        u0 = a mod s, b = (a - u0) / s

einsum adds in the order of the taps (or of the places), number by number, and rounds products
before they are added: its bits are those of a multiplication and an addition, which the self-test
of numerics.py asks for. Where a line has a single number, or an image a single channel, it would
choose an order of its own; there, products and sums are taken one after the other.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided

from dlcli.engine.context import Context
from dlcli.engine.fusion.following import ALONE, Fused, followers
from dlcli.engine.fusion.positions import constant, meeting
from dlcli.engine.graph import Node
from dlcli.engine.layer import Array, Layer, Params, Shape, Slot
from dlcli.engine.layers.activations import Relu
from dlcli.engine.layers.conv2d import span
from dlcli.engine.layers.depthwise_conv2d import DepthwiseConv2D
from dlcli.engine.layers.separable_conv2d import SeparableConv2D, depthwise_of, pointwise_of
from dlcli.engine.layers.windows import Pair
from dlcli.engine.products import product
from dlcli.frozen import frozen


class _WithRelu(Layer):
    """What both share: a convolution, and perhaps a relu behind it."""

    conv: DepthwiseConv2D | SeparableConv2D
    relu: Relu | None

    def slots(self, in_shape: Shape) -> dict[str, Slot]:
        return self.conv.slots(in_shape)

    def out_shape(self, in_shape: Shape) -> Shape:
        return self.conv.out_shape(in_shape)

    def flops(self, in_shape: Shape) -> int:
        """Those of the plain layers, so that rates can be compared."""
        total = self.conv.flops(in_shape)
        return total if self.relu is None else total + self.relu.flops(self.out_shape(in_shape))


@frozen
class LinesDepthwise(_WithRelu):
    """depthwise_conv2d of one filter for each channel, then relu or nothing: y as by these."""

    conv: DepthwiseConv2D
    relu: Relu | None = None

    def forward(self, p: Params, x: Array, ctx: Context, /) -> tuple[Array, Any]:
        y, laid = self.convolved(p["kernel"], x, ctx)
        _finish(y, p, self.relu)
        return y, (laid, y, x.shape)

    def convolved(self, kernel: Array, x: Array, ctx: Context) -> tuple[Array, Array]:
        """y without bias and relu; and the pixels as they were laid out, for what follows."""
        windows = self.conv.windows(*x.shape[1:3])
        (down, across), (d, e) = self.conv.strides, self.conv.dilation_rate
        first = (-windows.before[0], -windows.before[1])
        covered = span(self.conv.kernel_size, (d, e))
        size = (
            (windows.out[0] - 1) * down + covered[0],
            (windows.out[1] - 1) * across + covered[1],
        )
        laid = _laid_out(x, first, size, across, ctx)
        y = ctx.scratch("y", (len(x), *windows.out, x.shape[3]), x.dtype)
        _correlate(laid, kernel[..., 0], down, (d, e), y, ctx)
        return y, laid

    def backward(
        self, p: Params, g: Params, cache: Any, dy: Array, ctx: Context, /, *, need_dx: bool = True
    ) -> Array | None:
        laid, y, x_shape = cache
        dy = _before_relu(dy, y, self.relu, ctx)
        if g and self.conv.use_bias:
            _sum_pixels(dy, g["bias"])
        return self.back(p["kernel"], g, laid, dy, x_shape, ctx, need_dx=need_dx)

    def back(
        self,
        kernel: Array,
        g: Params,
        laid: Array,
        dy: Array,
        x_shape: Shape,
        ctx: Context,
        *,
        need_dx: bool,
    ) -> Array | None:
        """Assign g's kernel; return dx. dy: C-contiguous, before bias and relu."""
        if g:
            n, rows, columns, channels = dy.shape
            total = ctx.scratch("total", (*kernel.shape[:2], columns, channels), dy.dtype)
            lines = dy.reshape(n, rows, -1)
            under = _under(laid, kernel.shape[:2], self.conv, (rows, columns))
            for u, v, taps in under:
                _add_places(taps, lines, total[u, v].reshape(-1))
            np.add.reduce(total, axis=2, out=g["kernel"][..., 0])
        if not need_dx:
            return None
        dx = ctx.scratch("dx", x_shape, dy.dtype)
        if 1 in (max(self.conv.strides), max(self.conv.dilation_rate)):
            self._by_residues(kernel[..., 0], dy, dx, ctx)
        else:
            self._tap_by_tap(kernel[..., 0], dy, dx, ctx)
        return dx

    def _by_residues(self, kernel: Array, dy: Array, dx: Array, ctx: Context) -> None:
        """dx, by convolutions of dy: one for each residue of pixels."""
        strides, dilation = self.conv.strides, self.conv.dilation_rate
        before = self.conv.windows(*dx.shape[1:3]).before
        for a, b in np.ndindex(*strides):
            pixels = dx[:, a :: strides[0], b :: strides[1]]
            if not pixels.size:
                continue
            # The first tap that meets the first of these pixels, and the place where it does; the
            # next ones, a stride further each, meet it at places before that one.
            (row, u), (column, v) = (
                divmod(residue + pad, s)
                for residue, pad, s in zip((a, b), before, strides, strict=True)
            )
            taps = kernel[u :: strides[0], v :: strides[1]][::-1, ::-1]
            if not taps.size:
                pixels.fill(0)
                continue
            size = (
                pixels.shape[1] + (taps.shape[0] - 1) * dilation[0],
                pixels.shape[2] + (taps.shape[1] - 1) * dilation[1],
            )
            first = (
                row - (taps.shape[0] - 1) * dilation[0],
                column - (taps.shape[1] - 1) * dilation[1],
            )
            part = ctx.part(f"residue {a} {b}")
            laid = _laid_out(dy, first, size, 1, part)
            out = dx if strides == (1, 1) else part.scratch("dx", pixels.shape, dx.dtype)
            _correlate(laid, taps, 1, dilation, out, part)
            if out is not dx:
                np.copyto(pixels, out)

    def _tap_by_tap(self, kernel: Array, dy: Array, dx: Array, ctx: Context) -> None:
        """dx, where strides and dilation meet: each tap's share is added where it lay."""
        dx.fill(0)
        part = ctx.scratch("part", dy.shape, dy.dtype)
        for tap in self.conv.windows(*dx.shape[1:3]).taps:
            here = part[:, *tap.out]
            np.multiply(dy[:, *tap.out], kernel[tap.row, tap.column], out=here)
            pixels = dx[:, *tap.image]
            np.add(pixels, here, out=pixels)


@frozen
class LinesSeparable(_WithRelu):
    """separable_conv2d of one filter for each channel, then relu or nothing: y as by these."""

    conv: SeparableConv2D
    relu: Relu | None = None

    @property
    def _first(self) -> LinesDepthwise:
        return LinesDepthwise(self.conv.depthwise)

    def forward(self, p: Params, x: Array, ctx: Context, /) -> tuple[Array, Any]:
        kernel = depthwise_of(p)["kernel"]
        between, laid = self._first.convolved(kernel, x, ctx.part("depthwise"))
        y = ctx.scratch("y", (*between.shape[:3], self.conv.filters), x.dtype)
        product(_rows(between), pointwise_of(p)["kernel"][0, 0], _rows(y), len(x), ctx)
        _finish(y, p, self.relu)
        return y, (laid, between, y, x.shape)

    def backward(
        self, p: Params, g: Params, cache: Any, dy: Array, ctx: Context, /, *, need_dx: bool = True
    ) -> Array | None:
        laid, between, y, x_shape = cache
        dy = _before_relu(dy, y, self.relu, ctx)
        if g:
            np.matmul(_rows(between).T, _rows(dy), out=g["pointwise_kernel"][0, 0])
            if self.conv.use_bias:
                _sum_pixels(dy, g["bias"])
        dbetween = ctx.scratch("dbetween", between.shape, dy.dtype)
        np.matmul(_rows(dy), p["pointwise_kernel"][0, 0].T, out=_rows(dbetween))
        return self._first.back(
            p["depthwise_kernel"],
            depthwise_of(g),
            laid,
            dbetween,
            x_shape,
            ctx.part("depthwise"),
            need_dx=need_dx,
        )


def _laid_out(x: Array, first: Pair, size: Pair, across: int, ctx: Context) -> Array:
    """The pixels from `first` on, zeros where there are none, by their column modulo `across`:
    (n, rows, across, columns / across, channels)."""
    n, height, width, channels = x.shape
    columns = -(-size[1] // across)
    laid = ctx.scratch("laid out", (n, size[0], across, columns, channels), x.dtype)
    rows, from_rows = meeting(first[0], 1, size[0], height)
    complete = rows == slice(0, size[0])
    parts = []
    for residue in range(across):
        part = laid[:, :, residue]
        some, from_columns = meeting(first[1] + residue, across, columns, width)
        complete = complete and some == slice(0, columns)
        parts.append((part[:, rows, some], x[:, from_rows, from_columns]))
    if not complete:
        laid.fill(0)
    for part, pixels in parts:
        np.copyto(part, pixels)
    return laid


def _correlate(
    laid: Array, kernel: Array, down: int, dilation: Pair, out: Array, ctx: Context
) -> None:
    """Assign to out (n, rows, columns, channels) what the kernel (height, width, channels) gives at
    each of these places."""
    n, rows, columns, channels = out.shape
    across = laid.shape[2]
    runs = ctx.scratch("kernel", (*kernel.shape[:2], columns, channels), kernel.dtype)
    np.copyto(runs, kernel[:, :, None])
    runs = runs.reshape(*kernel.shape[:2], -1)
    lines = out.reshape(n, rows, -1)
    if across == 1:
        _add_taps(_windows(laid, kernel.shape[:2], down, dilation, (rows, columns), 0), runs, lines)
        return
    more = ctx.scratch("more", lines.shape, lines.dtype)
    for v in range(kernel.shape[1]):
        taps = _windows(laid, (kernel.shape[0], 1), down, dilation, (rows, columns), v)
        _add_taps(taps, runs[:, v : v + 1], lines if v == 0 else more)
        if v:
            np.add(lines, more, out=lines)


def _under(
    laid: Array, size: Pair, conv: DepthwiseConv2D, places: Pair
) -> Iterator[tuple[int, int, Array]]:
    """Each tap (u, v), and what lies under it at all places: (n, rows, numbers of a line)."""
    for v in range(size[1]):
        taps = _windows(laid, (size[0], 1), conv.strides[0], conv.dilation_rate, places, v)
        for u in range(size[0]):
            yield u, v, taps[:, :, u, 0]


def _windows(laid: Array, size: Pair, down: int, dilation: Pair, places: Pair, first: int) -> Array:
    """What lies under taps (height, width) from the column `first` of the kernel on: a view
    (n, rows, height, width, numbers of a line)."""
    image, line, _, pixel, number = laid.strides
    column = first * dilation[1]
    start = laid[:, :, column % laid.shape[2], column // laid.shape[2] :]
    shape = (len(laid), places[0], *size, places[1] * laid.shape[4])
    strides = (image, line * down, line * dilation[0], pixel * dilation[1], number)
    return as_strided(start, shape, strides, writeable=False)


def _add_taps(under: Array, kernel: Array, out: Array) -> None:
    """Assign to out (n, i, l) the sums over u, v of under (n, i, u, v, l) kernel (u, v, l)."""
    if out.shape[2] > 1 and under.strides[3] > under.strides[4]:
        np.einsum("niuvl,uvl->nil", under, kernel, out=out)
        return
    out.fill(0)
    for u, v in np.ndindex(*kernel.shape[:2]):
        np.add(out, under[:, :, u, v] * kernel[u, v], out=out)


def _add_places(under: Array, dy: Array, out: Array) -> None:
    """Assign to out (l) the sums over n, i of under (n, i, l) dy (n, i, l)."""
    if out.size > 1:
        np.einsum("nil,nil->l", under, dy, out=out)
        return
    out.fill(0)
    for n, i in np.ndindex(*dy.shape[:2]):
        np.add(out, under[n, i] * dy[n, i], out=out)


def _finish(y: Array, p: Params, relu: Relu | None) -> None:
    """Add the bias, where there is one; then relu, where there is one."""
    rows = _rows(y)
    if "bias" in p:
        np.add(rows, p["bias"], out=rows)
    if relu is not None:
        np.maximum(rows, constant(0.0, rows.shape, rows.dtype), out=rows)


def _before_relu(dy: Array, y: Array, relu: Relu | None, ctx: Context) -> Array:
    """The gradient of what relu got, C-contiguous."""
    if relu is None and dy.flags.c_contiguous:
        return dy
    dz = ctx.scratch("dz", y.shape, y.dtype)
    if relu is None:
        np.copyto(dz, dy)
        return dz
    above = ctx.scratch("above", y.shape, np.bool_)
    np.greater(y, constant(0.0, (1,), y.dtype), out=above)
    np.copyto(dz, above)  # faster than a mask as an operand
    np.multiply(dz, dy, out=dz)
    return dz


def _sum_pixels(dy: Array, out: Array) -> None:
    """Assign the sum over all rows and pixels."""
    rows = _rows(dy)
    np.matmul(constant(1.0, (len(rows),), rows.dtype), rows, out=out)


def _rows(images: Array) -> Array:
    """Images as a matrix with a row for each pixel."""
    return images.reshape(-1, images.shape[3])


def lines(nodes: Sequence[Node]) -> Fused:
    """depthwise_conv2d [relu], and separable_conv2d [relu]."""
    conv = nodes[0].layer
    assert isinstance(conv, DepthwiseConv2D | SeparableConv2D)
    if conv.depth_multiplier > 1:
        return ALONE
    count, relu, _ = followers(nodes)
    if isinstance(conv, DepthwiseConv2D):
        return count, LinesDepthwise(conv, relu), 0
    return count, LinesSeparable(conv, relu), 0
