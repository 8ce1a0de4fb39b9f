"""Layers over the steps of a row: which of them are masked, and one vector for all of them."""

from abc import abstractmethod
from math import prod
from typing import Any, ClassVar

import numpy as np

from dlcli.engine.context import Context
from dlcli.engine.layer import Array, Layer, Params, Shape, ShapeError
from dlcli.frozen import frozen


def require_steps(word: str, in_shape: Shape) -> None:
    """ShapeError for rows that are not (steps, features)."""
    if len(in_shape) != 2:
        remedy = ""
        if len(in_shape) == 1 or (len(in_shape) == 3 and in_shape[2] == 1):
            shape = (*in_shape, 1)[:2]
            remedy = f"; put a `reshape` layer with target_shape {list(shape)} before it"
        raise ShapeError(
            f"{word} needs rows of steps, shape (steps, features), but gets rows of shape "
            f"{in_shape}{remedy}"
        )


@frozen
class Masking(Layer):
    """A step is masked where all its features equal `mask_value`; y is 0 there, else x.

    dx = dy, and 0 at masked steps. What is masked already stays so (in Keras, it does not).

    Source: the option, its default and the zeros are those of keras.layers.Masking.
    """

    reads_mask = True

    mask_value: float = 0.0

    def out_shape(self, in_shape: Shape) -> Shape:
        require_steps("masking", in_shape)
        return in_shape

    def makes_mask(self) -> bool:
        return True

    def mask(self, cache: Any, ctx: Context, /) -> Array:
        mask: Array = cache
        if ctx.mask is None:
            return mask
        both = ctx.scratch("both", mask.shape, np.bool_)
        np.logical_and(mask, ctx.mask, out=both)
        return both

    def forward(self, p: Params, x: Array, ctx: Context, /) -> tuple[Array, Any]:
        other = ctx.scratch("other", x.shape, np.bool_)
        real = ctx.scratch("real", x.shape[:2], np.bool_)
        np.not_equal(x, x.dtype.type(self.mask_value), out=other)
        np.logical_or.reduce(other, axis=-1, out=real)
        y = ctx.scratch("y", x.shape, x.dtype)
        np.multiply(x, real[:, :, None], out=y)
        return y, real

    def backward(
        self, p: Params, g: Params, cache: Any, dy: Array, ctx: Context, /, *, need_dx: bool = True
    ) -> Array | None:
        if not need_dx:
            return None
        dx = ctx.scratch("dx", dy.shape, dy.dtype)
        np.multiply(dy, cache[:, :, None], out=dx)
        return dx

    def flops(self, in_shape: Shape) -> int:
        return prod(in_shape)


@frozen
class GlobalPooling1D(Layer):
    """What both share: (steps, features) becomes (features,), masked steps left out.

    A row without a step gives 0.

    keepdims: becomes (1, features) instead.

    Source: names, options and shapes are those of keras.layers.GlobalMaxPooling1D, channels last.
    """

    reads_mask = True

    keepdims: bool = False

    type_name: ClassVar[str]

    def out_shape(self, in_shape: Shape) -> Shape:
        require_steps(self.type_name, in_shape)
        return (1, in_shape[1]) if self.keepdims else in_shape[1:]

    def flops(self, in_shape: Shape) -> int:
        return prod(in_shape)

    def forward(self, p: Params, x: Array, ctx: Context, /) -> tuple[Array, Any]:
        y = ctx.scratch("y", (len(x), x.shape[2]), x.dtype)
        cache = self._pool(x, y, ctx)
        return y.reshape(len(x), *self.out_shape(x.shape[1:])), (cache, x.shape)

    def backward(
        self, p: Params, g: Params, cache: Any, dy: Array, ctx: Context, /, *, need_dx: bool = True
    ) -> Array | None:
        if not need_dx:
            return None
        found, shape = cache
        dx = ctx.scratch("dx", shape, dy.dtype)
        self._spread(found, dy.reshape(len(dy), shape[2]), dx, ctx)
        return dx

    @abstractmethod
    def _pool(self, x: Array, y: Array, ctx: Context) -> Any:
        """Assign y (n, features) for x (n, steps, features); return what `_spread` needs."""

    @abstractmethod
    def _spread(self, cache: Any, dy: Array, dx: Array, ctx: Context) -> None:
        """Assign dx (n, steps, features), given dy (n, features)."""


@frozen
class GlobalAveragePooling1D(GlobalPooling1D):
    """y = mean over the steps that are not masked; dx = dy / their number for each of these."""

    type_name: ClassVar[str] = "global_average_pooling1d"

    def _pool(self, x: Array, y: Array, ctx: Context) -> Any:
        if ctx.mask is None:
            np.add.reduce(x, axis=1, out=y)
            np.divide(y, y.dtype.type(x.shape[1]), out=y)
            return y.dtype.type(x.shape[1])
        weighted = ctx.scratch("weighted", x.shape, x.dtype)
        count = ctx.scratch("count", (len(x), 1), x.dtype)
        np.multiply(x, ctx.mask[:, :, None], out=weighted)
        np.add.reduce(weighted, axis=1, out=y)
        np.add.reduce(ctx.mask, axis=1, keepdims=True, dtype=x.dtype, out=count)
        np.maximum(count, x.dtype.type(1), out=count)
        np.divide(y, count, out=y)
        return count

    def _spread(self, cache: Any, dy: Array, dx: Array, ctx: Context) -> None:
        share = ctx.scratch("share", dy.shape, dy.dtype)
        np.divide(dy, cache, out=share)
        if ctx.mask is None:
            np.copyto(dx, share[:, None])
        else:
            np.multiply(share[:, None], ctx.mask[:, :, None], out=dx)


@frozen
class GlobalMaxPooling1D(GlobalPooling1D):
    """y = maximum over the steps that are not masked; steps that tie for it share dy.

    Keras looks at masked steps, too: there, an answer depends on what fills the row up.
    """

    type_name: ClassVar[str] = "global_max_pooling1d"

    def _pool(self, x: Array, y: Array, ctx: Context) -> Any:
        if ctx.mask is not None:
            real = ctx.scratch("real", x.shape, x.dtype)
            real.fill(-np.inf)
            np.copyto(real, x, where=ctx.mask[:, :, None])
            x = real
        np.maximum.reduce(x, axis=1, out=y)
        if ctx.mask is not None:
            some = ctx.scratch("some", (len(x), 1), np.bool_)
            np.logical_or.reduce(ctx.mask, axis=1, keepdims=True, out=some)
            np.copyto(y, y.dtype.type(0), where=np.logical_not(some, out=some))
        return x, y

    def _spread(self, cache: Any, dy: Array, dx: Array, ctx: Context) -> None:
        x, y = cache
        highest = ctx.scratch("highest", x.shape, np.bool_)
        np.equal(x, y[:, None], out=highest)
        np.copyto(dx, highest)
        share = ctx.scratch("share", dy.shape, dy.dtype)
        np.add.reduce(dx, axis=1, out=share)
        np.maximum(share, share.dtype.type(1), out=share)  # a NaN equals nothing
        np.divide(dy, share, out=share)
        np.multiply(dx, share[:, None], out=dx)
