"""What the activations that work number by number share, and the sigmoid that several need."""

from abc import abstractmethod
from typing import Any

import numpy as np

from dlcli.engine.context import Context
from dlcli.engine.layer import Array, Layer, Params, Shape
from dlcli.frozen import frozen


@frozen
class Elementwise(Layer):
    """What the number-by-number activations share; each adds its value and its slope."""

    passes_mask = True

    def out_shape(self, in_shape: Shape) -> Shape:
        return in_shape

    def forward(self, p: Params, x: Array, ctx: Context, /) -> tuple[Array, Any]:
        y = ctx.scratch("y", x.shape, x.dtype)
        return y, self._value(x, y, ctx)

    def backward(
        self, p: Params, g: Params, cache: Any, dy: Array, ctx: Context, /, *, need_dx: bool = True
    ) -> Array | None:
        if not need_dx:
            return None
        dx = ctx.scratch("dx", dy.shape, dy.dtype)
        self._slope(cache, dx, ctx)
        np.multiply(dx, dy, out=dx)
        return dx

    @abstractmethod
    def _value(self, x: Array, y: Array, ctx: Context) -> Any:
        """Assign y = f(x); return what the slope is computed from."""

    @abstractmethod
    def _slope(self, cache: Any, slope: Array, ctx: Context) -> None:
        """Assign slope = f'(x)."""


def sigmoid(x: Array, out: Array, ctx: Context) -> None:
    """Assign 1 / (1 + exp(-x)), written as exp(min(x, 0)) / (1 + exp(-|x|)): never overflows."""
    below = ctx.scratch("1 + exp(-|x|)", x.shape, x.dtype)
    np.abs(x, out=below)
    np.negative(below, out=below)
    np.exp(below, out=below)
    np.add(below, 1, out=below)
    np.minimum(x, 0, out=out)
    np.exp(out, out=out)
    np.divide(out, below, out=out)
