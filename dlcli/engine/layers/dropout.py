"""Dropout: while training, forget a random part of the input."""

from typing import Any

import numpy as np

from dlcli.engine.context import Context
from dlcli.engine.layer import Array, Layer, Params, Shape
from dlcli.frozen import frozen


@frozen
class Dropout(Layer):
    """Each number is set to zero with probability `rate`; the others grow to keep the mean.

        y = x * mask / (1 - rate)      dx = dy * mask / (1 - rate)      while training
        y = x                          dx = dy                          otherwise

    The mask is addressed by seed, layer name, step and shard (see dlcli.randomness), so it is
    the same whenever and wherever the shard is worked on.

    rate: at least 0, less than 1.

    Source: Srivastava et al., "Dropout: a simple way to prevent neural networks from
    overfitting" (JMLR 2014), scaled while training ("inverted") as in Keras.
    """

    passes_mask = True

    rate: float

    def out_shape(self, in_shape: Shape) -> Shape:
        return in_shape

    def forward(self, p: Params, x: Array, ctx: Context, /) -> tuple[Array, Any]:
        if not ctx.training or self.rate == 0:
            return x, None
        threshold = np.uint32(int(self.rate * 2**32))
        keep = ctx.scratch("keep", (x.size,), np.bool_)
        np.greater_equal(ctx.stream("dropout").words(x.size), threshold, out=keep)
        factor = ctx.scratch("factor", x.shape, x.dtype)
        scale = x.dtype.type(np.float32(1 / (1 - self.rate)))
        np.multiply(keep.reshape(x.shape), scale, out=factor)
        y = ctx.scratch("y", x.shape, x.dtype)
        np.multiply(x, factor, out=y)
        return y, factor

    def backward(
        self, p: Params, g: Params, cache: Any, dy: Array, ctx: Context, /, *, need_dx: bool = True
    ) -> Array | None:
        if not need_dx or cache is None:
            return dy if need_dx else None
        dx = ctx.scratch("dx", dy.shape, dy.dtype)
        np.multiply(dy, cache, out=dx)
        return dx
