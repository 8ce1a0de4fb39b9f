"""The merges: several inputs become one. MERGES lists them by the name they have in a config.

Inputs of `concatenate` may differ in their last axis, those of `dot` in more; all others take
inputs of one shape, number by number. Formulas are those of keras.layers of the same names.
"""

from abc import abstractmethod
from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np

from dlcli.engine.context import Context
from dlcli.engine.layer import Array, Merge, Shape, ShapeError
from dlcli.frozen import frozen


@frozen
class Alike(Merge):
    """What merges of inputs of one shape share."""

    passes_mask = True

    def out_shape(self, in_shapes: Sequence[Shape]) -> Shape:
        first = in_shapes[0]
        for shape in in_shapes[1:]:
            if shape != first:
                raise ShapeError(
                    f"all inputs must have rows of one shape, but they have {shown(in_shapes)}"
                )
        return first

    def forward(self, xs: Sequence[Array], ctx: Context, /) -> tuple[Array, Any]:
        y = ctx.scratch("y", xs[0].shape, xs[0].dtype)
        self._value(xs, y)
        return y, (xs, y)

    @abstractmethod
    def _value(self, xs: Sequence[Array], y: Array) -> None:
        """Assign y."""


@frozen
class Add(Alike):
    """y = x1 + x2 + ..., added in this order; dx = dy for each."""

    def _value(self, xs: Sequence[Array], y: Array) -> None:
        _fold(np.add, xs, y)

    def backward(
        self, cache: Any, dy: Array, ctx: Context, /, *, need_dx: Sequence[bool]
    ) -> Sequence[Array | None]:
        return [dy] * len(need_dx)


@frozen
class Subtract(Alike):
    """y = x1 - x2, of two inputs; dx1 = dy, dx2 = -dy."""

    def out_shape(self, in_shapes: Sequence[Shape]) -> Shape:
        if len(in_shapes) != 2:
            raise ShapeError(f"`subtract` takes two inputs, not {len(in_shapes)}")
        return super().out_shape(in_shapes)

    def _value(self, xs: Sequence[Array], y: Array) -> None:
        np.subtract(xs[0], xs[1], out=y)

    def backward(
        self, cache: Any, dy: Array, ctx: Context, /, *, need_dx: Sequence[bool]
    ) -> Sequence[Array | None]:
        if not need_dx[1]:
            return [dy, None]
        return [dy, np.negative(dy, out=ctx.scratch("dx", dy.shape, dy.dtype))]


@frozen
class Multiply(Alike):
    """y = x1 x2 ..., multiplied in this order; dx of one is dy times all others, in this order."""

    def _value(self, xs: Sequence[Array], y: Array) -> None:
        _fold(np.multiply, xs, y)

    def backward(
        self, cache: Any, dy: Array, ctx: Context, /, *, need_dx: Sequence[bool]
    ) -> Sequence[Array | None]:
        xs, _ = cache
        return [
            _fold(
                np.multiply,
                [dy, *xs[:place], *xs[place + 1 :]],
                ctx.scratch(("dx", place), dy.shape, dy.dtype),
            )
            if needed
            else None
            for place, needed in enumerate(need_dx)
        ]


@frozen
class Average(Alike):
    """y = (x1 + x2 + ...) / k of k inputs, added in this order; dx = dy / k for each."""

    def _value(self, xs: Sequence[Array], y: Array) -> None:
        _fold(np.add, xs, y)
        np.divide(y, y.dtype.type(len(xs)), out=y)

    def backward(
        self, cache: Any, dy: Array, ctx: Context, /, *, need_dx: Sequence[bool]
    ) -> Sequence[Array | None]:
        dx = ctx.scratch("dx", dy.shape, dy.dtype)
        return [np.divide(dy, dy.dtype.type(len(need_dx)), out=dx)] * len(need_dx)


