"""Layer normalization: every vector along the last axis gets mean 0 and variance 1."""

from typing import Any

import numpy as np

from dlcli.engine.context import Context
from dlcli.engine.initializers import Initializer, Ones, Zeros
from dlcli.engine.layer import Array, Layer, Params, Shape, Slot
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
class LayerNormalization(Layer):
    """Each vector along the last axis is normalized by its own mean and variance.

        n = (x - mean) / sqrt(variance + epsilon)          y = gamma n + beta
        dn = gamma dy      dx = (dn - mean(dn) - n mean(dn n)) / sqrt(variance + epsilon)
        dgamma = sum of dy n over all vectors              dbeta = sum of dy

    Means run over the last axis; the variance is the biased one (divided by the length).
    gamma, beta: (length of the last axis,); there are none without `scale` and `center`.

    Source: Ba et al., "Layer normalization" (arXiv 1607.06450); options and defaults are those of
    keras.layers.LayerNormalization.
    """

    passes_mask = True

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
        require_features("layer_normalization", in_shape)
        return in_shape

    def forward(self, p: Params, x: Array, ctx: Context, /) -> tuple[Array, Any]:
        rows = x.reshape(-1, x.shape[-1])
        n = ctx.scratch("n", rows.shape, x.dtype)
        squares = ctx.scratch("squares", rows.shape, x.dtype)
        inverse = ctx.scratch("inverse", (len(rows), 1), x.dtype)
        _mean(rows, inverse)
        np.subtract(rows, inverse, out=n)
        np.multiply(n, n, out=squares)
        _mean(squares, inverse)
        invert_deviation(inverse, self.epsilon)
        np.multiply(n, inverse, out=n)
        y = ctx.scratch("y", rows.shape, x.dtype)
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
            sum_rows(work, g["gamma"], ctx)
        if g and self.center:
            sum_rows(dy, g["beta"], ctx)
        if not need_dx:
            return None
        dx = ctx.scratch("dx", n.shape, n.dtype)
        mean = ctx.scratch("mean", inverse.shape, n.dtype)
        scale_rows(self, p, dy, dx)
        np.multiply(dx, n, out=work)
        _mean(dx, mean)
        np.subtract(dx, mean, out=dx)
        _mean(work, mean)
        np.multiply(n, mean, out=work)
        np.subtract(dx, work, out=dx)
        np.multiply(dx, inverse, out=dx)
        return dx.reshape(shape)

    def flops(self, in_shape: Shape) -> int:
        return 8 * int(np.prod(in_shape, dtype=np.int64))


def _mean(rows: Array, out: Array) -> None:
    """Assign the means over the last axis, kept as one column."""
    np.add.reduce(rows, axis=-1, keepdims=True, out=out)
    np.divide(out, out.dtype.type(rows.shape[-1]), out=out)
