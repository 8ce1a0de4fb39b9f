"""Vectors that are looked up by ids: words of a text, categories of a column."""

from typing import Any

import numpy as np

from dlcli.engine.context import Context
from dlcli.engine.initializers import Initializer, RandomUniform
from dlcli.engine.layer import Array, Fault, Layer, Params, Shape, ShapeError, Slot
from dlcli.engine.regularizers import Regularizer
from dlcli.frozen import frozen


def add_by_id(ids: Array, dy: Array, out: Array, ctx: Context) -> None:
    """Assign to each row of `out` the sum of the rows of dy that have its number as their id.

    ids (n,) whole numbers, dy (n, d), out (vocabulary, d). Rows with the same id are added one by
    one, in the order of dy, beginning with 0; so the bits depend neither on the processor nor on
    other ids. It is written number by number, because for vectors `np.add.at` is a loop that runs
    three times faster than for matrices (6,400 rows of 64 numbers: 0.9 against 2.8 ms).
    """
    width = dy.shape[1]
    first = ctx.scratch("first place", (len(ids), 1), np.intp)
    places = ctx.scratch("places", dy.shape, np.intp)
    np.multiply(ids.reshape(-1, 1), width, out=first)
    np.add(first, np.arange(width), out=places)
    out.fill(0)
    np.add.at(out.reshape(-1), places.reshape(-1), dy.reshape(-1))


def fault_of_ids(x: Array, vocabulary: int) -> Fault | None:
    """The first row in which a number is none of 0, 1, ..., vocabulary - 1."""
    with np.errstate(invalid="ignore"):
        good = (x >= 0) & (x < vocabulary) & (np.floor(x) == x)
    if good.all():
        return None
    row, *place = (int(index) for index in np.unravel_index(int(np.argmin(good)), x.shape))
    return Fault(row, tuple(place), f"ids, whole numbers from 0 to {vocabulary - 1:,}")


@frozen
class Embedding(Layer):
    """Each id becomes its row of a table, which is learned: y = embeddings[x].

        x (...) ids 0 .. input_dim - 1       embeddings (input_dim, output_dim)
        dembeddings[id] = sum of dy where x is id, in the order of the rows        dx = 0

    Ids come as float32, which holds all whole numbers below 2^24. Which of them are none is looked
    at before anything is computed (`fault`); forward reads no other row than the nearest for them.

    mask_zero: the id 0 stands for no step; y has a mask that is true where x is not 0. Its row of
        the table is there, and is trained as far as anybody reads it.

    Source: options and defaults are those of keras.layers.Embedding.
    """

    takes_ids = True

    input_dim: int
    output_dim: int
    embeddings_initializer: Initializer = RandomUniform()
    embeddings_regularizer: Regularizer | None = None
    mask_zero: bool = False

    def slots(self, in_shape: Shape) -> dict[str, Slot]:
        shape = self.input_dim, self.output_dim
        table = Slot(shape, self.embeddings_initializer, regularizer=self.embeddings_regularizer)
        return {"embeddings": table}

    def out_shape(self, in_shape: Shape) -> Shape:
        if self.mask_zero and len(in_shape) != 1:
            raise ShapeError(
                "embedding with `mask_zero` needs rows of ids, shape (steps,), but gets rows of "
                f"shape {in_shape}"
            )
        return (*in_shape, self.output_dim)

    def fault(self, x: Array) -> Fault | None:
        return fault_of_ids(x, self.input_dim)

    def makes_mask(self) -> bool:
        return self.mask_zero

    def mask(self, cache: Any, ctx: Context, /) -> Array:
        mask = ctx.scratch("mask", cache.shape, np.bool_)
        np.not_equal(cache, 0, out=mask)
        return mask

    def forward(self, p: Params, x: Array, ctx: Context, /) -> tuple[Array, Any]:
        table = p["embeddings"]
        ids = ctx.scratch("ids", x.shape, np.intp)
        np.copyto(ids, x, casting="unsafe")
        y = ctx.scratch("y", (*x.shape, self.output_dim), table.dtype)
        # With mode="raise" NumPy would gather into a buffer first.
        np.take(table, ids, axis=0, out=y, mode="clip")
        return y, ids

    def backward(
        self, p: Params, g: Params, cache: Any, dy: Array, ctx: Context, /, *, need_dx: bool = True
    ) -> Array | None:
        if g:  # nothing is learned by a frozen layer
            add_by_id(cache.reshape(-1), dy.reshape(-1, self.output_dim), g["embeddings"], ctx)
        if not need_dx:
            return None
        dx = ctx.scratch("dx", cache.shape, dy.dtype)
        dx.fill(0)
        return dx

    def flops(self, in_shape: Shape) -> int:
        return 0
