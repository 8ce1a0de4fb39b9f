"""3x3 convolutions by Winograd's algorithm, together with what follows them."""

from functools import partial
from typing import Any

import numpy as np

from dlcli.engine.context import Context
from dlcli.engine.fusion.fused_conv import FusedConv
from dlcli.engine.fusion.pooling import masked, pool, spread
from dlcli.engine.fusion.positions import as_images, constant, position_major
from dlcli.engine.fusion.prepared import Plan, Prepared
from dlcli.engine.fusion.winograd import (
    Axis,
    kernel_transform,
    outputs,
    read_tiles,
    spread_outputs,
    write_tiles,
)
from dlcli.engine.layer import Array, Params, Shape
from dlcli.frozen import frozen

GROUP_BYTES = 4 << 20
"""About how large V and M of a group of tile rows may be. The products want many rows, the
transforms want to find them in cache; measured, 2 to 4 MB is best."""

BIAS_PLACE = 5
"""M[1, 1] among the 16 places of a tile in row-major order; the bias is added there."""


@frozen
class WinogradConv(FusedConv):
    """A 3x3 convolution of stride 1 and what follows it; the algebra is in winograd.py.

    The bias is added to M[1, 1], from where A^T M A takes it to all four outputs of a tile;
    so its gradient is the sum of dM[1, 1].
    """

    def forward(self, p: Params, x: Array, ctx: Context, /) -> tuple[Array, Any]:
        x = position_major(x, "x", ctx)
        make = _Work if self.pool is None else _PoolingWork
        work = ctx.keep((x.shape, x.dtype), lambda: make(self, x.shape, x.dtype, ctx))
        if not (work.has_parameters and ctx.moment.fixed):
            transform = kernel_transform(x.dtype)
            np.matmul(transform, p["kernel"].reshape(9, -1), out=work.u.reshape(16, -1))
            if self.conv.use_bias:
                np.copyto(work.bias, p["bias"])
            work.has_parameters = True
        work.forward.run(x)
        return as_images(work.y), work

    def backward(
        self, p: Params, g: Params, cache: Any, dy: Array, ctx: Context, /, *, need_dx: bool = True
    ) -> Array | None:
        work: _Work = cache
        dy = position_major(dy, "dy", ctx)
        if not g:
            work.backward_frozen.run(dy)
            return as_images(work.dx) if need_dx else None
        (work.backward if need_dx else work.backward_without_dx).run(dy)
        transform = kernel_transform(dy.dtype).T
        np.matmul(transform, work.du.reshape(16, -1), out=g["kernel"].reshape(9, -1))
        if self.conv.use_bias:
            np.copyto(g["bias"], work.db)
        return as_images(work.dx) if need_dx else None


