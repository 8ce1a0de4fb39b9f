"""What arrays are called in the engine, and what is said of one that does not fit."""

from collections.abc import Mapping
from typing import Any

import numpy.typing as npt

Array = npt.NDArray[Any]
Shape = tuple[int, ...]
Params = Mapping[str, Array]


class ShapeError(ValueError):
    """A layer cannot take its input. The message is in plain words and names both shapes."""
