"""An audit of the operations that some code uses: are their bits the same on every processor?

Arrays from `tracked` (and from a `TrackedContext`) write down, in the set that was given with
them, each operation they take part in, and so do the results of these operations:

>>> used = set()
>>> x = tracked(np.ones(3, np.float32), used)
>>> y = np.log1p(np.sqrt(x) + 1)
>>> sorted(refused(used))
['log1p(float32)']
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from dlcli.engine.context import Context, Moment
from dlcli.engine.layer import Array, Shape

Used = set[tuple[str, str]]

# fmt: off
# Measured equal on AVX2 and AVX-512, or exact by IEEE 754.
PERMITTED = frozenset(
    [
        "add", "subtract", "multiply", "divide", "negative", "absolute", "sign", "square",
        "sqrt", "floor", "maximum", "minimum", "equal", "not_equal", "less", "less_equal",
        "greater", "greater_equal", "logical_and", "logical_or", "logical_not", "bitwise_and",
        "bitwise_or", "invert", "isfinite", "isnan", "matmul", "dot", "vecdot", "add.reduce",
        "maximum.reduce", "minimum.reduce", "logical_and.reduce", "logical_or.reduce",
        "add.accumulate", "add.at",
    ]
)
# In float32 only; their float64 versions differ between processors.
PERMITTED_IN_FLOAT32 = frozenset(["exp", "tanh", "log", "sin", "cos"])
# Functions that move numbers, compare them, or are made of the ufuncs above.
PERMITTED_FUNCTIONS = frozenset(
    [
        "copyto", "where", "argmax", "argmin", "argsort", "sort", "cumsum", "sum", "mean",
        "max", "amax", "min", "amin", "any", "all", "reshape", "ravel", "concatenate", "stack",
        "take", "take_along_axis", "put_along_axis", "zeros_like", "empty_like", "full_like",
        "moveaxis", "ones_like", "broadcast_to", "transpose", "swapaxes", "expand_dims", "squeeze",
        "bincount", "dot", "nonzero", "flatnonzero", "count_nonzero", "array_equal", "ndim",
        "einsum",  # in the form that the self-test of numerics.py asks for
        "shape", "size", "result_type", "can_cast", "split", "array_split", "diag", "diagonal",
    ]
)
# fmt: on


class Tracked(np.ndarray[Any, np.dtype[Any]]):
    """An array that writes down the operations it takes part in."""

    used: Used

    def __array_finalize__(self, source: Any) -> None:
        self.used = getattr(source, "used", set())

    def __array_ufunc__(
        self, ufunc: np.ufunc, method: str, *inputs: Any, out: Any = (), **options: Any
    ) -> Any:
        floats = [np.result_type(item) for item in (*inputs, *out) if isinstance(item, np.ndarray)]
        dtype = next((str(kind) for kind in floats if kind.kind == "f"), "")
        name = ufunc.__name__ if method == "__call__" else f"{ufunc.__name__}.{method}"
        if dtype:  # operations on integers and booleans are exact
            self.used.add((name, dtype))
        if out:
            options["out"] = tuple(_plain(item) for item in out)
        if "where" in options:
            options["where"] = _plain(options["where"])
        result = getattr(ufunc, method)(*(_plain(item) for item in inputs), **options)
        if out:
            return out[0] if len(out) == 1 else out
        if isinstance(result, tuple):
            return tuple(tracked(item, self.used) for item in result)
        return None if result is None else tracked(result, self.used)

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        if self.dtype.kind == "f":
            self.used.add((f"np.{function.__name__}", str(self.dtype)))
        return super().__array_function__(function, types, args, kwargs)


def _plain(item: Any) -> Any:
    return item.view(np.ndarray) if isinstance(item, Tracked) else item


def tracked(array: Any, used: Used) -> Tracked:
    """The same memory, seen as an array that writes its operations down in `used`."""
    view = np.asarray(array).view(Tracked)
    view.used = used
    return view


class TrackedContext(Context):
    """A context whose scratch memory is tracked, too."""

    def __init__(self, used: Used, layer: str = "", moment: Moment | None = None) -> None:
        super().__init__(layer, moment)
        self.used = used

    def scratch(self, name: Any, shape: Shape, dtype: npt.DTypeLike = np.float32) -> Array:
        return tracked(super().scratch(name, shape, dtype), self.used)


def refused(used: Used) -> set[str]:
    """The operations whose bits may depend on the processor, as `name(dtype)`."""
    return {
        f"{name}({dtype})"
        for name, dtype in used
        if not (
            name in PERMITTED
            or (name in PERMITTED_IN_FLOAT32 and dtype == "float32")
            or name.removeprefix("np.") in PERMITTED_FUNCTIONS
        )
    }
