"""Numbers at another scale: `rescale`, `standardize`, `min_max` and `robust`."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from dlcli.data.dataset import Array, ColumnKind, Shape
from dlcli.data.fitted import Affine
from dlcli.data.fitting import Misfit, TrainingRows
from dlcli.data.statistics import extremes, finite, scaled_moments, unit
from dlcli.data.transforms.choosing import Chosen, choose
from dlcli.data.transforms.columnwise import OfNumbers, ascending, gathered, quantiles
from dlcli.frozen import frozen


@frozen
class Rescale(OfNumbers):
    """y = x * scale + offset, as Keras's Rescaling."""

    fitted = Affine

    scale: float
    offset: float = 0.0
    columns: Chosen = None

    def fit(self, rows: TrainingRows) -> Affine:
        some = _Some.of(rows, self.columns, "rescale")
        scale, offset = np.array(self.scale, np.float64), np.array(self.offset, np.float64)
        return Affine(
            rows.shape,
            multiply=some.only(scale, 1.0),
            add=some.only(offset, some.nothing) if self.offset else None,
        )


@frozen
class Standardize(OfNumbers):
    """y = (x - mean) / sqrt(variance), each per last axis, as Keras's Normalization.

    The variance is that of the whole training part (divided by n); where it is zero the
    difference is divided by one.
    """

    fitted = Affine

    columns: Chosen = None

    def fit(self, rows: TrainingRows) -> Affine:
        some = _Some.of(rows, self.columns, "standardize")
        mean, deviation, exponent = scaled_moments(some.rows.chunks)
        plain = np.ldexp(deviation, exponent)
        small = plain < np.finfo(rows.dtype).tiny
        if not small.any():
            return Affine(rows.shape, subtract=np.ldexp(mean, exponent), divide=plain)
        # Neither the mean nor the deviation of such columns is held well by the working type, so
        # they are brought near 1 by a power of two first; both steps before `multiply` are exact.
        smallest = np.finfo(rows.dtype).smallest_subnormal
        power = np.maximum(np.frexp(deviation)[1] + exponent, np.frexp(smallest)[1] - 1)
        center = np.ldexp(mean, exponent).astype(rows.dtype).astype(np.float64)
        deviation, mean = (np.ldexp(value, exponent - power) for value in (deviation, mean))
        rest = (np.ldexp(center, -power) - mean) / deviation
        return Affine(
            rows.shape,
            subtract=some.only(np.where(small, center, np.ldexp(mean, power)), 0.0),
            divide=some.only(np.where(small, np.ldexp(1.0, power), plain), 1.0),
            multiply=some.only(np.where(small, 1.0 / deviation, 1.0), 1.0),
            add=some.only(np.where(small, rest, 0.0), some.nothing),
        )


@frozen
class MinMax(OfNumbers):
    """y = (x - low) * (maximum - minimum) / (high - low) + minimum, each per last axis.

    low and high are the extremes of the training part; where they are equal, y = minimum.
    """

    fitted = Affine

    minimum: float = 0.0
    maximum: float = 1.0
    columns: Chosen = None

    def shape_after(self, shape: Shape) -> Shape:
        super().shape_after(shape)
        if not self.minimum < self.maximum:
            raise Misfit(f"minimum {self.minimum:g} must be below maximum {self.maximum:g}.")
        return shape

    def fit(self, rows: TrainingRows) -> Affine:
        self.shape_after(rows.shape)
        some = _Some.of(rows, self.columns, "min_max")
        low, high = extremes(some.rows.chunks)
        constant = high == low
        with np.errstate(over="ignore"):
            width = finite(high - low)
        # A width whose inverse the working type cannot hold is brought near 1 beforehand.
        exponent = unit(np.where(constant, 1.0, width), rows.dtype)
        divide = np.ldexp(1.0, exponent) if exponent.any() else None
        spread = self.maximum - self.minimum
        factor = np.where(
            constant, 0.0, spread / np.ldexp(np.where(constant, 1.0, width), -exponent)
        )
        add = some.only(np.full(low.shape, self.minimum), some.nothing)
        return Affine(
            rows.shape,
            subtract=low,
            divide=divide,
            multiply=some.only(finite(factor), 1.0),
            add=add if add.any() else None,
        )


@frozen
class Robust(OfNumbers):
    """y = (x - median) / (high - low), each per last axis: quantiles of the training part, which
    outliers do not move.

    quantile_range: low and high, in percent; where they are equal, the difference is divided by
        one. with_centering, with_scaling: whether the two operations are done.

    Source: formula, defaults and names are those of sklearn.preprocessing.RobustScaler.
    """

    fitted = Affine

    with_centering: bool = True
    with_scaling: bool = True
    quantile_range: tuple[float, float] = (25.0, 75.0)
    columns: Chosen = None

    def fit(self, rows: TrainingRows) -> Affine:
        some = _Some.of(rows, self.columns, "robust")
        width = rows.shape[-1] if rows.shape else 1
        middle, spread = np.zeros(width), np.ones(width)
        shares = np.array([0.5, *(share / 100.0 for share in self.quantile_range)])
        positions = np.flatnonzero(some.mask).tolist()
        for position, values in zip(
            positions, ascending(gathered(rows, positions), positions), strict=True
        ):
            center, low, high = quantiles(values, shares).tolist()
            middle[position] = center
            spread[position] = high - low if high - low > 0.0 else 1.0
        return Affine(
            rows.shape,
            subtract=finite(middle) if self.with_centering else None,
            divide=finite(spread) if self.with_scaling else None,
        )


@frozen
class _Some:
    """The training rows of which some columns are chosen.

    rows: with zeros in all other columns, so that these have no statistics: none that overflow,
        and a mean of 0 and a deviation of 1. What is learned of a column does not depend on which
        others are chosen.
    mask: whether each number of the last axis is chosen.
    nothing: what is added to the others so that they keep every bit. -0.0 + -0.0 is -0.0, and
        -0.0 + 0.0 is not; but text has codes from 0 on, for which runs have always had 0.0.
    """

    rows: TrainingRows
    mask: Array
    nothing: Array

    @staticmethod
    def of(rows: TrainingRows, chosen: Chosen, word: str) -> "_Some":
        """All but text and ids, unless something else is chosen."""
        numbers: tuple[ColumnKind, ...] = ("numeric", "indicator")
        mask = choose(chosen, rows, word, numbers, numbers)
        text = [column.kind == "text" for column in rows.columns or ()]
        nothing = np.where(text, 0.0, -0.0) if text else np.array(-0.0)
        if mask.all():
            return _Some(rows, mask, nothing)

        def chunks() -> Iterator[Array]:
            for chunk in rows.chunks():
                yield np.where(mask, chunk, chunk.dtype.type(0))

        return _Some(replace(rows, chunks=chunks), mask, nothing)

    def only(self, constant: Array, otherwise: Array | float) -> Array:
        """The constant for the chosen columns, for the others this one."""
        return constant if self.mask.all() else np.where(self.mask, constant, otherwise)
