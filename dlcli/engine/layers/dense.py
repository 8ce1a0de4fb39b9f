"""Dense: every output is a weighted sum of all features, y = x @ kernel + bias."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from dlcli.engine.context import Context
from dlcli.engine.initializers import GlorotUniform, Initializer, Zeros
from dlcli.engine.layer import Array, Layer, Params, Shape, ShapeError, Slot, slots_of
from dlcli.engine.layers.biases import bias_slot
from dlcli.engine.products import row_product
from dlcli.engine.regularizers import Regularizer
from dlcli.engine.sums import sum_rows
from dlcli.frozen import frozen


@frozen
class Dense(Layer):
    """A fully connected layer.

        y = x @ kernel + bias          x (..., in), kernel (in, units), bias (units,)
        dkernel = x^T @ dy     dbias = sum of dy over rows     dx = dy @ kernel^T

    It works on the last axis. Rows with more axes, such as images, keep the others, so an image
    gives a vector for every pixel; for one vector per image put a `flatten` layer before it.

    Source: the formula and the treatment of axes are those of keras.layers.Dense.
    """

    affine = True
    passes_mask = True

    units: int
    use_bias: bool = True
    kernel_initializer: Initializer = GlorotUniform()
    bias_initializer: Initializer = Zeros()
    kernel_regularizer: Regularizer | None = None
    bias_regularizer: Regularizer | None = None

    def slots(self, in_shape: Shape) -> dict[str, Slot]:
        self.out_shape(in_shape)
        shape = in_shape[-1], self.units
        return slots_of(
            kernel=Slot(shape, self.kernel_initializer, regularizer=self.kernel_regularizer),
            bias=bias_slot(self, self.units),
        )

    def out_shape(self, in_shape: Shape) -> Shape:
        if not in_shape:
            raise ShapeError(
                "dense needs rows of features, shape (features,), but gets rows of shape (), "
                "single numbers; put a `reshape` layer with target_shape [1] before it"
            )
        return (*in_shape[:-1], self.units)

    def forward(self, p: Params, x: Array, ctx: Context, /) -> tuple[Array, Any]:
        rows = x.reshape(-1, x.shape[-1])
        y = ctx.scratch("y", (len(rows), self.units), x.dtype)
        row_product(rows, p["kernel"], y, len(x), ctx)
        if self.use_bias:
            np.add(y, p["bias"], out=y)
        return y.reshape(*x.shape[:-1], self.units), (rows, x.shape)

    def backward(
        self, p: Params, g: Params, cache: Any, dy: Array, ctx: Context, /, *, need_dx: bool = True
    ) -> Array | None:
        rows, x_shape = cache
        dy = dy.reshape(-1, self.units)
        if g:
            np.matmul(rows.T, dy, out=g["kernel"])
            if self.use_bias:
                sum_rows(dy, g["bias"], ctx)
        if not need_dx:
            return None
        dx = ctx.scratch("dx", rows.shape, rows.dtype)
        np.matmul(dy, p["kernel"].T, out=dx)
        return dx.reshape(x_shape)

    def scaled(self, p: Params, factor: Array) -> Mapping[str, Array]:
        return {"kernel": p["kernel"] * factor}

    def flops(self, in_shape: Shape) -> int:
        outputs = int(np.prod(self.out_shape(in_shape), dtype=np.int64))
        return outputs * (2 * in_shape[-1] + self.use_bias)
