"""What arrays are called in the engine, and what is said of one that does not fit."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy.typing as npt

Array = npt.NDArray[Any]
Shape = tuple[int, ...]
Params = Mapping[str, Array]


class Factors(NamedTuple):
    """The gradient of a kernel as two matrices with a row for each row of x: left^T @ right."""

    left: Array
    right: Array


class ShapeError(ValueError):
    """A layer cannot take its input. The message is in plain words and names both shapes."""
