"""Steps of preprocessing that are ready to be applied: what fitting makes of the transforms.

Constants are kept in float64, as they were learned, and used in the working type.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np

from dlcli.data.dataset import Array, Column, Shape

Columns = tuple[Column, ...] | None


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
class Transposed(Fitted):
    """The axes of a row in another order: axis i of the result is axis dims[i] - 1 of the row.

    ValueError where dims are not the numbers 1 to the number of axes, in some order.
    """

    in_shape: Shape
    dims: tuple[int, ...]

    def __post_init__(self) -> None:
        if sorted(self.dims) != list(range(1, len(self.in_shape) + 1)):
            raise ValueError(f"dims {self.dims} are no order of {len(self.in_shape)} axes")

    @property
    def out_shape(self) -> Shape:
        """The lengths in the new order."""
        return tuple(self.in_shape[axis - 1] for axis in self.dims)

    def apply(self, x: Array, dtype: np.dtype[np.floating], out: Array | None) -> Array:
        turned = x.transpose(0, *self.dims)
        if out is None:  # in C order, so that sums over the rows have one order
            return np.ascontiguousarray(turned)
        np.copyto(out, turned, casting="unsafe")  # by way of a copy where x is this memory
        return out

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
