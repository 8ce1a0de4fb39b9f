"""What is done to features before a network sees them, as choices.

A Transform is a frozen dataclass of choices. `fit` looks at the training rows, as the transforms
before it left them, and returns a Fitted step, which holds what was learned as plain arrays.

Numbers are computed in float32 when the stored rows are float32 or integers of at most 16 bits,
else in float64; statistics are always float64 sums in index order. A column of text holds codes
until one_hot turns it into numbers, and every other transform leaves it as it is.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from dlcli.data.dataset import Array, Shape
from dlcli.data.fitted import (
    Affine,
    Category,
    Columns,
    Encoded,
    Fitted,
    Reshaped,
    Transposed,
)
from dlcli.data.names import place_of, suggestion
from dlcli.data.statistics import extremes, finite, scaled_moments, unit


class Misfit(ValueError):
    """A transform cannot work on what it is given; the message is in plain words."""


@dataclass(frozen=True)
class Rows:
    """The training rows as the steps so far leave them.

    chunks: goes through the rows in index order, anew with each call.
    dtype: what the steps compute in.
    """

    shape: Shape
    columns: Columns
    chunks: Callable[[], Iterator[Array]]
    dtype: np.dtype[np.floating]


class Transform(ABC):
    """A frozen dataclass of choices."""

    fitted: ClassVar[type[Fitted]]
    """What fitting makes of it."""

    @abstractmethod
    def shape_after(self, shape: Shape) -> Shape | None:
        """The shape of a row afterwards, None where only fitting tells; Misfit where the
        transform cannot work on this shape."""

    @abstractmethod
    def fit(self, rows: Rows) -> Fitted:
        """The step, fitted on the training rows; Misfit or DataError where that fails."""


@dataclass(frozen=True)
class Rescale(Transform):
    """y = x * scale + offset, as Keras's Rescaling."""

    fitted = Affine

    scale: float
    offset: float = 0.0

    def shape_after(self, shape: Shape) -> Shape:
        return shape

    def fit(self, rows: Rows) -> Affine:
        scale, offset = np.array(self.scale, np.float64), np.array(self.offset, np.float64)
        text = _text_columns(rows.columns)
        if text.any():
            scale, offset = np.where(text, 1.0, scale), np.where(text, 0.0, offset)
        return Affine(rows.shape, multiply=scale, add=offset if self.offset else None)


@dataclass(frozen=True)
class Standardize(Transform):
    """y = (x - mean) / sqrt(variance), each per last axis, as Keras's Normalization.

    The variance is that of the whole training part (divided by n); where it is zero the
    difference is divided by one.
    """

    fitted = Affine

    def shape_after(self, shape: Shape) -> Shape:
        return shape

    def fit(self, rows: Rows) -> Affine:
        mean, deviation, exponent = scaled_moments(rows.chunks)
        text = _text_columns(rows.columns)
        if text.any():
            mean, deviation = np.where(text, 0.0, mean), np.where(text, 1.0, deviation)
            exponent = np.where(text, 0, exponent)
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
            subtract=np.where(small, center, np.ldexp(mean, power)),
            divide=np.where(small, np.ldexp(1.0, power), plain),
            multiply=np.where(small, 1.0 / deviation, 1.0),
            add=np.where(small, rest, 0.0),
        )


@dataclass(frozen=True)
class MinMax(Transform):
    """y = (x - low) * (maximum - minimum) / (high - low) + minimum, each per last axis.

    low and high are the extremes of the training part; where they are equal, y = minimum.
    """

    fitted = Affine

    minimum: float = 0.0
    maximum: float = 1.0

    def shape_after(self, shape: Shape) -> Shape:
        if not self.minimum < self.maximum:
            raise Misfit(f"minimum {self.minimum:g} must be below maximum {self.maximum:g}.")
        return shape

    def fit(self, rows: Rows) -> Affine:
        self.shape_after(rows.shape)
        low, high = extremes(rows.chunks)
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
        minimum = np.full(low.shape, self.minimum)
        text = _text_columns(rows.columns)
        if text.any():
            low, factor = np.where(text, 0.0, low), np.where(text, 1.0, factor)
            divide = None if divide is None else np.where(text, 1.0, divide)
            minimum = np.where(text, 0.0, minimum)
        add = minimum if minimum.any() else None
        return Affine(rows.shape, subtract=low, divide=divide, multiply=finite(factor), add=add)


