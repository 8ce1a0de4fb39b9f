"""Group normalization: every group of channels of a row gets mean 0 and variance 1."""

from math import prod
from typing import Any

import numpy as np

from dlcli.engine.context import Context
from dlcli.engine.initializers import Initializer, Ones, Zeros
from dlcli.engine.layer import Array, Layer, Params, Shape, ShapeError, Slot
from dlcli.engine.layers.normalization import (
    gamma_and_beta,
    invert_deviation,
    require_features,
    scale_and_center,
    scale_rows,
)
from dlcli.engine.regularizers import Regularizer
from dlcli.engine.sums import sum_rows
from dlcli.frozen import frozen


@frozen
class GroupNormalization(Layer):
    """The channels, places on the last axis, form groups side by side; each group of a row is
    normalized by its own mean and variance, over its channels and all places of the other axes.

        n = (x - mean) / sqrt(variance + epsilon)          y = gamma n + beta
        dn = gamma dy      dx = (dn - mean(dn) - n mean(dn n)) / sqrt(variance + epsilon)
        dgamma = sum of dy n over all rows and places      dbeta = sum of dy

    The variance is the biased one. gamma, beta: (channels,); there are none without `scale` and
    `center`. Where the steps of a row are masked, mean and variance are those of the others (N of
    them times the group's channels), by which all steps are normalized: then dx has the sums of dn
    and dn n over all steps, divided by that number, at steps that are not masked. Keras's mixes
    masked steps in, so that there an answer depends on what fills the row up.

    groups: how many; they must divide the channels. -1: a group for each channel.

    Source: Wu and He, "Group normalization" (arXiv 1803.08494); options, defaults and formula are
    those of keras.layers.GroupNormalization.
    """

    passes_mask = True
    reads_mask = True

    groups: int = 32
    epsilon: float = 1e-3
    center: bool = True
    scale: bool = True
    beta_initializer: Initializer = Zeros()
    gamma_initializer: Initializer = Ones()
    beta_regularizer: Regularizer | None = None
    gamma_regularizer: Regularizer | None = None

    def slots(self, in_shape: Shape) -> dict[str, Slot]:
        self.out_shape(in_shape)
        return gamma_and_beta(self, in_shape)

    def out_shape(self, in_shape: Shape) -> Shape:
        require_features("group_normalization", in_shape)
        if in_shape[-1] % self._groups(in_shape[-1]):
            raise ShapeError(
                f"group_normalization cannot put {in_shape[-1]} channels into {self.groups} groups "
                "of one size; choose a number of `groups` that divides them, or -1 for a group for "
                "each channel"
            )
        return in_shape

    def _groups(self, channels: int) -> int:
        return channels if self.groups == -1 else self.groups

    def forward(self, p: Params, x: Array, ctx: Context, /) -> tuple[Array, Any]:
        places = x.reshape(len(x), -1, x.shape[-1])
        n = ctx.scratch("n", places.shape, x.dtype)
        work = ctx.scratch("work", places.shape, x.dtype)
        inverse = ctx.scratch("inverse", (len(x), 1, x.shape[-1]), x.dtype)
        if ctx.mask is None:
            self._mean(places, inverse, ctx)
            np.subtract(places, inverse, out=n)
            np.multiply(n, n, out=work)
        else:
            real = ctx.mask[:, :, None]
            np.multiply(places, real, out=work)
            self._mean(work, inverse, ctx)
            np.subtract(places, inverse, out=n)
            np.multiply(n, real, out=work)
            np.multiply(work, work, out=work)
        self._mean(work, inverse, ctx)
        invert_deviation(inverse, self.epsilon)
        np.multiply(n, inverse, out=n)
        y = ctx.scratch("y", places.shape, x.dtype)
        scale_and_center(self, p, n, y)
        return y.reshape(x.shape), (n, inverse)

    def backward(
        self, p: Params, g: Params, cache: Any, dy: Array, ctx: Context, /, *, need_dx: bool = True
    ) -> Array | None:
        n, inverse = cache
        shape, dy = dy.shape, dy.reshape(n.shape)
        work = ctx.scratch("work", n.shape, n.dtype)
        if g and self.scale:
            np.multiply(dy, n, out=work)
            sum_rows(work.reshape(-1, n.shape[2]), g["gamma"], ctx)
        if g and self.center:
            sum_rows(dy.reshape(-1, n.shape[2]), g["beta"], ctx)
        if not need_dx:
            return None
        dx = ctx.scratch("dx", n.shape, n.dtype)
        mean = ctx.scratch("mean", inverse.shape, n.dtype)
        slope = ctx.scratch("slope", inverse.shape, n.dtype)
        scale_rows(self, p, dy, dx)
        np.multiply(dx, n, out=work)
        self._mean(dx, mean, ctx)
        self._mean(work, slope, ctx)
        np.multiply(n, slope, out=work)
        np.add(work, mean, out=work)
        if ctx.mask is not None:
            np.multiply(work, ctx.mask[:, :, None], out=work)
        np.subtract(dx, work, out=dx)
        np.multiply(dx, inverse, out=dx)
        return dx.reshape(shape)

    def flops(self, in_shape: Shape) -> int:
        return 8 * prod(in_shape)

    def _mean(self, x: Array, out: Array, ctx: Context) -> None:
        """Assign to `out` (n, 1, channels), for each channel, the sum over its group and all places
        of x (n, places, channels), divided by how many numbers that are; masked ones do not count.
        """
        rows, places, channels = x.shape
        groups = self._groups(channels)
        np.add.reduce(x, axis=1, keepdims=True, out=out)
        grouped = out.reshape(rows, groups, channels // groups)
        total = ctx.scratch("total", (rows, groups, 1), x.dtype)
        np.add.reduce(grouped, axis=2, keepdims=True, out=total)
        if ctx.mask is None:
            np.divide(total, x.dtype.type(places * grouped.shape[2]), out=total)
        else:
            count = ctx.scratch("count", (rows, 1, 1), x.dtype)
            np.add.reduce(ctx.mask[:, :, None], axis=1, keepdims=True, dtype=x.dtype, out=count)
            np.maximum(count, x.dtype.type(1), out=count)  # of no step, all sums are 0
            np.multiply(count, x.dtype.type(grouped.shape[2]), out=count)
            np.divide(total, count, out=total)
        np.copyto(grouped, total)
