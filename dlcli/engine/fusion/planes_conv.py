"""Convolutions of stride 1 over planes of pixels, together with what follows them."""

from functools import partial
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided

from dlcli.engine.context import Context
from dlcli.engine.fusion.fused_conv import FusedConv
from dlcli.engine.fusion.planes_apart import ApartWork
from dlcli.engine.fusion.pooling import masked, pool, spread
from dlcli.engine.fusion.positions import as_images, constant, meeting, position_major
from dlcli.engine.fusion.prepared import Plan, Prepared
from dlcli.engine.layer import Array, Params, Shape
from dlcli.frozen import frozen


@frozen
class PlanesConv(FusedConv):
    """A convolution of stride 1 over few channels, and what follows it.

    Let s be 2 where a pool follows, else 1. Output (s i + a, s j + b) is one of *phase* (a, b),
    and meets at tap (u, v) of the kernel the pixel (s i + a + u, s j + b + v). So all phases
    need no more than these planes, each a contiguous array over (i, j, n):

        P[a + u, b + v, c] = x[:, s i + a + u, s j + b + v, c]

    In row-major order, the taps of a phase are a range of the planes, apart from s - 1 planes
    at the end of each line of the kernel, which get zeros for weights:

        y[a, b] = P[range (a, b)]^T @ weights        (i j n, taps) @ (taps, filters)

    and no pixel is copied once for each tap and phase, as im2col would. The outputs of the
    phases are contiguous, so pooling is the maximum of four arrays.
    """

    def forward(self, p: Params, x: Array, ctx: Context, /) -> tuple[Array, Any]:
        if ctx.apart:
            one = ctx.keep((x.shape, x.dtype), lambda: ApartWork(self, x.shape, x.dtype, ctx))
            return one.forward(p, x), None
        work = ctx.keep((x.shape, x.dtype), lambda: _Work(self, x.shape, x.dtype, ctx))
        work.load(x)
        np.copyto(work.kernel, p["kernel"])
        if self.conv.use_bias:
            np.copyto(work.bias, p["bias"])
        work.forward.run(work.y)
        return as_images(work.y), work

    def backward(
        self, p: Params, g: Params, cache: Any, dy: Array, ctx: Context, /, *, need_dx: bool = True
    ) -> Array | None:
        work: _Work = cache
        dy = position_major(dy, "dy", ctx)
        if g:
            work.backward.run(dy)
            np.copyto(g["kernel"], work.dkernel)
            if self.conv.use_bias:
                np.copyto(g["bias"], work.db)
        else:
            work.backward_frozen.run(dy)
        if not need_dx:
            return None
        work.backward_to_x.run(work.dx)
        return as_images(work.dx)


