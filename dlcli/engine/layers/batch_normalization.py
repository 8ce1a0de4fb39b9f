"""Batch normalization: every channel gets mean 0 and variance 1 over the whole batch."""

from math import prod
from typing import Any

import numpy as np

from dlcli.engine.context import Context
from dlcli.engine.initializers import Initializer, Ones, Zeros
from dlcli.engine.layer import Array, BatchLayer, Params, Shape, Slot
from dlcli.engine.layers.normalization import gamma_and_beta, require_features
from dlcli.engine.regularizers import Regularizer
from dlcli.engine.sums import sum_rows
from dlcli.frozen import frozen

WIDE = 256
"""Numbers that one call of an elementwise operation works on at a stretch, at least: channels alone
are too few, so they are repeated along the width of an image."""


@frozen
class BatchNormalization(BatchLayer):
    """Each channel, a place on the last axis, is normalized over all rows and pixels of the batch.

        n = (x - mean) / sqrt(variance + epsilon)          y = gamma n + beta        in training
        n = (x - moving_mean) / sqrt(moving_variance + epsilon)                      otherwise
        moving = momentum moving + (1 - momentum) batch    after each step, for mean and variance

        dgamma = sum of dy n       dbeta = sum of dy       N: rows times pixels
        dx = gamma (dy - dbeta / N - n dgamma / N) / sqrt(variance + epsilon)

    A frozen one uses the moving mean and variance in training, too, and they stay as they are:
    dx = gamma dy / sqrt(moving_variance + epsilon).

    The variance is the biased one (divided by N), for the moving one too. All arrays are
    (channels,); there is no gamma without `scale`, no beta without `center`. The mean of a shard,
    and the sum of squares around it, take two passes over its rows; those of all shards are put
    together by the formula of Chan et al., in float64.

    Where steps of the rows are masked, mean, variance and N are those of the others, by which all
    steps are normalized: in training, dx is then gamma dy / sqrt(variance + epsilon) at a masked
    step, and has the sums over all steps elsewhere. A batch without any step changes no moving
    average.

    Source: Ioffe and Szegedy, "Batch normalization" (arXiv 1502.03167); options and defaults are
    those of keras.layers.BatchNormalization. PyTorch's momentum is 1 minus this one, and its
    moving variance is the unbiased one.
    """

    passes_mask = True
    reads_mask = True

    momentum: float = 0.99
    epsilon: float = 1e-3
    center: bool = True
    scale: bool = True
    beta_initializer: Initializer = Zeros()
    gamma_initializer: Initializer = Ones()
    moving_mean_initializer: Initializer = Zeros()
    moving_variance_initializer: Initializer = Ones()
    beta_regularizer: Regularizer | None = None
    gamma_regularizer: Regularizer | None = None

    def slots(self, in_shape: Shape) -> dict[str, Slot]:
        self.out_shape(in_shape)
        width = in_shape[-1:]
        return {
            **gamma_and_beta(self, in_shape),
            "moving_mean": Slot(width, self.moving_mean_initializer, "observed"),
            "moving_variance": Slot(width, self.moving_variance_initializer, "observed"),
        }

    def out_shape(self, in_shape: Shape) -> Shape:
        require_features("batch_normalization", in_shape)
        return in_shape

    def tally_sizes(self, in_shape: Shape) -> tuple[int, int]:
        channels = in_shape[-1]
        return 1 + 2 * channels, 1 + 2 * channels

    def tally(self, p: Params, x: Array, ctx: Context, /) -> Array:
        """How many numbers each channel has, then their means, then the sums of squares around
        these means."""
        rows = x.reshape(-1, x.shape[-1])
        channels = rows.shape[1]
        count, sum_real = len(rows), sum_rows
        if ctx.mask is not None:
            count, sum_real = int(np.count_nonzero(ctx.mask)), _sum_real
            if count == 0:
                return np.zeros(1 + 2 * channels)
        sums = ctx.scratch("sums", (channels,), x.dtype)
        sum_real(rows, sums, ctx)
        mean = np.divide(sums, x.dtype.type(count), out=sums)
        squares = ctx.scratch("work", x.shape, x.dtype)
        wide, vectors = _wide(x, ctx, mean)
        np.subtract(wide, vectors[0], out=squares.reshape(wide.shape))
        # The mean was rounded; what is left of the rows' sum says by how much.
        left = ctx.scratch("left", (channels,), x.dtype)
        sum_real(squares.reshape(rows.shape), left, ctx)
        found = np.empty(1 + 2 * channels)
        found[0] = count
        rest = left / found[0]
        found[1 : 1 + channels] = mean + rest
        np.multiply(squares, squares, out=squares)
        sum_real(squares.reshape(rows.shape), sums, ctx)
        found[1 + channels :] = np.maximum(sums - found[0] * rest * rest, 0.0)
        return found

    def total(self, parts: Array) -> Array:
        whole: Array = parts[0].copy()
        channels = (len(whole) - 1) // 2
        mean, squares = whole[1 : 1 + channels], whole[1 + channels :]
        for part in parts[1:]:
            if part[0] == 0:  # all its steps are masked
                continue
            count = whole[0] + part[0]
            away = part[1 : 1 + channels] - mean
            squares += part[1 + channels :] + away * away * (whole[0] * part[0] / count)
            mean += away * (part[0] / count)
            whole[0] = count
        return whole

    def forward_rest(self, p: Params, x: Array, total: Array, ctx: Context, /) -> tuple[Array, Any]:
        channels = x.shape[-1]
        mean = total[1 : 1 + channels]
        inverse = 1.0 / np.sqrt(total[1 + channels :] / (total[0] or 1.0) + self.epsilon)
        centred = ctx.scratch("centred", x.shape, x.dtype)
        y = self._normalized(p, x, mean, inverse, centred, ctx)
        return y, (centred, inverse, None)

    def forward_observed(self, p: Params, x: Array, ctx: Context, /) -> tuple[Array, Any]:
        mean = p["moving_mean"].astype(np.float64)
        inverse = 1.0 / np.sqrt(p["moving_variance"].astype(np.float64) + self.epsilon)
        y = ctx.scratch("y", x.shape, x.dtype)
        return self._normalized(p, x, mean, inverse, y, ctx), (x, inverse, mean)

    def _normalized(
        self, p: Params, x: Array, mean: Array, inverse: Array, centred: Array, ctx: Context
    ) -> Array:
        """Assign x - mean to `centred`; return y, which may lie there, too."""
        factor = inverse * p["gamma"] if self.scale else inverse
        wide, vectors = _wide(x, ctx, mean, factor, *([p["beta"]] if self.center else []))
        y = ctx.scratch("y", x.shape, x.dtype)
        out = y.reshape(wide.shape)
        np.subtract(wide, vectors[0], out=centred.reshape(wide.shape))
        np.multiply(centred.reshape(wide.shape), vectors[1], out=out)
        if self.center:
            np.add(out, vectors[2], out=out)
        return y

    def backward(
        self, p: Params, g: Params, cache: Any, dy: Array, ctx: Context, /, *, need_dx: bool = True
    ) -> Array | None:
        _, inverse, observed = cache
        if g or observed is None:
            return super().backward(p, g, cache, dy, ctx, need_dx=need_dx)
        return self._scaled(p, inverse, dy, ctx) if need_dx else None

    def _scaled(self, p: Params, inverse: Array, dy: Array, ctx: Context) -> Array:
        """dx where mean and variance do not depend on x."""
        wide, vectors = _wide(dy, ctx, inverse * p["gamma"] if self.scale else inverse)
        dx = ctx.scratch("dx", dy.shape, dy.dtype)
        np.multiply(wide, vectors[0], out=dx.reshape(wide.shape))
        return dx

    def tally_back(self, p: Params, g: Params, cache: Any, dy: Array, ctx: Context, /) -> Array:
        """How many numbers each channel has, then the sums of dy, then of dy (x - mean)."""
        centred, inverse, observed = cache
        channels = dy.shape[-1]
        work = ctx.scratch("work", dy.shape, dy.dtype)
        if observed is None:
            np.multiply(dy, centred, out=work)
        else:
            np.subtract(centred, observed.astype(dy.dtype), out=work)
            np.multiply(dy, work, out=work)
        sums = ctx.scratch("sums", (channels,), dy.dtype)
        found = np.empty(1 + 2 * channels)
        found[0] = dy.size // channels if ctx.mask is None else np.count_nonzero(ctx.mask)
        for start, array in ((1, dy), (1 + channels, work)):
            sum_rows(array.reshape(-1, channels), sums, ctx)
            found[start : start + channels] = sums
        if g and self.center:
            g["beta"][...] = found[1 : 1 + channels]
        if g and self.scale:
            g["gamma"][...] = found[1 + channels :] * inverse
        return found

    def backward_rest(
        self, p: Params, cache: Any, dy: Array, total: Array, ctx: Context, /
    ) -> Array:
        centred, inverse, observed = cache
        if observed is not None:
            return self._scaled(p, inverse, dy, ctx)
        channels = dy.shape[-1]
        factor = inverse * p["gamma"] if self.scale else inverse
        count = total[0] or 1.0  # where there is no step at all, the sums are 0
        mean = total[1 : 1 + channels] / count
        slope = total[1 + channels :] / count * (inverse * inverse)
        wide, vectors = _wide(dy, ctx, factor, mean, slope)
        dx = ctx.scratch("dx", dy.shape, dy.dtype)
        out = dx.reshape(wide.shape)
        work = ctx.scratch("work", dy.shape, dy.dtype).reshape(wide.shape)
        np.multiply(centred.reshape(wide.shape), vectors[2], out=work)
        if ctx.mask is not None:
            np.add(work, vectors[1], out=work)
            steps = work.reshape(dy.shape)
            np.multiply(steps, ctx.mask[:, :, None], out=steps)
            np.subtract(wide, work, out=out)
        else:
            np.subtract(wide, work, out=out)
            np.subtract(out, vectors[1], out=out)
        np.multiply(out, vectors[0], out=out)
        return dx

    def observe(self, observed: Params, total: Array) -> None:
        if total[0] == 0:
            return
        channels = (len(total) - 1) // 2
        for name, batch in (
            ("moving_mean", total[1 : 1 + channels]),
            ("moving_variance", total[1 + channels :] / total[0]),
        ):
            moving = observed[name]
            moving[...] = moving * self.momentum + batch * (1.0 - self.momentum)

    def flops(self, in_shape: Shape) -> int:
        return 2 * prod(in_shape)


def _sum_real(rows: Array, out: Array, ctx: Context) -> None:
    """Assign the sum of the rows of a matrix, without those that are masked steps."""
    assert ctx.mask is not None
    real = ctx.scratch("real", (len(rows),), rows.dtype)
    np.copyto(real, ctx.mask.reshape(-1))
    np.matmul(real, rows, out=out)


def _wide(x: Array, ctx: Context, *vectors: Array) -> tuple[Array, Array]:
    """x as a matrix of long rows, and for each vector of channels a row that repeats it."""
    width, axis = x.shape[-1], x.ndim - 1
    while axis > 1 and width < WIDE:
        axis -= 1
        width *= x.shape[axis]
    repeated = ctx.scratch(("vectors", len(vectors)), (len(vectors), width), x.dtype)
    for row, vector in zip(repeated, vectors, strict=True):
        row.reshape(-1, x.shape[-1])[...] = vector
    return x.reshape(-1, width), repeated
