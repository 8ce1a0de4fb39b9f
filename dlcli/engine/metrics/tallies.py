"""Counts and sums over rows, of which metrics are functions.

Tallies of shards and batches add, so a metric of any amount of data costs one small array. A
weighted tally adds the weights of rows where another counts them, and is float64 where another is
int64; where rows have no weights, each weighs 1.
"""

import math
from abc import ABC, abstractmethod
from functools import cached_property
from typing import Any, ClassVar

import numpy as np

from dlcli.engine.layer import Array, Shape
from dlcli.engine.metrics.learned import Learned
from dlcli.frozen import frozen


class Tally(ABC):
    """Additive counts over rows, which metrics read."""

    original: ClassVar[bool] = False
    """Whether it needs targets as the data has them, to the last digit, where a network learns
    scaled ones, which are rounded."""

    @property
    def dtype(self) -> type[Any]:
        """Of its numbers."""
        return np.float64

    @classmethod
    @abstractmethod
    def of(cls, learned: Learned, weighted: bool) -> "Tally":
        """The tally of this kind for what is being learned."""

    @property
    @abstractmethod
    def shape(self) -> Shape: ...

    def zeros(self) -> Array:
        """The tally of no rows."""
        return np.zeros(self.shape, self.dtype)

    @abstractmethod
    def count(self, y: Array, t: Array, weights: Array | None = None) -> Array:
        """The tally of these rows: answers y, targets t, and the rows' weights (n,) or None, which
        are not looked at unless the tally is weighted."""


