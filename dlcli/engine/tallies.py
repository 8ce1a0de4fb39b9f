"""Counts and sums over rows, of which metrics are functions.

Tallies of shards and batches add, so a metric of any amount of data costs one small array.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from dlcli.engine.layer import Array, Shape


class Tally(ABC):
    """Additive counts over rows, which metrics read."""

    @property
    @abstractmethod
    def shape(self) -> Shape: ...

    @abstractmethod
    def zeros(self) -> Array:
        """The tally of no rows."""

    @abstractmethod
    def count(self, y: Array, t: Array) -> Array:
        """The tally of these rows: answers y and targets t."""


@dataclass(frozen=True)
class Confusion(Tally):
    """How often each class was answered for each class: int64 (K, K + 1).

    The row is the true class, the column the answered one. A row of y with a NaN in it is no
    answer at all: it is counted in the last column, and so is wrong for every metric.
    """

    classes: int
    binary: bool = False

    @property
    def shape(self) -> Shape:
        return (self.classes, self.classes + 1)

    def zeros(self) -> Array:
        return np.zeros(self.shape, np.int64)

    def count(self, y: Array, t: Array) -> Array:
        if self.binary:
            answered = (y[:, 0] > 0.5).astype(np.int64)
            true = t.reshape(-1) > 0.5
        else:
            answered = y.argmax(axis=1)
            true = t if t.ndim == 1 else t.argmax(axis=1)
        total = np.add.reduce(y, axis=None)
        if total != total:  # else there is no NaN; only then is it worth a closer look
            answered[np.isnan(y).any(axis=1)] = self.classes
        cells = true.astype(np.int64) * (self.classes + 1) + answered
        rows, columns = self.shape
        return np.bincount(cells, minlength=rows * columns).reshape(self.shape)


@dataclass(frozen=True)
class LabelConfusion(Tally):
    """A confusion matrix for each of k labels on its own: int64 (k, 2, 3).

    The row is 0 (the label does not hold) or 1, the column the answer, the last one for NaN.
    """

    labels: int

    @property
    def shape(self) -> Shape:
        return (self.labels, 2, 3)

    def zeros(self) -> Array:
        return np.zeros(self.shape, np.int64)

    def count(self, y: Array, t: Array) -> Array:
        answered = np.where(np.isnan(y), 2, y > 0.5).astype(np.int64)
        cells = 6 * np.arange(self.labels) + 3 * (t > 0.5) + answered
        return np.bincount(cells.reshape(-1), minlength=6 * self.labels).reshape(self.shape)


@dataclass(frozen=True)
class Errors(Tally):
    """The sums of a regression over rows, for each output on its own: float64 (6, outputs).

    In rows: the number of rows n, |e|, e^2, (e / scale)^2, d, d^2, with the error e = y - t and
    the deviation d = (t - center) / scale.

    centers: for each output any number near its targets, the same for all rows. The spread of the
    targets is the difference of two sums, which in float64 loses about twice as many digits as
    the ratio of their distance from the center to their spread has.
    scales: for each output about the size of t - center, so that no square is lost; a power of
    two, so that dividing by it rounds nothing.
    """

    outputs: int = 1
    centers: tuple[float, ...] | None = None
    scales: tuple[float, ...] | None = None

    @property
    def shape(self) -> Shape:
        return (6, self.outputs)

    def zeros(self) -> Array:
        return np.zeros(self.shape, np.float64)

    def count(self, y: Array, t: Array) -> Array:
        target = t.reshape(len(t), self.outputs).astype(np.float64)
        error = y.reshape(len(y), self.outputs) - target
        terms = np.empty((len(y), 5, self.outputs))
        np.abs(error, out=terms[:, 0])
        np.multiply(error, error, out=terms[:, 1])
        if self._center is not None:
            target -= self._center
        if self._scale is not None:
            target /= self._scale
            error /= self._scale
        np.multiply(error, error, out=terms[:, 2])
        terms[:, 3] = target
        np.multiply(target, target, out=terms[:, 4])
        tally = np.empty(self.shape, np.float64)
        tally[0] = len(y)
        # A running sum has one possible order; that of np.sum is NumPy's to choose.
        tally[1:] = np.add.accumulate(terms, axis=0)[-1]
        return tally

    @cached_property
    def _center(self) -> Array | None:
        return None if self.centers is None else np.array(self.centers)

    @cached_property
    def _scale(self) -> Array | None:
        return None if self.scales is None else np.array(self.scales)
