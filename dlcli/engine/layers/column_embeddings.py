"""Column embeddings: columns of ids become the vectors that are learned for these ids."""

from functools import lru_cache
from typing import Any

import numpy as np

from dlcli.engine.context import Context
from dlcli.engine.initializers import Initializer, RandomUniform
from dlcli.engine.layer import Array, Layer, Params, Shape, ShapeError, Slot
from dlcli.engine.layers.lookup import add_by_id
from dlcli.engine.regularizers import Regularizer
from dlcli.frozen import frozen


@frozen
class ColumnEmbeddings(Layer):
    """Each column of ids is replaced by a vector for its id; all other columns stay.

        y = [x without the columns of ids, embeddings_1[x[:, position_1]], embeddings_2[...], ...]

        x (f,)     y (f - c + sum of d,)     embeddings_k (ids_k, d_k)
        dembeddings_k[i] = sum of dy's columns of the vector k over the rows whose id is i

    The columns that stay come first, in their order; then come the c vectors, in the order of
    their columns. An id behind the last, of a category that training did not meet, has a vector of
    zeros and learns nothing. The sums are made row by row, see `add_by_id`.

    columns: of each column of ids its position, the number of ids, and the length d of a vector;
        in the order of the positions.

    Source: Guo and Berkhahn, "Entity Embeddings of Categorical Variables" (2016); each vector is
    that of keras.layers.Embedding, with its initializer.
    """

    columns: tuple[tuple[int, int, int], ...]
    embeddings_initializer: Initializer = RandomUniform()
    embeddings_regularizer: Regularizer | None = None

    def id_columns(self) -> tuple[tuple[int, int], ...]:
        return tuple((position, ids) for position, ids, _ in self.columns)

    def slots(self, in_shape: Shape) -> dict[str, Slot]:
        self.out_shape(in_shape)
        slots = {
            f"embeddings_{number}": Slot(
                (ids, dim), self.embeddings_initializer, regularizer=self.embeddings_regularizer
            )
            for number, (_, ids, dim) in enumerate(self.columns, 1)
        }
        for slot in slots.values():
            slot.initializer.check(slot.shape)
        return slots

    def out_shape(self, in_shape: Shape) -> Shape:
        if len(in_shape) != 1:
            raise ShapeError(
                "column_embeddings needs rows of columns, shape (features,), but gets rows of "
                f"shape {in_shape}; put it before whatever changes the shape"
            )
        positions = [position for position, _, _ in self.columns]
        if positions != sorted(set(positions)) or not positions or positions[-1] >= in_shape[0]:
            raise ShapeError(
                f"column_embeddings cannot find columns of ids at the positions {positions} of "
                f"rows of shape {in_shape}"
            )
        return (_plan(self.columns, in_shape[0])[2],)

    def forward(self, p: Params, x: Array, ctx: Context, /) -> tuple[Array, Any]:
        runs, vectors, width = _plan(self.columns, x.shape[1])
        y = ctx.scratch("y", (len(x), width), x.dtype)
        for start, stop, at in runs:
            y[:, at : at + stop - start] = x[:, start:stop]
        for number, (position, ids, dim) in enumerate(self.columns, 1):
            found = self._ids(number, x[:, position], ctx)
            rows = ctx.scratch(("rows", number), (len(x), dim), x.dtype)
            np.take(p[f"embeddings_{number}"], found, axis=0, out=rows, mode="clip")
            if found.max(initial=0) >= ids:
                rows[found >= ids] = 0
            at = vectors[number - 1]
            y[:, at : at + dim] = rows
        return y, x

    def backward(
        self, p: Params, g: Params, cache: Any, dy: Array, ctx: Context, /, *, need_dx: bool = True
    ) -> Array | None:
        x: Array = cache
        runs, vectors, _ = _plan(self.columns, x.shape[1])
        for number, (position, ids, dim) in enumerate(self.columns, 1):
            if not g:  # nothing is learned by a frozen layer
                break
            found = self._ids(number, x[:, position], ctx)
            rows = ctx.scratch(("rows", number), (len(x), dim), x.dtype)
            at = vectors[number - 1]
            np.copyto(rows, dy[:, at : at + dim])
            if found.max(initial=0) >= ids:  # adding 0 changes no sum
                rows[found >= ids] = 0
                np.minimum(found, ids - 1, out=found)
            add_by_id(found, rows, g[f"embeddings_{number}"], ctx)
        if not need_dx:
            return None
        dx = ctx.scratch("dx", x.shape, x.dtype)
        dx.fill(0)
        for start, stop, at in runs:
            dx[:, start:stop] = dy[:, at : at + stop - start]
        return dx

    @staticmethod
    def _ids(number: int, column: Array, ctx: Context) -> Array:
        found = ctx.scratch(("ids", number), column.shape, np.intp)
        np.copyto(found, column, casting="unsafe")
        return found

    def flops(self, in_shape: Shape) -> int:
        return 0


Run = tuple[int, int, int]
"""Columns start .. stop of x that stay, and where the first of them is in y."""


@lru_cache
def _plan(
    columns: tuple[tuple[int, int, int], ...], width: int
) -> tuple[tuple[Run, ...], tuple[int, ...], int]:
    """The runs of columns that stay, where each vector begins in y, and the width of y."""
    runs: list[Run] = []
    at = start = 0
    for stop in (*(position for position, _, _ in columns), width):
        if stop > start:
            runs.append((start, stop, at))
            at += stop - start
        start = stop + 1
    vectors = []
    for _, _, dim in columns:
        vectors.append(at)
        at += dim
    return tuple(runs), tuple(vectors), at
