"""Numbers of plain bytes converted by Arrow, where it is installed: the same numbers, sooner.

Arrow is given cells of rows of equal width, without quotes, made of nothing but digits, signs,
points, exponents and spaces. Its parser (fast_float) rounds correctly, as `float()` does; what it
refuses, and what is not finite, is left to others. So it changes no number and no message.
"""

import importlib.util
from functools import cache
from typing import Any

import numpy as np

from dlcli.data.dataset import Array

WORTH = 1 << 25
"""Bytes of a file from which on it is worth to load Arrow (0.1 to 0.4 seconds)."""


@cache
def is_installed() -> bool:
    """Whether there is an Arrow; it is not loaded."""
    return importlib.util.find_spec("pyarrow") is not None


@cache
def _modules() -> tuple[Any, Any] | None:
    """Arrow and its reader of CSV; None where they cannot be loaded."""
    try:
        import pyarrow
        from pyarrow import csv
    except Exception:  # built for another NumPy, or a library is missing: it is done without
        return None
    return pyarrow, csv


def numbers(text: bytes, width: int) -> Array | None:
    """The finite numbers of rows of `width` columns; None where Arrow is in doubt.

    text: cells with a comma behind each but the last of a row, which has a line feed.
    """
    loaded = _modules()
    if loaded is None:
        return None
    arrow, reader = loaded
    names = [str(place) for place in range(width)]
    try:
        table = reader.read_csv(
            arrow.BufferReader(text),
            # Without threads: workers are forked from this process later.
            reader.ReadOptions(column_names=names, use_threads=False, block_size=len(text) + 1),
            reader.ParseOptions(
                delimiter=",",
                quote_char=False,
                double_quote=False,
                escape_char=False,
                newlines_in_values=False,
                ignore_empty_lines=False,
            ),
            reader.ConvertOptions(
                column_types=dict.fromkeys(names, arrow.float64()),
                null_values=[],
                strings_can_be_null=False,
                auto_dict_encode=False,
            ),
        )
    except (arrow.ArrowException, ValueError, OSError):
        return None
    values = np.empty((table.num_rows, width))
    for place, column in enumerate(table.columns):
        if column.null_count:
            return None
        values[:, place] = column.to_numpy()
    return values if np.isfinite(values).all() else None