@dataclass(frozen=True)
class OneHot(Transform):
    """A column of categories becomes one column of 0 and 1 per category.

    columns: names of columns of text or of whole numbers (for rows without names, their
        positions); by default every text column. Categories are those of the training part,
        in ascending order; a value that it does not have is an error.
    """

    fitted = Encoded

    columns: tuple[str, ...] | None = None

    def shape_after(self, shape: Shape) -> None:
        if len(shape) != 1:
            raise Misfit(f"one_hot encodes columns of a table, but a row has shape {shape}.")

    def fit(self, rows: Rows) -> Encoded:
        self.shape_after(rows.shape)
        names = _names(rows)
        if self.columns is None:
            positions = np.flatnonzero(_text_columns(rows.columns)).tolist()
            if not positions:
                raise Misfit("there is no text column to encode; name the columns to encode.")
        else:
            positions = [_position(names, name) for name in self.columns]
        if len(set(positions)) < len(positions) or not positions:
            raise Misfit("one_hot must name at least one column, and none twice.")
        found: dict[int, Array] = {}
        for chunk in rows.chunks():
            for j in positions:
                values = np.unique(chunk[:, j].astype(np.float64))
                found[j] = np.union1d(found[j], values) if j in found else values
        categories = [_category(j, found[j], names[j], rows.columns) for j in sorted(found)]
        return Encoded(rows.shape, tuple(categories), names)


@dataclass(frozen=True)
class Reshape(Transform):
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

    def fit(self, rows: Rows) -> Reshaped:
        if _text_columns(rows.columns).any():
            raise Misfit("a row still has text columns; put one_hot before reshape.")
        return Reshaped(rows.shape, self.shape_after(rows.shape))


@dataclass(frozen=True)
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

    def fit(self, rows: Rows) -> Transposed:
        self.shape_after(rows.shape)
        return Transposed(rows.shape, self.dims)


TRANSFORMS: dict[str, type[Transform]] = {
    "rescale": Rescale,
    "standardize": Standardize,
    "min_max": MinMax,
    "one_hot": OneHot,
    "reshape": Reshape,
    "transpose": Transpose,
}


def _axes(shape: Shape) -> range:
    return range(1, len(shape) + 1)


def _text_columns(columns: Columns) -> Array:
    return np.array([c.categories is not None for c in columns or ()], np.bool_)


def _names(rows: Rows) -> tuple[str, ...]:
    if rows.columns is not None:
        return tuple(column.name for column in rows.columns)
    return tuple(str(j) for j in range(rows.shape[0]))


def _position(names: Sequence[str], name: str) -> int:
    place = place_of(name, names)
    if place is None:
        raise Misfit(f"there is no column {name!r} to encode{suggestion(name, names)}")
    return place


def _category(j: int, values: Array, name: str, columns: Columns) -> Category:
    texts = columns[j].categories if columns is not None else None
    if texts is not None:
        return Category(j, values, tuple(texts[int(value)] for value in values))
    whole = np.floor(values) == values
    if not whole.all():
        odd = values[int(np.argmin(whole))]
        raise Misfit(
            f"column {name!r} holds {odd:g}, but one_hot takes text or whole numbers; put it "
            "before transforms that change the column."
        )
    return Category(j, values, tuple(str(int(value)) for value in values))


def _size(lengths: "Sequence[int] | Iterator[int]") -> int:
    size = 1
    for length in lengths:
        size *= length
    return size
