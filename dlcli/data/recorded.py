"""Parts of what was saved, each checked where it is read.

What a file holds is not to be trusted: a constant of another length would be spread over all
columns without a word, and give other answers. ValueError in plain words for anything else than
what is asked for.
"""

import math
from typing import Any

import numpy as np

from dlcli.data.dataset import Array, Shape

_LARGEST = 1 << 40


def shape_of(lengths: Any) -> Shape:
    """A list of positive whole numbers as a shape."""
    counts = isinstance(lengths, list) and all(type(n) is int and n > 0 for n in lengths)
    if not counts or math.prod(lengths) > _LARGEST:
        raise ValueError(f"{str(lengths)[:100]} is no shape")
    return tuple(lengths)


def names_of(names: Any, least: int = 1) -> tuple[str, ...]:
    """A list of different texts, at least so many."""
    texts = isinstance(names, list) and all(isinstance(name, str) for name in names)
    if not texts or len(set(names)) < len(names) or len(names) < least:
        raise ValueError(f"{str(names)[:100]} is no list of different names")
    return tuple(names)


def positions_of(found: Any, width: int, least: int = 0) -> tuple[int, ...]:
    """A list of ascending whole numbers below `width`, at least so many."""
    whole = isinstance(found, list) and all(type(one) is int and 0 <= one < width for one in found)
    if not whole or found != sorted(set(found)) or len(found) < least:
        raise ValueError(f"{str(found)[:100]} are no positions of columns")
    return tuple(found)


def numbers_of(array: Array, count: int, what: str) -> Array:
    """So many ascending float64 numbers, of which the last may be NaN; what: how the message
    calls them."""
    plain = array.dtype == np.float64 and array.shape == (count,)
    numbers = array[:-1] if plain and count and np.isnan(array[-1]) else array
    if not plain or not np.isfinite(numbers).all() or not (np.diff(numbers) > 0.0).all():
        raise ValueError(f"{what} are not {count} ascending numbers")
    return array
