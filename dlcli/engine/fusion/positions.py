"""Position-major memory: images as (height, width, n, channels), handed on as NHWC views.

At each position the numbers of all rows and channels lie together, so whatever combines
neighbouring positions works on long runs of floats. Fused layers lay their results out this
way; to everybody else these are images (n, height, width, channels) like any others.
"""

from functools import lru_cache
from typing import Any

import numpy as np

from dlcli.engine.context import Context
from dlcli.engine.layer import Array, Shape


def position_major(images: Array, name: str, ctx: Context) -> Array:
    """The images as C-contiguous (height, width, n, channels); copied only if they are not."""
    positions = images.transpose(1, 2, 0, 3)
    if positions.flags.c_contiguous:
        return positions
    copy = ctx.scratch(name, positions.shape, images.dtype)
    np.copyto(copy, positions)
    return copy


def as_images(positions: Array) -> Array:
    """(height, width, n, channels) as (n, height, width, channels)."""
    return positions.transpose(2, 0, 1, 3)


def meeting(first: int, step: int, count: int, pixels: int) -> tuple[slice, slice]:
    """Of the places first, first + step, ... (count of them), those on pixels 0 .. pixels-1.

    Returns which places these are, and the pixels they are on.

    >>> meeting(-1, 2, 4, 5)  # -1, 1, 3, 5
    (slice(1, 3, None), slice(1, 5, 2))
    """
    skip = min(max(0, -(first // step)), count)
    pixel = first + step * skip
    met = max(0, min(count - skip, -((pixel - pixels) // step)))
    return slice(skip, skip + met), slice(pixel, pixel + step * met, step)


@lru_cache(maxsize=64)
def constant(value: float, shape: Shape, dtype: np.dtype[Any]) -> Array:
    """A read-only array of one number.

    The larger of two arrays is four times faster than that of an array and a number, and a
    vector of ones makes a matrix product out of a sum over rows.
    """
    array = np.full(shape, value, dtype)
    array.flags.writeable = False
    return array