class _Work:
    """The arrays and prepared calls for shards of one shape (height, width, n, channels).

    Rows of tiles are worked on in groups, one after the other in the same memory. With a single
    group V is still there in backward; with several it is computed anew, which takes no longer
    than fetching it from main memory.
    """

    def __init__(self, layer: WinogradConv, shape: Shape, dtype: Any, ctx: Context) -> None:
        height, width, n, channels = shape
        filters = layer.conv.filters
        out_height, out_width, _ = layer.out_shape((height, width, channels))
        before = layer.conv.windows(height, width).before
        per_tile = 2 if layer.pool is None else 1
        self.rows = Axis(height, before[0], -(-out_height // per_tile))
        self.columns = Axis(width, before[1], -(-out_width // per_tile))
        self.run_in, self.run_out = n * channels, n * filters
        self.use_bias, self.relu = layer.conv.use_bias, layer.relu is not None
        self.apart = ctx.apart
        together = 1 if self.apart else n  # alone, an image has its groups by its size
        row_bytes = (
            16 * self.columns.tiles * together * (channels + filters) * np.dtype(dtype).itemsize
        )
        step = max(1, min(self.rows.tiles, GROUP_BYTES // row_bytes))
        count = -(-self.rows.tiles // step)
        step = -(-self.rows.tiles // count)
        self.groups = [
            slice(start, min(start + step, self.rows.tiles))
            for start in range(0, self.rows.tiles, step)
        ]

        def room(name: str, *lengths: int, kind: Any = dtype) -> Array:
            return ctx.scratch(name, lengths, kind)

        self.room, self.zeros = room, constant(0.0, (self.run_out,), dtype)
        self.forward = Prepared(self._plan_forward)
        self.backward = Prepared(partial(self._plan_backward, need_dx=True))
        self.backward_without_dx = Prepared(partial(self._plan_backward, need_dx=False))
        self.backward_frozen = Prepared(partial(self._plan_backward, need_dx=True, frozen=True))
        self.x: Array
        self.has_parameters = False
        tiles = step * self.columns.tiles
        self.u = room("U", 16, channels, filters)
        self.du = room("dU", 16, channels, filters)
        self.v = room("V", 16 * tiles * self.run_in)
        # With a single group the V in memory outlives backward.
        self.dv = self.v if count > 1 else room("dV", self.v.size)
        self.m = room("M", 16 * tiles * self.run_out)
        self.half = room("half", 8 * tiles * self.run_out)
        self.lines = room("lines", 8 * (step + 1) * self.columns.tiles * self.run_in)
        self.bias, self.db = room("bias", n, filters), room("db", filters)
        self.y = room("y", out_height, out_width, n, filters)
        self.dx = room("dx", *shape)

    def _plan_forward(self, plan: Plan, x: Array) -> None:
        self.x = x
        for others in (self.backward, self.backward_without_dx):
            others.forget()  # they read x, too
        channels, filters = self.u.shape[1:]
        for group in self.groups:
            v = self._tiles_of_x(plan, group)
            tiles = (group.stop - group.start) * self.columns.tiles
            m = self._cut(self.m, 4, 4, tiles, self.run_out)
            if self.apart:
                v, m_of_image = (
                    array.reshape(16, tiles, -1, last).swapaxes(1, 2)
                    for array, last in ((v, channels), (m, filters))
                )
                plan.call(np.matmul, v, self.u[:, None], out=m_of_image)
            else:
                v = v.reshape(16, -1, channels)
                plan.call(np.matmul, v, self.u, out=m.reshape(16, -1, filters))
            if self.use_bias:
                plan.call(np.add, m[1, 1], self.bias.reshape(-1), out=m[1, 1])
            half = self._cut(self.half, 2, 4, tiles, self.run_out)
            outputs(plan, m, half)
            self._outputs_to_y(plan, half, group)

    def _plan_backward(self, plan: Plan, dy: Array, *, need_dx: bool, frozen: bool = False) -> None:
        channels, filters = self.u.shape[1:]
        for group in self.groups:
            tiles = (group.stop - group.start) * self.columns.tiles
            dm = self._cut(self.m, 4, 4, tiles, self.run_out)
            self._dy_to_dm(plan, dy, dm, group)
            spread_outputs(plan, dm[:, 0::3])
            spread_outputs(plan, dm.swapaxes(0, 1))
            dm = dm.reshape(16, -1, filters)
            v = self._cut(self.v, 16, tiles * self.run_in // channels, channels)
            if not frozen:
                self._add_kernel(plan, group, v, dm)
            if need_dx:
                dv = self._cut(self.dv, *v.shape)
                plan.call(np.matmul, dm, self.u.swapaxes(1, 2), out=dv)
                self._tiles_to_dx(plan, dv, group)

    def _add_kernel(self, plan: Plan, group: slice, v: Array, dm: Array) -> None:
        """Assign what a group adds to dU and the bias, or add it where there were others before."""
        first, filters = group.start == 0, dm.shape[2]
        ones = constant(1.0, (self.m.size // 16 // filters,), self.m.dtype)
        if len(self.groups) > 1:
            self._tiles_of_x(plan, group)
        du = self.du if first else self.room("dU of a group", *self.du.shape)
        db = self.db if first else self.room("db of a group", *self.db.shape)
        plan.call(np.matmul, v.swapaxes(1, 2), dm, out=du)
        if self.use_bias:
            plan.call(np.matmul, ones[: dm.shape[1]], dm[BIAS_PLACE], out=db)
        if not first:
            plan.call(np.add, self.du, du, out=self.du)
        if not first and self.use_bias:
            plan.call(np.add, self.db, db, out=self.db)

    def _cut(self, memory: Array, *lengths: int) -> Array:
        return memory[: int(np.prod(lengths))].reshape(lengths)

    def _tiles_of_x(self, plan: Plan, group: slice) -> Array:
        """Assign the V of a group of tile rows."""
        pixels, rows = self.rows.part(group.start, group.stop)
        run = self.columns.tiles * self.run_in
        v = self._cut(self.v, 4, 4, rows.tiles, run)
        lines = self._cut(self.lines, 4, 2, rows.tiles + 1, run)
        x = self.x[pixels].reshape(rows.pixels, self.columns.pixels, self.run_in)
        read_tiles(plan, x, v, rows, self.columns, lines)
        return v

    def _tiles_to_dx(self, plan: Plan, dv: Array, group: slice) -> None:
        """Assign a group's rows of dx; groups come from top to bottom."""
        pixels, rows = self.rows.part(group.start, group.stop)
        run = self.columns.tiles * self.run_in
        dx = self.dx.reshape(self.rows.pixels, self.columns.pixels, self.run_in)
        part = dx[pixels]
        lines = self._cut(self.lines, 4, 2, rows.tiles + 1, run)
        spare = self.room("spare", 4 * rows.tiles * run)
        shared = part[:0]  # the rows that the group above has written to, too
        if group.start:
            above, _ = self.rows.part(0, group.start)
            shared = part[: above.stop - pixels.start]
        saved = self.room("shared", *shared.shape)
        plan.call(np.copyto, saved, shared)
        write_tiles(plan, dv.reshape(4, 4, rows.tiles, run), part, rows, self.columns, lines, spare)
        plan.call(np.add, shared, saved, out=shared)
        # Pixels that no tile reads: the pool floors the outputs away that would.
        beside = part[:, self.columns.part(0, self.columns.tiles)[0].stop :]
        below = dx[pixels.stop if group.stop == self.rows.tiles else len(dx) :]
        for unread in (beside, below):
            if unread.size:
                plan.call(unread.fill, 0)

    def _outputs_to_y(self, plan: Plan, half: Array, group: slice) -> None:
        """Assign a group's part of y, given A^T M; M itself is no longer needed."""
        tiles = (group.stop - group.start, self.columns.tiles)
        half = half.reshape(2, 4, *tiles, self.run_out)
        sums = self._cut(self.m, 2, *tiles, self.run_out)
        y = self._rows(self.y, group)
        # A = half[:, 0..3] along the columns: y[:, 0] = A1 + A2 + A0, y[:, 1] = A1 - A2 + A3.
        for column, ufunc, last in ((0, np.add, 0), (1, np.subtract, 3)):
            plan.call(ufunc, half[:, 1], half[:, 2], out=sums)
            for row in (0, 1):
                out = y[row::2, column::2]
                inside = (slice(out.shape[0]), slice(out.shape[1]))
                plan.call(np.add, sums[row, *inside], half[row, last, *inside], out=out)
        if self.relu:
            plan.call(np.maximum, y, self.zeros, out=y)

    def _dy_to_dm(self, plan: Plan, dy: Array, dm: Array, group: slice) -> None:
        """Assign the gradient of the outputs to dM[0 and 3, 0 and 3]."""
        dm = dm.reshape(4, 4, -1, self.columns.tiles, self.run_out)
        dy, y = self._rows(dy, group), self._rows(self.y, group)
        masks = self.room("masks", *y.shape, kind=np.bool_)
        if self.relu:
            plan.call(np.greater, y, self.zeros[:1], out=masks)
        for row in (0, 1):
            for column in (0, 1):
                part = dy[row::2, column::2]
                out = dm[3 * row, 3 * column]
                inside = out[: part.shape[0], : part.shape[1]]
                if self.relu:
                    masked(plan, part, masks[row::2, column::2], inside)
                else:
                    plan.call(np.copyto, inside, part)
                for outside in (out[part.shape[0] :], out[:, part.shape[1] :]):
                    if outside.size:
                        plan.call(outside.fill, 0)

    def _rows(self, images: Array, group: slice) -> Array:
        rows = images[2 * group.start : 2 * group.stop]
        return rows.reshape(*rows.shape[:2], self.run_out)


class _PoolingWork(_Work):
    """The four outputs of a tile are a window of the pool."""

    def __init__(self, layer: WinogradConv, shape: Shape, dtype: Any, ctx: Context) -> None:
        super().__init__(layer, shape, dtype, ctx)
        self.chosen = self.room("chosen", 3, *self.y.shape, kind=np.bool_)

    def _outputs_to_y(self, plan: Plan, half: Array, group: slice) -> None:
        y = self.y[group].reshape(-1, self.run_out)
        chosen = None if self.apart else self.chosen[:, group].reshape(3, *y.shape)
        planes = self._cut(self.m, 2, 2, *y.shape)
        outputs(plan, half.swapaxes(0, 1), planes.swapaxes(0, 1))
        pool(plan, planes.reshape(4, *y.shape), y, chosen, self._cut(half.reshape(-1), 2, *y.shape))
        if self.relu:
            plan.call(np.maximum, y, self.zeros, out=y)

    def _dy_to_dm(self, plan: Plan, dy: Array, dm: Array, group: slice) -> None:
        y, dy = (array[group].reshape(-1, self.run_out) for array in (self.y, dy))
        chosen = self.chosen[:, group].reshape(3, *y.shape)
        masks = self.room("masks", 4, *y.shape, kind=np.bool_)
        if self.relu:
            plan.call(np.greater, y, self.zeros[:1], out=masks[3])
        else:
            plan.call(masks[3].fill, True)
        spread(plan, dy, chosen, masks, dm[0::3, 0::3])
