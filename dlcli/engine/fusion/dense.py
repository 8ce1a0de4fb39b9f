"""Dense layers, together with what stands before and after them."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from dlcli.engine.arrays import Factors
from dlcli.engine.context import Context
from dlcli.engine.fusion.following import ALONE, Fused, followers
from dlcli.engine.fusion.positions import constant
from dlcli.engine.graph import Node
from dlcli.engine.layer import Array, Layer, Params, Shape, Slot
from dlcli.engine.layers.activations import Relu
from dlcli.engine.layers.dense import Dense
from dlcli.engine.layers.reshape import Flatten
from dlcli.engine.products import row_product
from dlcli.frozen import frozen


@frozen
class FusedDense(Layer):
    """flatten or nothing, dense, relu or nothing: the same arithmetic in fewer calls.

    Bias and relu work in place on the product, and so does relu's gradient on a copy of dy. The
    results are those of the plain layers to the last bit. The gradient of the kernel can also be
    had as its two factors, x and the gradient before relu.
    """

    dense: Dense
    flatten: Flatten | None = None
    relu: Relu | None = None

    def slots(self, in_shape: Shape) -> dict[str, Slot]:
        return self.dense.slots(self._dense_shape(in_shape))

    def out_shape(self, in_shape: Shape) -> Shape:
        return self.dense.out_shape(self._dense_shape(in_shape))

    def factors(self, in_shape: Shape) -> dict[str, tuple[int, int]]:
        shape = self._dense_shape(in_shape)
        return {"kernel": (shape[0], self.dense.units)} if len(shape) == 1 else {}

    def flops(self, in_shape: Shape) -> int:
        """Those of the plain layers, so that rates can be compared."""
        total = self.dense.flops(self._dense_shape(in_shape))
        return total if self.relu is None else total + self.relu.flops(self.out_shape(in_shape))

    def _dense_shape(self, in_shape: Shape) -> Shape:
        return in_shape if self.flatten is None else self.flatten.out_shape(in_shape)

    def forward(self, p: Params, x: Array, ctx: Context, /) -> tuple[Array, Any]:
        kernel = p["kernel"]
        if x.flags.c_contiguous:
            rows = x.reshape(-1, kernel.shape[0])
        else:
            copy = ctx.scratch("x", x.shape, x.dtype)
            np.copyto(copy, x)
            rows = copy.reshape(-1, kernel.shape[0])
        y = ctx.scratch("y", (len(rows), self.dense.units), x.dtype)
        row_product(rows, kernel, y, len(x), ctx)
        if self.dense.use_bias:
            np.add(y, p["bias"], out=y)
        if self.relu is not None:
            np.maximum(y, constant(0.0, y.shape, y.dtype), out=y)
        if x.ndim == 2 or self.flatten is not None:
            return y, (rows, y, x.shape)
        return y.reshape(*x.shape[:-1], self.dense.units), (rows, y, x.shape)

    def backward(
        self, p: Params, g: Params, cache: Any, dy: Array, ctx: Context, /, *, need_dx: bool = True
    ) -> Array | None:
        rows, y, x_shape = cache
        dy = dy.reshape(y.shape)
        kernel: Any = g.get("kernel")
        factors = kernel if isinstance(kernel, Factors) else None
        dz = ctx.scratch("dz", y.shape, y.dtype) if factors is None else factors.right[: len(y)]
        if self.relu is not None:
            above = ctx.scratch("above", y.shape, np.bool_)
            np.greater(y, constant(0.0, y.shape, y.dtype), out=above)
            np.copyto(dz, above)  # faster than a mask as an operand
            dy = np.multiply(dz, dy, out=dz)
        elif factors is not None:
            np.copyto(dz, dy)
        if factors is not None:
            np.copyto(factors.left[: len(y)], rows)
        elif g:
            np.matmul(rows.T, dy, out=kernel)
        if g and self.dense.use_bias:
            np.matmul(constant(1.0, y.shape[:1], y.dtype), dy, out=g["bias"])
        if not need_dx:
            return None
        dx = ctx.scratch("dx", rows.shape, rows.dtype)
        np.matmul(dy, p["kernel"].T, out=dx)
        return dx.reshape(x_shape)


def dense(nodes: Sequence[Node]) -> Fused:
    """[flatten] dense [relu], also for a dense layer by itself."""
    head = nodes[0].layer
    flatten = head if isinstance(head, Flatten) else None
    at = 1 if flatten is not None and len(nodes) > 1 else 0
    layer = nodes[at].layer
    if not isinstance(layer, Dense):
        return ALONE
    count, relu, _ = followers(nodes[at:])
    return at + count, FusedDense(layer, flatten, relu), at
