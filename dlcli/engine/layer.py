"""What a layer is: the page to read first.

A layer is a function of (parameters, input) together with its derivative. It is a frozen
dataclass of choices (units, strides, ...) and stores nothing else: parameters, gradients and
whatever backward needs to remember are plain arrays that are handed in and out. So a layer can
serve many threads at once.

Letters, used for arrays whose role is fixed by this contract:

    x   input    (n, *in_shape), n rows; images are (n, height, width, channels)
    y   output   (n, *out_shape)
    p   the layer's parameters, by slot name        read-only
    g   the gradients of p, same names and shapes   assigned in full by backward, never added to;
        for large kernels perhaps as two factors    see Layer.factors
    dy, dx  the gradients of the loss with respect to y and x
    ctx what one pass of one shard may use: scratch memory, randomness, mode (see context.py)

Shapes named in a contract (`in_shape`, `out_shape`) are those of one row, without n.

Laws, which `tests/engine/cases.py` checks for every layer: `out_shape` is true; gradients match
central differences in float64; x, p and dy are left untouched; every array of g is assigned;
the results of shards add up to those of the batch; two interleaved passes equal two separate
ones; `need_dx=False` gives the same g.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from dlcli.engine.context import Context
    from dlcli.engine.initializers import Initializer

Array = npt.NDArray[Any]
Shape = tuple[int, ...]
Params = Mapping[str, Array]


class ShapeError(ValueError):
    """A layer cannot take its input. The message is in plain words and names both shapes."""


@dataclass(frozen=True)
class Slot:
    """Room for one array that a layer needs, before any memory exists.

    kind: "trained" by the optimizer, or "observed" (a running statistic that no gradient
    touches).
    """

    shape: Shape
    initializer: "Initializer"
    kind: Literal["trained", "observed"] = "trained"


class Layer(ABC):
    """A function of (parameters, input) and its derivative; see the module's docstring."""

    def slots(self, in_shape: Shape) -> dict[str, Slot]:
        """The arrays this layer needs, by name (`kernel`, `bias`); none unless overridden."""
        return {}

    def factors(self, in_shape: Shape) -> dict[str, tuple[int, int]]:
        """The slots whose gradient is a product of two matrices with a row for each row of x.

        By slot, the columns (a, b) of the two: g[slot] = left^T @ right has the shape (a, b). Where
        g holds `<slot>.left` and `<slot>.right` (n rows or more) in place of the slot, backward
        assigns their first n rows instead, and leaves the product to whoever asked. None unless
        overridden.
        """
        return {}

    @abstractmethod
    def out_shape(self, in_shape: Shape) -> Shape:
        """The shape of one output row; raises ShapeError where the input does not fit."""

    @abstractmethod
    def forward(self, p: Params, x: Array, ctx: "Context", /) -> tuple[Array, Any]:
        """Return (y, cache); the cache is whatever backward wants to be handed again."""

    @abstractmethod
    def backward(
        self,
        p: Params,
        g: Params,
        cache: Any,
        dy: Array,
        ctx: "Context",
        /,
        *,
        need_dx: bool = True,
    ) -> Array | None:
        """Assign every array of g; return dx, or None when `need_dx` is false."""

    def flops(self, in_shape: Shape) -> int:
        """Floating point operations of forward for one row (a multiply-add counts two)."""
        return int(np.prod(self.out_shape(in_shape), dtype=np.int64))
