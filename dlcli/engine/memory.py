"""Memory that worker processes share with the process that forked them."""

import mmap

import numpy as np
import numpy.typing as npt

from dlcli.engine.layer import Array, Shape


def shared_zeros(shape: Shape, dtype: npt.DTypeLike = np.float32) -> Array:
    """A zeroed array in an anonymous mapping: workers made by fork see every write to it.

    Pages that are never written cost no memory. MemoryError where there is no room at all.
    """
    count = 1
    for length in shape:
        count *= length
    size = count * np.dtype(dtype).itemsize
    try:
        buffer = mmap.mmap(-1, max(size, 1))
    except (OSError, OverflowError) as error:
        raise MemoryError(f"{size} bytes") from error
    return np.frombuffer(buffer, dtype, count=count).reshape(shape)
