"""What is done to features before a network sees them, as choices.

A Transform is a frozen dataclass of choices. `fit` looks at the training rows, as the transforms
before it left them, and returns a Fitted step, which holds what was learned as plain arrays.

Numbers are computed in float32 when the stored rows are float32 or integers of at most 16 bits,
else in float64; statistics are always float64 sums in index order. A column of text holds codes
until one_hot or category turns it into numbers, and every other transform leaves it as it is.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace

import numpy as np

from dlcli.data.choosing import Chosen, choose, require_table
from dlcli.data.dataset import Array, ColumnKind, Shape
from dlcli.data.encoders import Category, OneHot
from dlcli.data.fitted import Affine, Reshaped, Transposed
from dlcli.data.fitting import Misfit, TrainingRows, Transform
from dlcli.data.statistics import extremes, finite, scaled_moments, unit
from dlcli.frozen import frozen

__all__ = [
    "TRANSFORMS",
    "Category",
    "MinMax",
    "Misfit",
    "OneHot",
    "Rescale",
    "ReshapeRows",
    "Standardize",
    "TrainingRows",
    "Transform",
    "Transpose",
]


@frozen
class Rescale(Transform):
    """y = x * scale + offset, as Keras's Rescaling."""

    fitted = Affine

    scale: float
    offset: float = 0.0
    columns: Chosen = None

    def shape_after(self, shape: Shape) -> Shape:
        require_table(self.columns, shape)
        return shape

    def fit(self, rows: TrainingRows) -> Affine:
        some = _Some.of(rows, self.columns, "rescale")
        scale, offset = np.array(self.scale, np.float64), np.array(self.offset, np.float64)
        return Affine(
            rows.shape,
            multiply=some.only(scale, 1.0),
            add=some.only(offset, some.nothing) if self.offset else None,
        )


@frozen
class Standardize(Transform):
    """y = (x - mean) / sqrt(variance), each per last axis, as Keras's Normalization.

    The variance is that of the whole training part (divided by n); where it is zero the
    difference is divided by one.
    """

    fitted = Affine

    columns: Chosen = None

    def shape_after(self, shape: Shape) -> Shape:
        require_table(self.columns, shape)
        return shape

    def fit(self, rows: TrainingRows) -> Affine:
        some = _Some.of(rows, self.columns, "standardize")
        mean, deviation, exponent = scaled_moments(some.rows.chunks)
        plain = np.ldexp(deviation, exponent)
        small = plain < np.finfo(rows.dtype).tiny
        if not small.any():
            return Affine(rows.shape, subtract=np.ldexp(mean, exponent), divide=plain)
        # Neither the mean nor the deviation of such columns is held well by the working type, so
        # they are brought near 1 by a power of two first; both steps before `multiply` are exact.
        smallest = np.finfo(rows.dtype).smallest_subnormal
        power = np.maximum(np.frexp(deviation)[1] + exponent, np.frexp(smallest)[1] - 1)
        center = np.ldexp(mean, exponent).astype(rows.dtype).astype(np.float64)
        deviation, mean = (np.ldexp(value, exponent - power) for value in (deviation, mean))
        rest = (np.ldexp(center, -power) - mean) / deviation
        return Affine(
            rows.shape,
            subtract=some.only(np.where(small, center, np.ldexp(mean, power)), 0.0),
            divide=some.only(np.where(small, np.ldexp(1.0, power), plain), 1.0),
            multiply=some.only(np.where(small, 1.0 / deviation, 1.0), 1.0),
            add=some.only(np.where(small, rest, 0.0), some.nothing),
        )


@frozen
class MinMax(Transform):
    """y = (x - low) * (maximum - minimum) / (high - low) + minimum, each per last axis.

    low and high are the extremes of the training part; where they are equal, y = minimum.
    """

    fitted = Affine

    minimum: float = 0.0
    maximum: float = 1.0
    columns: Chosen = None

    def shape_after(self, shape: Shape) -> Shape:
        require_table(self.columns, shape)
        if not self.minimum < self.maximum:
            raise Misfit(f"minimum {self.minimum:g} must be below maximum {self.maximum:g}.")
        return shape

    def fit(self, rows: TrainingRows) -> Affine:
        self.shape_after(rows.shape)
        some = _Some.of(rows, self.columns, "min_max")
        low, high = extremes(some.rows.chunks)
        constant = high == low
        with np.errstate(over="ignore"):
            width = finite(high - low)
        # A width whose inverse the working type cannot hold is brought near 1 beforehand.
        exponent = unit(np.where(constant, 1.0, width), rows.dtype)
        divide = np.ldexp(1.0, exponent) if exponent.any() else None
        spread = self.maximum - self.minimum
        factor = np.where(
            constant, 0.0, spread / np.ldexp(np.where(constant, 1.0, width), -exponent)
        )
        add = some.only(np.full(low.shape, self.minimum), some.nothing)
        return Affine(
            rows.shape,
            subtract=low,
            divide=divide,
            multiply=some.only(finite(factor), 1.0),
            add=add if add.any() else None,
        )


