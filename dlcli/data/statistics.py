"""Statistics of rows that come in chunks: float64, summed in index order, per last axis.

Missing numbers (NaN) are not counted.
"""

from collections.abc import Callable, Iterator

import numpy as np

from dlcli.data.dataset import Array
from dlcli.errors import DataError

_MOST = 2.0**480
"""Squares and their sums stay within float64 for values below, and for spreads above 1 / _MOST."""
_LARGEST = 2.0**1000


def moments(chunks: Callable[[], Iterator[Array]]) -> tuple[Array, Array]:
    """Mean and standard deviation per last axis, in two passes of float64 sums.

    The deviation is 1 where all values are equal; then the mean is that value exactly.
    """
    mean, deviation, exponent = scaled_moments(chunks)
    return np.ldexp(mean, exponent), np.ldexp(deviation, exponent)


def scaled_moments(chunks: Callable[[], Iterator[Array]]) -> tuple[Array, Array, Array]:
    """`moments` as m and d with an exponent e: the mean is m 2^e, the standard deviation d 2^e.

    e is 0 unless squares would leave the range of float64. Scaling by a power of two is exact, so
    the digits of m and d are those of unlimited exponents, down to the smallest float64.
    """
    low, high = extremes(chunks)
    constant = low == high
    with np.errstate(over="ignore"):
        width = high - low
        finite(np.where(width > _LARGEST, np.inf, width))
    exponent = np.zeros(low.shape, np.int32)
    largest = np.maximum(np.abs(low), np.abs(high))
    tiny, huge = ~constant & (width < 1.0 / _MOST), ~constant & (largest > _MOST)
    exponent[tiny] = np.frexp(width)[1][tiny]
    exponent[huge] = np.frexp(largest)[1][huge]

    def scaled() -> Iterator[Array]:
        for rows in _flat(chunks):
            yield np.ldexp(rows, -exponent) if exponent.any() else rows

    count = np.zeros(low.shape)
    total = np.zeros(low.shape)
    with np.errstate(over="ignore", invalid="ignore"):
        for rows in scaled():
            count += len(rows) - _emptied(rows)
            total += rows.sum(axis=0)
        mean = np.where(constant, low, total / count)
        total[...] = 0.0
        for rows in scaled():
            rows -= mean
            rows *= rows
            _emptied(rows)
            total += rows.sum(axis=0)
        deviation = np.sqrt(np.where(constant, 1.0, total / count))
    return finite(mean), np.where(deviation == 0.0, 1.0, finite(deviation)), exponent


def unit(width: Array, dtype: np.dtype[np.floating]) -> Array:
    """The exponent e for which width / 2^e is near 1; 0 where the type holds 1 / width well.

    2^e is a number of `dtype` for every width that is the difference of two of its numbers.
    """
    least = float(np.finfo(dtype).tiny) * 2.0**30
    held = (width >= least) & (width <= 1.0 / least)
    return np.where(held, 0, np.frexp(width)[1] - 1)


def extremes(chunks: Callable[[], Iterator[Array]]) -> tuple[Array, Array]:
    """The smallest and the largest value per last axis, in float64."""
    low: Array | None = None
    high: Array | None = None
    for rows in _flat(chunks):
        least, most = rows.min(axis=0), rows.max(axis=0)
        if np.isnan(least).any():
            least, most = np.fmin.reduce(rows, axis=0), np.fmax.reduce(rows, axis=0)
        if low is None or high is None:
            low, high = least, most
        elif np.isnan(low).any() or np.isnan(least).any():
            low, high = np.fmin(low, least), np.fmax(high, most)
        else:
            low, high = np.minimum(low, least), np.maximum(high, most)
    if low is None or high is None:
        raise DataError("There are no training rows to fit a transform on.")
    empty = np.isnan(low)
    if empty.any():
        raise NoValue(int(np.argmax(empty)))
    return low, high


class NoValue(ValueError):
    """A column, by its position in the last axis, that has no value in the training part."""

    def __init__(self, position: int) -> None:
        super().__init__(f"column {position} has no value")
        self.position = position


def _emptied(rows: Array) -> Array | int:
    """How many numbers of each column are missing; they are 0 afterwards."""
    holes = np.isnan(rows)
    if not holes.any():
        return 0
    rows[holes] = 0.0
    return np.asarray(holes.sum(axis=0))


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
