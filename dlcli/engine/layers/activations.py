"""Activations: the functions between the layers, each a layer without parameters.

All but softmax work number by number, y = f(x) and dx = f'(x) dy. They use only operations whose
float32 results are the same on every processor: + - * /, exp, tanh, log and comparisons, but not
`log1p` or `expm1`. What these would be needed for is rewritten without loss of digits, and each
docstring says how.

Source: names, options and formulas are those of keras.activations.
"""

from typing import Any

import numpy as np

from dlcli.engine.context import Context
from dlcli.engine.layer import Array, Layer, Params, Shape, ShapeError
from dlcli.engine.layers.elementwise import Elementwise, sigmoid
from dlcli.engine.layers.gelu import Gelu
from dlcli.frozen import frozen


@frozen
class Linear(Layer):
    """y = x: no activation."""

    passes_mask = True

    def out_shape(self, in_shape: Shape) -> Shape:
        return in_shape

    def forward(self, p: Params, x: Array, ctx: Context, /) -> tuple[Array, Any]:
        return x, None

    def backward(
        self, p: Params, g: Params, cache: Any, dy: Array, ctx: Context, /, *, need_dx: bool = True
    ) -> Array | None:
        return dy if need_dx else None

    def flops(self, in_shape: Shape) -> int:
        return 0


@frozen
class Sigmoid(Elementwise):
    """y = 1 / (1 + exp(-x)), between 0 and 1; slope y (1 - y)."""

    def _value(self, x: Array, y: Array, ctx: Context) -> Any:
        sigmoid(x, y, ctx)
        return y

    def _slope(self, cache: Any, slope: Array, ctx: Context) -> None:
        np.subtract(1, cache, out=slope)
        np.multiply(slope, cache, out=slope)


@frozen
class Tanh(Elementwise):
    """y = tanh(x), between -1 and 1; slope 1 - y^2."""

    def _value(self, x: Array, y: Array, ctx: Context) -> Any:
        np.tanh(x, out=y)
        return y

    def _slope(self, cache: Any, slope: Array, ctx: Context) -> None:
        np.multiply(cache, cache, out=slope)
        np.subtract(1, slope, out=slope)


@frozen
class Relu(Elementwise):
    """y = max(x, 0); slope 1 where x > 0, else 0 (at 0, too)."""

    def _value(self, x: Array, y: Array, ctx: Context) -> Any:
        np.maximum(x, 0, out=y)
        return y

    def _slope(self, cache: Any, slope: Array, ctx: Context) -> None:
        above = ctx.scratch("above", slope.shape, np.bool_)
        np.greater(cache, 0, out=above)
        np.copyto(slope, above)


@frozen
class LeakyRelu(Elementwise):
    """y = x where x > 0, else negative_slope x; slope 1 or negative_slope (at 0, too)."""

    negative_slope: float = 0.2

    def _value(self, x: Array, y: Array, ctx: Context) -> Any:
        above = ctx.scratch("max(x, 0)", x.shape, x.dtype)
        np.maximum(x, 0, out=above)
        np.minimum(x, 0, out=y)
        np.multiply(y, self.negative_slope, out=y)
        np.add(y, above, out=y)
        return x

    def _slope(self, cache: Any, slope: Array, ctx: Context) -> None:
        above = ctx.scratch("above", slope.shape, np.bool_)
        below = ctx.scratch("below", slope.shape, np.bool_)
        np.greater(cache, 0, out=above)
        np.logical_not(above, out=below)
        np.multiply(below, slope.dtype.type(self.negative_slope), out=slope)
        np.add(slope, above, out=slope)


@frozen
class Elu(Elementwise):
    """y = x where x > 0, else alpha (exp(x) - 1); slope 1 or alpha exp(x).

    exp(x) - 1 = 2 t / (1 - t) with t = tanh(x / 2), which keeps its digits near 0.

    Source: Clevert et al., "Fast and accurate deep network learning by exponential linear
    units" (ICLR 2016).
    """

    alpha: float = 1.0

    def _value(self, x: Array, y: Array, ctx: Context) -> Any:
        work = ctx.scratch("work", x.shape, x.dtype)
        np.minimum(x, 0, out=y)
        np.multiply(y, 0.5, out=y)
        np.tanh(y, out=y)
        np.subtract(1, y, out=work)
        np.divide(y, work, out=y)
        np.multiply(y, 2 * self.alpha, out=y)
        np.maximum(x, 0, out=work)
        np.add(y, work, out=y)
        return x

    def _slope(self, cache: Any, slope: Array, ctx: Context) -> None:
        above = ctx.scratch("above", slope.shape, np.bool_)
        below = ctx.scratch("below", slope.shape, np.bool_)
        np.greater(cache, 0, out=above)
        np.logical_not(above, out=below)
        np.minimum(cache, 0, out=slope)
        np.exp(slope, out=slope)
        np.multiply(slope, self.alpha, out=slope)
        np.multiply(slope, below, out=slope)
        np.add(slope, above, out=slope)