@frozen
class _Some:
    """The training rows of which some columns are chosen.

    rows: with zeros in all other columns, so that these have no statistics: none that overflow,
        and a mean of 0 and a deviation of 1. What is learned of a column does not depend on which
        others are chosen.
    mask: whether each number of the last axis is chosen.
    nothing: what is added to the others so that they keep every bit. -0.0 + -0.0 is -0.0, and
        -0.0 + 0.0 is not; but text has codes from 0 on, for which runs have always had 0.0.
    """

    rows: TrainingRows
    mask: Array
    nothing: Array

    @staticmethod
    def of(rows: TrainingRows, chosen: Chosen, word: str) -> "_Some":
        """All but text and ids, unless something else is chosen."""
        numbers: tuple[ColumnKind, ...] = ("numeric", "indicator")
        mask = choose(chosen, rows, word, numbers, numbers)
        text = [column.kind == "text" for column in rows.columns or ()]
        nothing = np.where(text, 0.0, -0.0) if text else np.array(-0.0)
        if mask.all():
            return _Some(rows, mask, nothing)

        def chunks() -> Iterator[Array]:
            for chunk in rows.chunks():
                yield np.where(mask, chunk, chunk.dtype.type(0))

        return _Some(replace(rows, chunks=chunks), mask, nothing)

    def only(self, constant: Array, otherwise: Array | float) -> Array:
        """The constant for the chosen columns, for the others this one."""
        return constant if self.mask.all() else np.where(self.mask, constant, otherwise)


@frozen
class ReshapeRows(Transform):
    """The row's numbers in C order in another shape; one length may be -1."""

    fitted = Reshaped

    target_shape: tuple[int, ...]

    def shape_after(self, shape: Shape) -> Shape:
        size = _size(shape)
        known = _size(length for length in self.target_shape if length != -1)
        wild = self.target_shape.count(-1)
        if wild > 1 or known < 1 or any(length < -1 for length in self.target_shape):
            raise Misfit(f"target_shape {self.target_shape} must be positive, with one -1 at most.")
        if size % known or (not wild and known != size):
            raise Misfit(
                f"a row of shape {shape} has {size} numbers, which do not make the shape "
                f"{self.target_shape}."
            )
        return tuple(size // known if length == -1 else length for length in self.target_shape)

    def fit(self, rows: TrainingRows) -> Reshaped:
        kinds = {column.kind for column in rows.columns or ()}
        if "text" in kinds:
            raise Misfit("a row still has text columns; put one_hot before reshape.")
        after = self.shape_after(rows.shape)
        if "category" in kinds and after != rows.shape:
            raise Misfit(
                "a row has columns of ids, which the layer column_embeddings must find: put a "
                "layer `reshape` behind that one in place of this transform."
            )
        return Reshaped(rows.shape, after)


@frozen
class Transpose(Transform):
    """The axes of a row in another order, as Keras's Permute.

    dims: axis i of the result is axis dims[i] of the row, counted from 1 (the rows themselves do
        not count): [2, 3, 1] makes (channels, height, width) (height, width, channels).
    """

    fitted = Transposed

    dims: tuple[int, ...]

    def shape_after(self, shape: Shape) -> Shape:
        if sorted(self.dims) != list(range(1, len(shape) + 1)):
            raise Misfit(
                f"dims {list(self.dims)} must hold each of {', '.join(map(str, _axes(shape)))} "
                f"once, because a row of shape {shape} has {len(shape)} "
                f"{'axis' if len(shape) == 1 else 'axes'}."
            )
        return tuple(shape[axis - 1] for axis in self.dims)

    def fit(self, rows: TrainingRows) -> Transposed:
        self.shape_after(rows.shape)
        return Transposed(rows.shape, self.dims)


TRANSFORMS: dict[str, type[Transform]] = {
    "rescale": Rescale,
    "standardize": Standardize,
    "min_max": MinMax,
    "one_hot": OneHot,
    "category": Category,
    "reshape": ReshapeRows,
    "transpose": Transpose,
}


def _axes(shape: Shape) -> range:
    return range(1, len(shape) + 1)


def _size(lengths: Iterable[int]) -> int:
    size = 1
    for length in lengths:
        size *= length
    return size
