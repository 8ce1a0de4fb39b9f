"""Steps of preprocessing that are ready to be applied: what fitting makes of the transforms.

Constants are kept in float64, as they were learned, and used in the working type. A step saves
itself as a document and arrays, and restores itself from them; see restoring.py.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Self

import numpy as np

from dlcli.data.dataset import Array, Column, Shape
from dlcli.data.recorded import names_of, shape_of
from dlcli.frozen import frozen

Columns = tuple[Column, ...] | None


class Fitted(ABC):
    """A step that is ready to be applied: choices and what was learned.

    word: its type where it is saved; no two have the same.
    changes_size: whether a row has another number of numbers afterwards.
    keeps_columns: whether each column holds the same afterwards, maybe at another scale.
    open_ended: whether rows that were not looked at may have more categories, so that `out_shape`
        is not final before all were.
    handle_unknown: what is done with categories that the training part does not have, where there
        are any.
    """

    word: ClassVar[str]
    changes_size: ClassVar[bool] = False
    keeps_columns: ClassVar[bool] = False
    open_ended: ClassVar[bool] = False
    handle_unknown: str | None = None

    in_shape: Shape

    @property
    def refuses(self) -> bool:
        """Whether it may raise UnseenCategory."""
        return False

    @property
    @abstractmethod
    def out_shape(self) -> Shape:
        """The shape of a row afterwards."""

    def prepared(self, dtype: np.dtype[np.floating]) -> "Fitted":
        """The same step with whatever can be worked out before any row comes."""
        return self

    @abstractmethod
    def apply(self, x: Array, dtype: np.dtype[np.floating], out: Array | None) -> Array:
        """The step's output in `dtype`; in `out` where that is given (x may be the same
        memory unless the size changes), else in new memory or as a view of x."""

    @abstractmethod
    def columns_after(self, columns: Columns) -> Columns:
        """The columns that the step makes of these."""

    def check_columns(self, columns: Columns) -> None:  # noqa: B027 (most steps are of any)
        """ValueError where it was fitted on other columns than these."""

    def unknown_codes(self, known: Mapping[str, int]) -> dict[str, Callable[[str], float]]:
        """How a text that training did not have is stored, by the name of its column, where that is
        not like any other; known: how many texts each column had in training."""
        return {}

    @abstractmethod
    def document(self) -> dict[str, Any]:
        """What `restored` needs beside `in_shape` and the arrays, for JSON."""

    def arrays(self) -> dict[str, Array]:
        """The arrays that `restored` needs, by name."""
        return {}

    @classmethod
    @abstractmethod
    def restored(
        cls, in_shape: Shape, entry: Mapping[str, Any], arrays: Mapping[str, Array]
    ) -> Self:
        """The inverse of `document` and `arrays`; KeyError, TypeError or ValueError for what they
        did not write."""


class OfTable(Fitted):
    """A step of a table.

    names: of all columns of the input, their positions where they have none.
    """

    names: tuple[str, ...]

    def check_columns(self, columns: Columns) -> None:
        known = [str(j) for j in range(len(self.names))]
        if columns is not None:
            known = [column.name for column in columns]
        if list(self.names) != known:
            raise ValueError(f"the columns are called {known[:9]}, not {list(self.names[:9])}")

    @staticmethod
    def names_in(entry: Mapping[str, Any], in_shape: Shape) -> tuple[str, ...]:
        """The names that were saved; ValueError unless they are those of such rows."""
        names = names_of(entry["names"])
        if (len(names),) != in_shape:
            raise ValueError(f"{len(names)} names for the columns of rows of shape {in_shape}")
        return names


@frozen
class Affine(Fitted):
    """y = ((x - subtract) / divide) * multiply + add, where None leaves an operation out.

    The constants are float64 scalars, or one number per last axis.
    """

    word = "affine"
    keeps_columns = True

    in_shape: Shape
    subtract: Array | None = None
    divide: Array | None = None
    multiply: Array | None = None
    add: Array | None = None

    @property
    def out_shape(self) -> Shape:
        """An affine map keeps the shape."""
        return self.in_shape

    def arrays(self) -> dict[str, Array]:
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

        return Affine(self.in_shape, **{name: spread(a) for name, a in self.arrays().items()})

    def apply(self, x: Array, dtype: np.dtype[np.floating], out: Array | None) -> Array:
        room: Array = np.empty(x.shape, dtype) if out is None else out
        for name, constant in self.arrays().items():
            ufunc = _OPERATIONS[name]
            constant = constant.astype(dtype, copy=False)
            ufunc(x, constant, out=room, dtype=dtype, casting="unsafe")
            x = room
        return x

    def columns_after(self, columns: Columns) -> Columns:
        return columns

    def document(self) -> dict[str, Any]:
        return {"constants": list(self.arrays())}

    @classmethod
    def restored(
        cls, in_shape: Shape, entry: Mapping[str, Any], arrays: Mapping[str, Array]
    ) -> "Affine":
        constants = {name: arrays[name] for name in entry["constants"]}
        for name, array in constants.items():
            _check_constant(name, array, in_shape)
        return cls(in_shape, **constants)


_OPERATIONS: dict[str, np.ufunc] = {
    "subtract": np.subtract,
    "divide": np.divide,
    "multiply": np.multiply,
    "add": np.add,
}


def _check_constant(name: str, array: Array, in_shape: Shape) -> None:
    if array.dtype != np.float64 or array.shape not in ((), in_shape[-1:]):
        raise ValueError(
            f"the constant {name} has shape {array.shape} for rows of shape {in_shape}"
        )
    if not np.isfinite(array).all() or (name == "divide" and not (array > 0.0).all()):
        raise ValueError(f"the constant {name} holds an impossible number")


@frozen
class Reshaped(Fitted):
    """The same numbers in another shape."""

    word = "reshape"

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

    def document(self) -> dict[str, Any]:
        return {"out_shape": list(self.out_shape)}

    @classmethod
    def restored(
        cls, in_shape: Shape, entry: Mapping[str, Any], arrays: Mapping[str, Array]
    ) -> "Reshaped":
        out_shape = shape_of(entry["out_shape"])
        if math.prod(out_shape) != math.prod(in_shape):
            raise ValueError(f"{in_shape} does not become {out_shape}")
        return cls(in_shape, out_shape)


@frozen
class Transposed(Fitted):
    """The axes of a row in another order: axis i of the result is axis dims[i] - 1 of the row.

    ValueError where dims are not the numbers 1 to the number of axes, in some order.
    """

    word = "transpose"

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

    def document(self) -> dict[str, Any]:
        return {"dims": list(self.dims)}

    @classmethod
    def restored(
        cls, in_shape: Shape, entry: Mapping[str, Any], arrays: Mapping[str, Array]
    ) -> "Transposed":
        return cls(in_shape, shape_of(entry["dims"]))
