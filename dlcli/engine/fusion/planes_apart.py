"""The way forward of a PlanesConv where each image must have the numbers that it has alone.

As in planes_conv.py, but with the pixels of image after image in memory: so the planes of one image
are a matrix with a stride, and all products of a pass are one call. What comes out lies position
after position, as there.
"""

from typing import Any

import numpy as np

from dlcli.engine.context import Context
from dlcli.engine.fusion.fused_conv import FusedConv
from dlcli.engine.fusion.pooling import pool
from dlcli.engine.fusion.positions import as_images, constant, meeting
from dlcli.engine.fusion.prepared import Plan, Prepared
from dlcli.engine.layer import Array, Params, Shape


class ApartWork:
    """The arrays and prepared calls for passes of one shape (n, height, width, channels)."""

    def __init__(self, layer: FusedConv, shape: Shape, dtype: Any, ctx: Context) -> None:
        n, height, width, channels = shape
        filters, s = layer.conv.filters, 1 if layer.pool is None else 2
        kernel_height, kernel_width = layer.conv.kernel_size
        out = layer.out_shape((height, width, channels))[:2]
        down, across = kernel_height + s - 1, kernel_width + s - 1
        lengths = out[0] + (down - 1) // s, out[1] + (across - 1) // s
        # Pixels by the parity of row and column.
        self._pixels = ctx.scratch("pixels", (s, s, channels, n, *lengths), dtype)
        self._pixels.fill(0)  # those outside of the image stay so
        self._inside = [
            (self._pixels[a, b][:, :, rows, columns], at)
            for a, b in np.ndindex(s, s)
            for rows, columns, at in [
                _meeting((a, b), layer.conv.windows(height, width).before, s, lengths, shape)
            ]
        ]
        # The ranges of the phases end up to s - 1 planes behind the last one that has weights.
        planes = ctx.scratch("planes", (down * across * channels, n, *out), dtype)
        self._planes = planes.reshape(down, across, channels, n, *out)
        self._weights = ctx.scratch("weights", (kernel_height, across, channels, filters), dtype)
        self._weights.fill(0)
        self._kernel = self._weights[:, :kernel_width]
        used = kernel_height * across * channels - (s - 1) * channels  # the rest is a gap
        self._taps = [
            planes[start : start + used]
            for start in ((a * across + b) * channels for a, b in np.ndindex(s, s))
        ]
        self._used = self._weights.reshape(-1, filters)[:used]
        self.y = ctx.scratch("y", (*out, n, filters), dtype)
        self._phases, self._half = self.y[None], self.y[None]
        if s == 2:
            self._phases = ctx.scratch("phases", (4, *self.y.shape), dtype)
            self._half = ctx.scratch("half", (2, *self.y.shape), dtype)
        self._bias = ctx.scratch("bias", (n, filters), dtype) if layer.conv.use_bias else None
        self._relu = layer.relu is not None
        self._s = s
        self._forward = Prepared(self._plan)

    def forward(self, p: Params, x: Array) -> Array:
        """y (n, height, width, filters) of images."""
        for part, at in self._inside:
            np.copyto(part, x[:, *at].transpose(3, 0, 1, 2))
        np.copyto(self._kernel, p["kernel"])
        if self._bias is not None:
            np.copyto(self._bias, p["bias"])
        self._forward.run(self.y)
        return as_images(self.y)

    def _plan(self, plan: Plan, _: Array) -> None:
        s, (height, width) = self._s, self._planes.shape[4:]
        for a, b in np.ndindex(*self._planes.shape[:2]):
            pixels = self._pixels[
                a % s, b % s, :, :, a // s : a // s + height, b // s : b // s + width
            ]
            plan.call(np.copyto, self._planes[a, b], pixels)
        n, filters = self.y.shape[2:]
        for taps, phase in zip(self._taps, self._phases, strict=True):
            images = taps.reshape(len(taps), n, -1).transpose(1, 2, 0)
            out = phase.reshape(-1, n, filters).swapaxes(0, 1)
            plan.call(np.matmul, images, self._used, out=out)
        if s == 2:
            pool(plan, self._phases, self.y, None, self._half)
        if self._bias is not None:
            y, bias = self.y.reshape(-1, self._bias.size), self._bias.reshape(-1)
            plan.call(np.add, y, bias, out=y)
        if self._relu:
            y = self.y.reshape(-1, n * filters)
            plan.call(np.maximum, y, constant(0.0, y.shape[1:], y.dtype), out=y)


def _meeting(
    phase: tuple[int, int], before: tuple[int, int], s: int, lengths: tuple[int, int], shape: Shape
) -> tuple[slice, slice, tuple[slice, slice]]:
    """The rows and columns of the pixels of a parity that lie inside the image, and where."""
    (rows, image_rows), (columns, image_columns) = (
        meeting(parity - cut, s, count, pixels)
        for parity, cut, count, pixels in zip(phase, before, lengths, shape[1:3], strict=True)
    )
    return rows, columns, (image_rows, image_columns)
