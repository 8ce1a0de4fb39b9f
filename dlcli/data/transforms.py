"""What is done to features before a network sees them: choices, and what fitting makes of them.

A Transform is a frozen dataclass of choices. `fit` looks at the training rows, as the transforms
before it left them, and returns a Fitted step, which holds what was learned as plain arrays.

Numbers are computed in float32 when the stored rows are float32 or integers of at most 16 bits,
else in float64; statistics are always float64 sums in index order. A column of text holds codes
until one_hot turns it into numbers, and every other transform leaves it as it is.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from dlcli.data.dataset import Array, Column, Shape
from dlcli.errors import DataError

Columns = tuple[Column, ...] | None


class Misfit(ValueError):
    """A transform cannot work on what it is given; the message is in plain words."""


@dataclass(frozen=True)
class Rows:
    """The training rows as the steps so far leave them.

    chunks: goes through the rows in index order, anew with each call.
    """

    shape: Shape
    columns: Columns
    chunks: Callable[[], Iterator[Array]]


class Fitted(ABC):
    """A step that is ready to be applied: choices and what was learned."""

    in_shape: Shape

    @property
    @abstractmethod
    def out_shape(self) -> Shape:
        """The shape of a row afterwards."""

    @abstractmethod
    def apply(self, x: Array, dtype: np.dtype[np.floating], out: Array | None) -> Array:
        """The step's output in `dtype`; in `out` where that is given (x may be the same
        memory unless the shape changes), else in new memory or as a view of x."""

    @abstractmethod
    def columns_after(self, columns: Columns) -> Columns:
        """The columns that the step makes of these."""


@dataclass(frozen=True)
class Affine(Fitted):
    """y = ((x - subtract) / divide) * multiply + add, where None leaves an operation out.

    The constants are float64 scalars, or one number per last axis.
    """

    in_shape: Shape
    subtract: Array | None = None
    divide: Array | None = None
    multiply: Array | None = None
    add: Array | None = None

    @property
    def out_shape(self) -> Shape:
        """An affine map keeps the shape."""
        return self.in_shape

    def constants(self) -> dict[str, Array]:
        """The constants that there are, by name, in the order in which they are used."""
        every = {
            "subtract": self.subtract,
            "divide": self.divide,
            "multiply": self.multiply,
            "add": self.add,
        }
        return {name: array for name, array in every.items() if array is not None}

    def prepared(self, dtype: np.dtype[np.floating]) -> "Affine":
        """The same step with its constants in `dtype`, and spread over a row where they differ
        by channel: long inner loops are many times faster than loops over three channels."""

        def spread(array: Array) -> Array:
            if array.size > 1 and len(self.in_shape) > 1:
                array = np.broadcast_to(array, self.in_shape)
            return np.ascontiguousarray(array, dtype).reshape(array.shape)

        return Affine(self.in_shape, **{name: spread(a) for name, a in self.constants().items()})

    def apply(self, x: Array, dtype: np.dtype[np.floating], out: Array | None) -> Array:
        room: Array = np.empty(x.shape, dtype) if out is None else out
        for name, constant in self.constants().items():
            ufunc = _OPERATIONS[name]
            constant = constant.astype(dtype, copy=False)
            ufunc(x, constant, out=room, dtype=dtype, casting="unsafe")
            x = room
        return x

    def columns_after(self, columns: Columns) -> Columns:
        return columns


_OPERATIONS: dict[str, np.ufunc] = {
    "subtract": np.subtract,
    "divide": np.divide,
    "multiply": np.multiply,
    "add": np.add,
}


@dataclass(frozen=True)
class Reshaped(Fitted):
    """The same numbers in another shape."""

    in_shape: Shape
    shape: Shape

    @property
    def out_shape(self) -> Shape:
        """The new shape."""
        return self.shape

    def apply(self, x: Array, dtype: np.dtype[np.floating], out: Array | None) -> Array:
        return x.reshape(len(x), *self.out_shape)

    def columns_after(self, columns: Columns) -> Columns:
        return columns if self.out_shape == self.in_shape else None


@dataclass(frozen=True)
class Category:
    """One encoded column.

    position: which column of the input. values: what it may hold, in ascending order.
    names: how messages and new columns call the values.
    """

    position: int
    values: Array
    names: tuple[str, ...]


@dataclass(frozen=True)
class Encoded(Fitted):
    """Each encoded column becomes one column of 0 and 1 per category, in its place."""

    in_shape: Shape
    categories: tuple[Category, ...]
    names: tuple[str, ...]

    @property
    def out_shape(self) -> Shape:
        """One column for each category, and the columns that are not encoded."""
        encoded = sum(len(category.values) for category in self.categories)
        return (self.in_shape[0] - len(self.categories) + encoded,)

    def apply(self, x: Array, dtype: np.dtype[np.floating], out: Array | None) -> Array:
        room: Array = np.empty((len(x), *self.out_shape), dtype) if out is None else out
        by_position = {category.position: category for category in self.categories}
        start = 0
        for j in range(self.in_shape[0]):
            category = by_position.get(j)
            if category is None:
                room[:, start] = x[:, j]
                start += 1
                continue
            values = x[:, j].astype(dtype)
            known = category.values.astype(dtype)
            place = np.minimum(np.searchsorted(known, values), len(known) - 1)
            seen = known[place] == values
            if not seen.all():
                row = int(np.argmin(seen))
                raise UnseenCategory(self, row, j, float(values[row]))
            room[:, start : start + len(known)] = 0.0
            room[np.arange(len(x)), start + place] = 1.0
            start += len(known)
        return room

    def columns_after(self, columns: Columns) -> Columns:
        by_position = {category.position: category for category in self.categories}
        after: list[Column] = []
        for j, name in enumerate(self.names):
            if j in by_position:
                after += [Column(f"{name}={value}") for value in by_position[j].names]
            else:
                after.append(columns[j] if columns is not None else Column(name))
        return tuple(after)


class UnseenCategory(Exception):
    """A value that the training part does not have; its row counts within the given rows."""

    def __init__(self, step: Encoded, row: int, position: int, value: float) -> None:
        super().__init__(f"row {row}, column {position}: {value:g} is not a known category")
        self.step, self.row, self.position, self.value = step, row, position, value


class Transform(ABC):
    """A frozen dataclass of choices."""

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

    def shape_after(self, shape: Shape) -> Shape:
        return shape

    def fit(self, rows: Rows) -> Affine:
        mean, deviation = moments(rows.chunks)
        text = _text_columns(rows.columns)
        if text.any():
            mean, deviation = np.where(text, 0.0, mean), np.where(text, 1.0, deviation)
        return Affine(rows.shape, subtract=mean, divide=deviation)


@dataclass(frozen=True)
class MinMax(Transform):
    """y = (x - low) * (maximum - minimum) / (high - low) + minimum, each per last axis.

    low and high are the extremes of the training part; where they are equal, y = minimum.
    """

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
            spread = self.maximum - self.minimum
            factor = np.where(constant, 0.0, spread / np.where(constant, 1.0, width))
        minimum = np.full(low.shape, self.minimum)
        text = _text_columns(rows.columns)
        if text.any():
            low, factor = np.where(text, 0.0, low), np.where(text, 1.0, factor)
            minimum = np.where(text, 0.0, minimum)
        add = minimum if minimum.any() else None
        return Affine(rows.shape, subtract=low, multiply=finite(factor), add=add)


@dataclass(frozen=True)
class OneHot(Transform):
    """A column of categories becomes one column of 0 and 1 per category.

    columns: names of columns of text or of whole numbers (for rows without names, their
        positions); by default every text column. Categories are those of the training part,
        in ascending order; a value that it does not have is an error.
    """

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


TRANSFORMS: dict[str, type[Transform]] = {
    "rescale": Rescale,
    "standardize": Standardize,
    "min_max": MinMax,
    "one_hot": OneHot,
    "reshape": Reshape,
}


def moments(chunks: Callable[[], Iterator[Array]]) -> tuple[Array, Array]:
    """Mean and standard deviation per last axis, in two passes of float64 sums.

    The deviation is 1 where all values are equal; then the mean is that value exactly.
    """
    low, high = extremes(chunks)
    count = 0
    total = np.zeros(low.shape)
    with np.errstate(over="ignore", invalid="ignore"):
        for rows in _flat(chunks):
            total += rows.sum(axis=0)
            count += len(rows)
        mean = np.where(low == high, low, finite(total / count))
        total[...] = 0.0
        for rows in _flat(chunks):
            rows -= mean
            rows *= rows
            total += rows.sum(axis=0)
        deviation = np.sqrt(finite(total / count))
    return mean, np.where((low == high) | (deviation == 0.0), 1.0, deviation)


def extremes(chunks: Callable[[], Iterator[Array]]) -> tuple[Array, Array]:
    """The smallest and the largest value per last axis, in float64."""
    low: Array | None = None
    high: Array | None = None
    for rows in _flat(chunks):
        least, most = rows.min(axis=0), rows.max(axis=0)
        low = least if low is None else np.minimum(low, least)
        high = most if high is None else np.maximum(high, most)
    if low is None or high is None:
        raise DataError("There are no training rows to fit a transform on.")
    return low, high


def _flat(chunks: Callable[[], Iterator[Array]]) -> Iterator[Array]:
    """The chunks as new float64 arrays of shape (numbers, last axis)."""
    for chunk in chunks():
        yield chunk.astype(np.float64).reshape(-1, chunk.shape[-1] if chunk.ndim > 1 else 1)


def finite(array: Array) -> Array:
    """The array itself; DataError where a statistic is too large for float64."""
    if not np.isfinite(array).all():
        raise DataError(
            "The training rows hold numbers so large that their statistics overflow. Scale the "
            "data, or put a rescale before this transform."
        )
    return array


def _text_columns(columns: Columns) -> Array:
    return np.array([c.categories is not None for c in columns or ()], np.bool_)


def _names(rows: Rows) -> tuple[str, ...]:
    if rows.columns is not None:
        return tuple(column.name for column in rows.columns)
    return tuple(str(j) for j in range(rows.shape[0]))


def _position(names: Sequence[str], name: str) -> int:
    if name not in names:
        shown = ", ".join(names[:12]) + (", ..." if len(names) > 12 else "")
        raise Misfit(f"there is no column {name!r} to encode; the columns are {shown}.")
    return names.index(name)


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