@frozen
class Maximum(Alike):
    """y = the largest of the inputs, number by number; the first that is so large gets dy.

    Where inputs tie, Keras on TensorFlow gives dy to the first, too; PyTorch shares it out.
    """

    def _value(self, xs: Sequence[Array], y: Array) -> None:
        _fold(np.maximum, xs, y)

    def backward(
        self, cache: Any, dy: Array, ctx: Context, /, *, need_dx: Sequence[bool]
    ) -> Sequence[Array | None]:
        xs, y = cache
        left = ctx.scratch("left", y.shape, np.bool_)
        chosen = ctx.scratch("chosen", y.shape, np.bool_)
        left.fill(True)
        dxs: list[Array | None] = []
        for place, x in enumerate(xs):
            np.equal(x, y, out=chosen)
            np.logical_and(chosen, left, out=chosen)
            np.greater(left, chosen, out=left)  # left and not chosen
            dx = ctx.scratch(("dx", place), dy.shape, dy.dtype)
            dxs.append(np.multiply(dy, chosen, out=dx) if need_dx[place] else None)
        return dxs


@frozen
class Concatenate(Merge):
    """y holds the inputs side by side along the last axis; each dx is its part of dy.

    Inputs may differ in the last axis only; its lengths add up.
    """

    passes_mask = True

    def out_shape(self, in_shapes: Sequence[Shape]) -> Shape:
        first = in_shapes[0]
        if not first or any(shape[:-1] != first[:-1] or not shape for shape in in_shapes):
            raise ShapeError(
                "inputs of `concatenate` may differ in their last axis only, but they have rows of "
                f"{shown(in_shapes)}"
            )
        return (*first[:-1], sum(shape[-1] for shape in in_shapes))

    def forward(self, xs: Sequence[Array], ctx: Context, /) -> tuple[Array, Any]:
        widths = [x.shape[-1] for x in xs]
        y = ctx.scratch("y", (*xs[0].shape[:-1], sum(widths)), xs[0].dtype)
        np.concatenate(xs, axis=-1, out=y)
        return y, widths

    def backward(
        self, cache: Any, dy: Array, ctx: Context, /, *, need_dx: Sequence[bool]
    ) -> Sequence[Array | None]:
        dxs: list[Array | None] = []
        start = 0
        for place, width in enumerate(cache):
            part = dy[..., start : start + width]
            start += width
            dx = ctx.scratch(("dx", place), part.shape, dy.dtype)
            if need_dx[place]:
                np.copyto(dx, part)
            dxs.append(dx if need_dx[place] else None)
        return dxs

    def flops(self, in_shapes: Sequence[Shape]) -> int:
        return 0