_FAR = 800.0  # silu and its slope are 0 there to the last bit, even in float64


@frozen
class Silu(Elementwise):
    """y = x s with s = sigmoid(x), also called swish; slope s + y (1 - s).

    Source: Elfwing et al., "Sigmoid-weighted linear units" (2017).
    """

    def _value(self, x: Array, y: Array, ctx: Context) -> Any:
        s = ctx.scratch("s", x.shape, x.dtype)
        sigmoid(x, s, ctx)
        np.maximum(x, -_FAR, out=y)
        np.multiply(y, s, out=y)
        return y, s

    def _slope(self, cache: Any, slope: Array, ctx: Context) -> None:
        y, s = cache
        np.subtract(1, s, out=slope)
        np.multiply(slope, y, out=slope)
        np.add(slope, s, out=slope)


@frozen
class Softplus(Elementwise):
    """y = log(1 + exp(x)) = max(x, 0) + log(1 + e) with e = exp(-|x|); slope sigmoid(x).

    log(1 + e) = log(u) + (e - (u - 1)) / u with u = 1 + e as rounded: the second term is, to
    first order, what the rounding of u lost, so no digits are lost where e is small.
    """

    def _value(self, x: Array, y: Array, ctx: Context) -> Any:
        lost = ctx.scratch("lost", x.shape, x.dtype)
        u = ctx.scratch("u", x.shape, x.dtype)
        np.abs(x, out=lost)
        np.negative(lost, out=lost)
        np.exp(lost, out=lost)
        np.add(lost, 1, out=u)
        np.subtract(u, 1, out=y)
        np.subtract(lost, y, out=lost)
        np.divide(lost, u, out=lost)
        np.log(u, out=u)
        np.add(u, lost, out=u)
        np.maximum(x, 0, out=y)
        np.add(y, u, out=y)
        return x

    def _slope(self, cache: Any, slope: Array, ctx: Context) -> None:
        sigmoid(cache, slope, ctx)


@frozen
class Softmax(Layer):
    """y = exp(x - max x) / sum of exp(x - max x) along the last axis: probabilities.

    dx = y (dy - sum of y dy). As the last layer before a cross-entropy it is folded into the
    loss, which then has the simpler and more precise gradient y - t.
    """

    passes_mask = True

    def out_shape(self, in_shape: Shape) -> Shape:
        if not in_shape:
            raise ShapeError(
                "softmax needs rows with an axis of classes, shape (classes,), but gets rows of "
                "shape (), single numbers; use a sigmoid for a single probability"
            )
        return in_shape

    def forward(self, p: Params, x: Array, ctx: Context, /) -> tuple[Array, Any]:
        y = ctx.scratch("y", x.shape, x.dtype)
        total = ctx.scratch("total", (*x.shape[:-1], 1), x.dtype)
        np.max(x, axis=-1, keepdims=True, out=total)
        np.subtract(x, total, out=y)
        np.exp(y, out=y)
        np.sum(y, axis=-1, keepdims=True, out=total)
        np.divide(y, total, out=y)
        return y, y

    def backward(
        self, p: Params, g: Params, cache: Any, dy: Array, ctx: Context, /, *, need_dx: bool = True
    ) -> Array | None:
        if not need_dx:
            return None
        dx = ctx.scratch("dx", dy.shape, dy.dtype)
        total = ctx.scratch("dx total", (*dy.shape[:-1], 1), dy.dtype)
        np.multiply(cache, dy, out=dx)
        np.sum(dx, axis=-1, keepdims=True, out=total)
        np.subtract(dy, total, out=dx)
        np.multiply(dx, cache, out=dx)
        return dx

    def flops(self, in_shape: Shape) -> int:
        return 5 * int(np.prod(in_shape, dtype=np.int64))


ACTIVATIONS: dict[str, type[Layer]] = {
    "elu": Elu,
    "gelu": Gelu,
    "leaky_relu": LeakyRelu,
    "linear": Linear,
    "relu": Relu,
    "sigmoid": Sigmoid,
    "silu": Silu,
    "softmax": Softmax,
    "softplus": Softplus,
    "tanh": Tanh,
}
