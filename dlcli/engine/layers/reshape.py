"""Other shapes for the same numbers. Nothing is copied: y and dx are views of x and dy."""

from typing import Any

import numpy as np

from dlcli.engine.context import Context
from dlcli.engine.layer import Array, Layer, Params, Shape, ShapeError
from dlcli.frozen import frozen


@frozen
class Flatten(Layer):
    """Rows of any shape become vectors, in row-major order: (2, 3) becomes (6,)."""

    def out_shape(self, in_shape: Shape) -> Shape:
        return (int(np.prod(in_shape, dtype=np.int64)),)

    def forward(self, p: Params, x: Array, ctx: Context, /) -> tuple[Array, Any]:
        return x.reshape(len(x), *self.out_shape(x.shape[1:])), x.shape

    def backward(
        self, p: Params, g: Params, cache: Any, dy: Array, ctx: Context, /, *, need_dx: bool = True
    ) -> Array | None:
        return dy.reshape(cache) if need_dx else None

    def flops(self, in_shape: Shape) -> int:
        return 0


@frozen
class Reshape(Layer):
    """Rows get another shape with as many numbers, in row-major order.

    target_shape: the shape of a row; one length may be -1 and is then worked out.
    """

    target_shape: Shape

    def out_shape(self, in_shape: Shape) -> Shape:
        target = tuple(self.target_shape)
        if target.count(-1) > 1 or any(length < 1 and length != -1 for length in target):
            raise ShapeError(
                f"reshape cannot use the target_shape {list(target)}: its lengths must be at "
                "least 1, except for one that may be -1"
            )
        size = int(np.prod(in_shape, dtype=np.int64))
        known = int(np.prod([length for length in target if length != -1], dtype=np.int64))
        if size % known if -1 in target else size != known:
            raise ShapeError(
                f"reshape cannot turn rows of shape {in_shape}, {size} numbers, into "
                f"{list(target)}, which needs {'a multiple of ' * (-1 in target)}{known}; "
                "choose a target_shape with as many numbers"
            )
        return tuple(size // known if length == -1 else length for length in target)

    def forward(self, p: Params, x: Array, ctx: Context, /) -> tuple[Array, Any]:
        return x.reshape(len(x), *self.out_shape(x.shape[1:])), x.shape

    def backward(
        self, p: Params, g: Params, cache: Any, dy: Array, ctx: Context, /, *, need_dx: bool = True
    ) -> Array | None:
        return dy.reshape(cache) if need_dx else None

    def flops(self, in_shape: Shape) -> int:
        return 0
