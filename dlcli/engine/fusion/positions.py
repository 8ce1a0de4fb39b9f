"""Position-major memory: images as (height, width, n, channels), handed on as NHWC views.

For a fixed position the numbers of all rows and channels lie together, so whatever combines
neighbouring positions works on long runs of floats. Fused layers lay their results out this
way; to everybody else these are images (n, height, width, channels) like any others.
"""

from functools import lru_cache

import numpy as np

from dlcli.engine.context import Context
from dlcli.engine.layer import Array


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


@lru_cache(maxsize=256)
def constant(value: float, length: int, dtype: str) -> Array:
    """A read-only vector: NumPy is faster with two arrays than with an array and a number."""
    vector = np.full(length, value, dtype)
    vector.flags.writeable = False
    return vector