class _Counts(Tally):
    """A tally of whole rows, or of their weights."""

    weighted: bool

    @property
    def dtype(self) -> type[Any]:
        return np.float64 if self.weighted else np.int64

    def _add_up(self, cells: Array, weights: Array | None) -> Array:
        """How often each cell (n,) or (n, k) occurs, or the sums of the rows' weights there, in the
        order of the rows."""
        size = math.prod(self.shape)
        if not self.weighted:
            return np.bincount(cells.reshape(-1), minlength=size).reshape(self.shape)
        own = np.ones(len(cells)) if weights is None else weights
        each = np.repeat(own, cells.size // len(cells))
        return np.bincount(cells.reshape(-1), each, minlength=size).reshape(self.shape)


@frozen
class Confusion(_Counts):
    """How often each class was answered for each class: int64 (K, K + 1).

    The row is the true class, the column the answered one. A row of y with a NaN in it is no
    answer at all: it is counted in the last column, and so is wrong for every metric.
    """

    classes: int
    binary: bool = False
    weighted: bool = False

    @classmethod
    def of(cls, learned: Learned, weighted: bool) -> Tally:
        if learned.kind == "multilabel":
            return LabelConfusion(learned.classes, weighted)
        return cls(learned.classes, learned.kind == "binary", weighted)

    @property
    def shape(self) -> Shape:
        return (self.classes, self.classes + 1)

    def count(self, y: Array, t: Array, weights: Array | None = None) -> Array:
        if self.binary:
            answered = (y[:, 0] > 0.5).astype(np.int64)
            true = t.reshape(-1) > 0.5
        else:
            answered = y.argmax(axis=1)
            true = t if t.ndim == 1 else t.argmax(axis=1)
        total = np.add.reduce(y, axis=None)
        if total != total:  # else there is no NaN; only then is it worth a closer look
            answered[np.isnan(y).any(axis=1)] = self.classes
        return self._add_up(true.astype(np.int64) * (self.classes + 1) + answered, weights)


@frozen
class LabelConfusion(_Counts):
    """A confusion matrix for each of k labels on its own: int64 (k, 2, 3).

    The row is 0 (the label does not hold) or 1, the column the answer, the last one for NaN.
    """

    labels: int
    weighted: bool = False

    @classmethod
    def of(cls, learned: Learned, weighted: bool) -> Tally:
        return cls(learned.classes, weighted)

    @property
    def shape(self) -> Shape:
        return (self.labels, 2, 3)

    def count(self, y: Array, t: Array, weights: Array | None = None) -> Array:
        answered = np.where(np.isnan(y), 2, y > 0.5).astype(np.int64)
        return self._add_up(6 * np.arange(self.labels) + 3 * (t > 0.5) + answered, weights)


@frozen
class Ranks(_Counts):
    """At which place the true class stood among the answers: int64 (K + 1,).

    The place is the number of classes before it: those of a larger probability, and of equal ones
    those of a lower id. A row of y with a NaN in it is counted in the last cell.
    """

    classes: int
    weighted: bool = False

    @classmethod
    def of(cls, learned: Learned, weighted: bool) -> Tally:
        return cls(learned.classes, weighted)

    @property
    def shape(self) -> Shape:
        return (self.classes + 1,)

    def count(self, y: Array, t: Array, weights: Array | None = None) -> Array:
        true = (t if t.ndim == 1 else t.argmax(axis=1)).astype(np.int64)[:, np.newaxis]
        own = np.take_along_axis(y, true, axis=1)
        before = (y > own) | ((y == own) & (np.arange(self.classes) < true))
        places = np.add.reduce(before, axis=1, dtype=np.int64)
        places[np.isnan(y).any(axis=1)] = self.classes
        return self._add_up(places, weights)


@frozen
class Surprise(Tally):
    """How unlikely the true classes were held: float64 (2,), the rows and the sum of -log(p).

    p is the probability of the true class, kept in [eps, 1 - eps] with the eps of float32, in
    which answers are given: scikit-learn's log_loss does the same.
    """

    binary: bool
    weighted: bool = False

    @classmethod
    def of(cls, learned: Learned, weighted: bool) -> Tally:
        return cls(learned.kind == "binary", weighted)

    @property
    def shape(self) -> Shape:
        return (2,)

    def count(self, y: Array, t: Array, weights: Array | None = None) -> Array:
        y = y.astype(np.float32, copy=False)
        one, eps = np.float32(1.0), np.finfo(np.float32).eps
        if self.binary:
            p = np.where(t.reshape(-1) > 0.5, y[:, 0], one - y[:, 0])
        else:
            true = (t if t.ndim == 1 else t.argmax(axis=1)).astype(np.int64)
            p = np.take_along_axis(y, true[:, np.newaxis], axis=1)[:, 0]
        p = np.minimum(np.maximum(p, eps), one - eps)
        terms = np.empty((len(y), 2), np.float64)
        terms[:, 0] = 1.0 if weights is None or not self.weighted else weights
        terms[:, 1] = -np.log(p)
        terms[:, 1] *= terms[:, 0]
        return np.asarray(np.add.accumulate(terms, axis=0)[-1])


class _Sums(Tally):
    """A tally of float64 sums over rows, for each output of a regression on its own."""

    outputs: int
    weighted: bool

    def _pair(self, y: Array, t: Array) -> tuple[Array, Array]:
        """Targets and errors y - t, both (n, outputs) in float64."""
        target = t.reshape(len(t), self.outputs).astype(np.float64)
        return target, y.reshape(len(y), self.outputs) - target

    def _sum_up(self, terms: Array, weights: Array | None) -> Array:
        """The sums of terms (n, k, outputs), which it may change, behind the number of rows.

        Where it is weighted, the weights' sum stands for the number, and the number stands last.
        """
        tally = np.empty(self.shape, np.float64)
        sums = tally[1:]
        tally[0] = len(terms)
        if self.weighted:
            sums, tally[-1] = tally[1:-1], len(terms)
            if weights is not None:
                tally[0] = np.add.accumulate(weights, dtype=np.float64)[-1]
                terms *= weights[:, np.newaxis, np.newaxis]
        # A running sum has one possible order; that of np.sum is NumPy's to choose.
        sums[:] = np.add.accumulate(terms, axis=0)[-1]
        return tally


@frozen
class Errors(_Sums):
    """The sums of a regression over rows, for each output on its own: float64 (6, outputs).

    In rows: the number of rows n, |e|, e^2, (e / scale)^2, d, d^2, with the error e = y - t and
    the deviation d = (t - center) / scale; where it is weighted, a seventh row as `_sum_up` says.

    centers: for each output any number near its targets, the same for all rows. The spread of the
    targets is the difference of two sums, which in float64 loses about twice as many digits as
    the ratio of their distance from the center to their spread has.
    scales: for each output about the size of t - center, so that no square is lost; a power of
    two, so that dividing by it rounds nothing.
    """

    outputs: int = 1
    centers: tuple[float, ...] | None = None
    scales: tuple[float, ...] | None = None
    weighted: bool = False

    @classmethod
    def of(cls, learned: Learned, weighted: bool) -> Tally:
        return cls(learned.classes, learned.centers, learned.scales, weighted)

    @property
    def shape(self) -> Shape:
        return (6 + self.weighted, self.outputs)

    def count(self, y: Array, t: Array, weights: Array | None = None) -> Array:
        target, error = self._pair(y, t)
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
        if self.weighted:
            return self._sum_up(terms, weights)
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


@frozen
class Shares(_Sums):
    """Errors as shares of their targets, for each output on its own: float64 (2, outputs).

    In rows: the number of rows, and the sum of |y - t| / max(|t|, eps) with the eps of float64;
    where it is weighted, a third row as `_sum_up` says.
    """

    original = True

    outputs: int = 1
    weighted: bool = False

    @classmethod
    def of(cls, learned: Learned, weighted: bool) -> Tally:
        return cls(learned.classes, weighted)

    @property
    def shape(self) -> Shape:
        return (2 + self.weighted, self.outputs)

    def count(self, y: Array, t: Array, weights: Array | None = None) -> Array:
        target, error = self._pair(y, t)
        share = np.abs(error) / np.maximum(np.abs(target), np.finfo(np.float64).eps)
        return self._sum_up(share[:, np.newaxis], weights)