class _Work:
    """The arrays and prepared calls for shards of one shape (n, height, width, channels)."""

    def __init__(self, layer: PlanesConv, shape: Shape, dtype: Any, ctx: Context) -> None:
        n, height, width, channels = shape
        filters = layer.conv.filters
        kernel_height, kernel_width = layer.conv.kernel_size
        s = self.s = 1 if layer.pool is None else 2
        out = layer.out_shape((height, width, channels))[:2]
        self.before = layer.conv.windows(height, width).before
        self.use_bias, self.relu = layer.conv.use_bias, layer.relu is not None

        def room(name: str, *lengths: int, kind: Any = dtype) -> Array:
            return ctx.scratch(name, lengths, kind)

        self.room = room
        self.forward = Prepared(self._plan_forward)
        self.backward = Prepared(partial(self._plan_backward, frozen=False))
        self.backward_frozen = Prepared(partial(self._plan_backward, frozen=True))
        self.backward_to_x = Prepared(self._plan_backward_to_x)
        down, across = kernel_height + s - 1, kernel_width + s - 1
        self.phase_steps = (across * channels, channels)  # from phase to phase, in planes
        # Pixels by the parity of row and column, so that planes are copied in long runs.
        self.pixels = room(
            "pixels", s, s, channels, out[0] + (down - 1) // s, out[1] + (across - 1) // s, n
        )
        # The last range ends s - 1 planes behind the last plane: spare ones, zeros.
        spare = (s - 1) * channels
        planes = room("planes", down * across * channels + spare, *out, n)
        planes[len(planes) - spare :].fill(0)
        self.planes = planes[: len(planes) - spare].reshape(down, across, channels, *out, n)
        self.ranges = self._ranges(planes, kernel_height * across * channels)
        # The kernel, with gaps where the ranges have planes that it does not meet.
        self.weights = room("weights", kernel_height, across, channels, filters)
        self.weights.fill(0)
        self.kernel = self.weights[:, :kernel_width]
        self.dweights = room("dweights", s, s, kernel_height, across, channels, filters)
        self.dkernel = self.dweights[0, 0, :, :kernel_width]
        self.bias, self.db = room("bias", n, filters), room("db", filters)
        self.y = room("y", *out, n, filters)
        self.phases = self.y[None, None] if s == 1 else room("phases", s, s, *self.y.shape)
        self.dphases = room("dphases", s, s, *self.y.shape)
        self.chosen = room("chosen", 3, *self.y.shape, kind=np.bool_)
        self.dx = room("dx", height, width, n, channels)

    def load(self, x: Array) -> None:
        """Copy the pixels that are needed; those outside the image are zeros."""
        places = self._places()
        if sum(part.size for part, _ in places) < self.pixels.size:
            self.pixels.fill(0)
        x = x.transpose(3, 1, 2, 0)
        for part, at in places:
            np.copyto(part, x[:, *at])

    def _plan_forward(self, plan: Plan, _: Array) -> None:
        for pixels, plane in self._copies(self.planes):
            plan.call(np.copyto, plane, pixels)
        filters = self.y.shape[3]
        used = self.ranges.shape[2] - (self.s - 1) * self.pixels.shape[2]  # the rest is a gap
        weights = self.weights.reshape(-1, filters)[:used]
        outputs = self.phases.reshape(self.s, self.s, -1, filters)
        plan.call(np.matmul, self.ranges[:, :, :used].swapaxes(2, 3), weights, out=outputs)
        if self.s == 2:
            half = self.dphases[0]  # not in use yet
            pool(plan, self.phases.reshape(4, *self.y.shape), self.y, self.chosen, half)
        y, bias = self.y.reshape(-1, self.bias.size), self.bias.reshape(-1)
        if self.use_bias:
            plan.call(np.add, y, bias, out=y)
        if self.relu:
            plan.call(np.maximum, y, constant(0.0, bias.shape, y.dtype), out=y)

    def _plan_backward(self, plan: Plan, dy: Array, *, frozen: bool) -> None:
        filters = self.y.shape[3]
        dz = self.dphases[0, 0] if self.s == 1 else self.room("dz", *dy.shape)
        if self.relu:
            mask = self.room("mask", *dy.shape, kind=np.bool_)
            plan.call(np.greater, self.y, constant(0.0, (1,), dy.dtype), out=mask)
            masked(plan, dy, mask, dz)
        else:
            plan.call(np.copyto, dz, dy)
        if self.use_bias and not frozen:
            rows = dz.reshape(-1, filters)
            plan.call(np.matmul, constant(1.0, (len(rows),), rows.dtype), rows, out=self.db)
        if self.s == 2:
            masks = self.room("masks", 4, *dz.shape, kind=np.bool_)
            plan.call(masks[3].fill, True)
            spread(plan, dz, self.chosen, masks, self.dphases)
        if frozen:
            return
        dphases = self.dphases.reshape(self.s, self.s, -1, filters)
        total = self.dweights.reshape(self.s, self.s, -1, filters)
        plan.call(np.matmul, self.ranges, dphases, out=total)
        for a, b in list(np.ndindex(self.s, self.s))[1:]:
            plan.call(np.add, total[0, 0], total[a, b], out=total[0, 0])

    def _plan_backward_to_x(self, plan: Plan, _: Array) -> None:
        filters = self.y.shape[3]
        weights = self.weights.reshape(-1, filters)
        size = self.planes.shape[2:]
        spare = (self.s - 1) * size[0]
        dplanes = self.room(
            "dplanes", self.planes.size // self.planes[0, 0, 0].size + spare, *size[1:]
        )
        taps = self._ranges(dplanes, len(weights))
        part = self.room("dtaps", *taps.shape[2:])
        plan.call(dplanes.fill, 0)
        for a, b in np.ndindex(self.s, self.s):
            plan.call(np.matmul, weights, self.dphases[a, b].reshape(-1, filters).T, out=part)
            plan.call(np.add, taps[a, b], part, out=taps[a, b])
        plan.call(self.pixels.fill, 0)
        dplanes = dplanes[: len(dplanes) - spare].reshape(self.planes.shape)
        for pixels, plane in self._copies(dplanes):
            plan.call(np.add, pixels, plane, out=pixels)
        plan.call(self.dx.fill, 0)
        for inside, at in self._places():
            plan.call(np.copyto, self.dx[*at], inside.transpose(1, 2, 3, 0))

    def _places(self) -> list[tuple[Array, tuple[slice, slice]]]:
        """For each parity the pixels that lie inside the image, and where."""
        found = []
        for a, b in np.ndindex(self.s, self.s):
            pixels = self.pixels[a, b]
            (rows, image_rows), (columns, image_columns) = (
                meeting(parity - before, self.s, count, length)
                for parity, before, count, length in zip(
                    (a, b), self.before, pixels.shape[1:3], self.dx.shape[:2], strict=True
                )
            )
            found.append((pixels[:, rows, columns], (image_rows, image_columns)))
        return found

    def _copies(self, planes: Array) -> list[tuple[Array, Array]]:
        """The pixels that each plane is a copy of, and the plane."""
        s, (height, width) = self.s, planes.shape[3:5]
        return [
            (
                self.pixels[a % s, b % s, :, a // s : a // s + height, b // s : b // s + width],
                planes[a, b],
            )
            for a, b in np.ndindex(*planes.shape[:2])
        ]

    def _ranges(self, planes: Array, length: int) -> Array:
        """The range of planes of each phase, (s, s, length, places): an overlapping view.

        With s = 2, a kernel of 2x2 and one channel there are 3x3 planes (across = 3), and

            plane          0   1   2   3   4   5   6   7   8   spare
            phase (0, 0)   w0  w1  -   w2  w3  -
            phase (0, 1)       w0  w1  -   w2  w3  -                    - is a gap: no weight
            phase (1, 1)                   w0  w1  -   w2  w3  -

        Since ranges overlap, a gradient is added to the planes range by range.
        """
        plane = planes.strides[0]
        down, across = (plane * step for step in self.phase_steps)
        shape = (self.s, self.s, length, planes[0].size)
        return as_strided(planes, shape, (down, across, plane, planes.itemsize))
