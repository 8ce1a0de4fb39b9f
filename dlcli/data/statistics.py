"""Statistics of rows that come in chunks: float64, summed in index order, per last axis."""

from collections.abc import Callable, Iterator

import numpy as np

from dlcli.data.dataset import Array
from dlcli.errors import DataError


def moments(chunks: Callable[[], Iterator[Array]]) -> tuple[Array, Array]:
    """Mean and standard deviation per last axis, in two passes of float64 sums.

    The deviation is 1 where all values are equal; then the mean is that value exactly.
    """
    low, high = extremes(chunks)
    count = 0
    total = np.zeros(low.shape)
    with np.errstate(over="ignore", invalid="ignore"):
        for rows in _flat(chunks):
            total += rows.sum(axis=0)
            count += len(rows)
        mean = np.where(low == high, low, finite(total / count))
        total[...] = 0.0
        for rows in _flat(chunks):
            rows -= mean
            rows *= rows
            total += rows.sum(axis=0)
        deviation = np.sqrt(finite(total / count))
    return mean, np.where((low == high) | (deviation == 0.0), 1.0, deviation)


def extremes(chunks: Callable[[], Iterator[Array]]) -> tuple[Array, Array]:
    """The smallest and the largest value per last axis, in float64."""
    low: Array | None = None
    high: Array | None = None
    for rows in _flat(chunks):
        least, most = rows.min(axis=0), rows.max(axis=0)
        low = least if low is None else np.minimum(low, least)
        high = most if high is None else np.maximum(high, most)
    if low is None or high is None:
        raise DataError("There are no training rows to fit a transform on.")
    return low, high


def _flat(chunks: Callable[[], Iterator[Array]]) -> Iterator[Array]:
    """The chunks as new float64 arrays of shape (numbers, last axis)."""
    for chunk in chunks():
        yield chunk.astype(np.float64).reshape(-1, chunk.shape[-1] if chunk.ndim > 1 else 1)


def finite(array: Array) -> Array:
    """The array itself; DataError where a statistic is too large for float64."""
    if not np.isfinite(array).all():
        raise DataError(
            "The training rows hold numbers so large that their statistics overflow. Scale the "
            "data, or put a rescale before this transform."
        )
    return array