@frozen
class Dot(Merge):
    """The products of two inputs, summed over one axis of each.

        y[i.., j..] = sum over k of x1[i.., k] x2[j.., k]     k: the summed axes, in their places
        dx1 = dy summed with x2 over j..                      dx2 = dy summed with x1 over i..

    The axes that are left, of x1 and then of x2, are those of y; of two vectors, y is (1,).

    axes: the axis that is summed over, of both inputs or of each; 1 is a row's first, negative
        ones count from the last.
    normalize: scale both to the length 1 along that axis first (so y is a cosine):
        x / sqrt(max(sum of x^2, 1e-12)).
    """

    axes: tuple[int, int] = (-1, -1)
    normalize: bool = False

    def out_shape(self, in_shapes: Sequence[Shape]) -> Shape:
        if len(in_shapes) != 2:
            raise ShapeError(f"`dot` takes two inputs, not {len(in_shapes)}")
        left, right = self._places(in_shapes)
        first, second = in_shapes
        if first[left] != second[right]:
            raise ShapeError(
                f"`dot` sums over axis {self.axes[0]} of its first input and {self.axes[1]} of its "
                f"second, which must be of one length, but they have rows of {shown(in_shapes)}"
            )
        return (*_without(first, left), *_without(second, right)) or (1,)

    def _places(self, in_shapes: Sequence[Shape]) -> tuple[int, int]:
        """The summed axes, counted from a row's first as 0."""
        places = []
        for axis, shape in zip(self.axes, in_shapes, strict=True):
            place = axis - 1 if axis > 0 else axis + len(shape)
            if axis == 0 or not 0 <= place < len(shape):
                raise ShapeError(f"there is no axis {axis} in rows of {shape}; the first one is 1")
            places.append(place)
        return places[0], places[1]

    def forward(self, xs: Sequence[Array], ctx: Context, /) -> tuple[Array, Any]:
        places = self._places([x.shape[1:] for x in xs])
        lengths: list[Array | None] = [None, None]
        matrices = []
        for side, (x, place) in enumerate(zip(xs, places, strict=True)):
            last = np.moveaxis(x, place + 1, -1)
            matrix = ctx.scratch(("x", side), last.shape, x.dtype)
            np.copyto(matrix, last)
            matrix = matrix.reshape(len(x), -1, last.shape[-1])
            if self.normalize:
                squares = np.add.reduce(np.multiply(matrix, matrix), axis=-1, keepdims=True)
                lengths[side] = length = np.sqrt(np.maximum(squares, x.dtype.type(1e-12)))
                np.divide(matrix, length, out=matrix)
            matrices.append(matrix)
        first, second = matrices
        y = ctx.scratch("y", (len(first), first.shape[1], second.shape[1]), first.dtype)
        np.matmul(first, second.transpose(0, 2, 1), out=y)
        shape = self.out_shape([x.shape[1:] for x in xs])
        return y.reshape(len(y), *shape), (matrices, lengths, places, [x.shape for x in xs])

    def backward(
        self, cache: Any, dy: Array, ctx: Context, /, *, need_dx: Sequence[bool]
    ) -> Sequence[Array | None]:
        matrices, lengths, places, shapes = cache
        first, second = matrices
        dy = dy.reshape(len(dy), first.shape[1], second.shape[1])
        parts = [(dy, second), (dy.transpose(0, 2, 1), first)]
        dxs: list[Array | None] = []
        for side, (left, right) in enumerate(parts):
            if not need_dx[side]:
                dxs.append(None)
                continue
            d = np.matmul(left, right)
            if self.normalize:
                d = _through_length(d, matrices[side], lengths[side])
            shape, place = shapes[side], places[side] + 1
            last = d.reshape(*_without(shape, place), shape[place])
            dx = ctx.scratch(("dx", side), shape, dy.dtype)
            np.copyto(dx, np.moveaxis(last, -1, place))
            dxs.append(dx)
        return dxs

    def flops(self, in_shapes: Sequence[Shape]) -> int:
        left, _ = self._places(in_shapes)
        return 2 * prod(self.out_shape(in_shapes)) * in_shapes[0][left]


def _through_length(d: Array, unit: Array, length: Array) -> Array:
    """The gradient before a division by the length: (d - unit (d . unit)) / length.

    Where the length is the floor, it is a constant.
    """
    along = np.add.reduce(d * unit, axis=-1, keepdims=True)
    floor = np.sqrt(length.dtype.type(1e-12))
    dx: Array = (d - unit * np.where(length > floor, along, length.dtype.type(0))) / length
    return dx


def _fold(ufunc: np.ufunc, xs: Sequence[Array], out: Array) -> Array:
    """Assign ufunc(ufunc(x1, x2), x3) ... to out, and return it."""
    ufunc(xs[0], xs[1], out=out)
    for x in xs[2:]:
        ufunc(out, x, out=out)
    return out


def _without(shape: Shape, place: int) -> Shape:
    return (*shape[:place], *shape[place + 1 :])


def shown(shapes: Sequence[Shape]) -> str:
    """Shapes for people.

    >>> shown([(3,), (4, 2)])
    '(3,) and (4, 2)'
    """
    first = [str(shape) for shape in shapes]
    return " and ".join(filter(None, [", ".join(first[:-1]), first[-1]]))


MERGES: dict[str, type[Merge]] = {
    "add": Add,
    "average": Average,
    "concatenate": Concatenate,
    "dot": Dot,
    "maximum": Maximum,
    "multiply": Multiply,
    "subtract": Subtract,
}
