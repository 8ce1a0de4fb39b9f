"""Numbers converted by Arrow, where it is installed: the same numbers, sooner.

Arrow is given cells that are made of nothing but digits, signs, points and exponents. It rounds
correctly (fast_float), as `float()` does; what it refuses, and what is not finite, is left to
others. So it changes no number and no message. Its reader of CSV is not used: it starts threads,
and workers are forked from this process later.
"""

import importlib.util
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from dlcli.data.dataset import Array

WORTH = 1 << 25
"""Bytes of a file from which on it is worth to load Arrow (0.1 to 0.4 seconds)."""


@cache
def is_installed() -> bool:
    """Whether there is an Arrow; it is not loaded."""
    return importlib.util.find_spec("pyarrow") is not None


@cache
def _module() -> Any:
    """Arrow; None where it cannot be loaded."""
    try:
        import pyarrow
    except Exception:  # built for another NumPy, or a library is missing: it is done without
        return None
    return pyarrow


def numbers(text: npt.NDArray[np.uint8], lengths: npt.NDArray[np.int64]) -> Array | None:
    """The finite numbers of cells that follow each other; None where Arrow is in doubt.

    text: the bytes of all cells, nothing between them. lengths: bytes of each.
    """
    if bytes(text).translate(None, b"0123456789.-+eE"):
        return None
    arrow = _module()
    if arrow is None:
        return None
    offsets = np.zeros(len(lengths) + 1, np.int32)
    np.cumsum(lengths, out=offsets[1:])
    cells = arrow.StringArray.from_buffers(
        len(lengths), arrow.py_buffer(offsets), arrow.py_buffer(np.ascontiguousarray(text))
    )
    try:
        values = np.array(cells.cast(arrow.float64()).to_numpy())
    except arrow.ArrowException:
        return None
    return values if np.isfinite(values).all() else None
