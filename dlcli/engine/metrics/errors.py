"""Metrics of numbers: functions of sums over rows, for each output on its own."""

import math

import numpy as np

from dlcli.engine.layer import Array
from dlcli.engine.metrics.base import Counted
from dlcli.engine.metrics.learned import Kind
from dlcli.engine.metrics.sums import mean, ratio
from dlcli.engine.metrics.tallies import Errors, Shares

NUMBERS: tuple[Kind, ...] = ("regression",)


class MeanSquaredError(Counted):
    """The mean of (y - t)^2 over all rows and outputs; 0 of no rows."""

    reads = Errors
    suits = NUMBERS

    def value(self, tally: Array) -> float:
        return ratio(float(tally[2].sum()), float(tally[0].sum()))


class RootMeanSquaredError(Counted):
    """The square root of the mean of (y - t)^2 over all rows; 0 of no rows.

    Of several outputs the plain mean of their roots, as scikit-learn's; Keras takes the root of
    the mean over all.
    """

    reads = Errors
    suits = NUMBERS

    def value(self, tally: Array) -> float:
        pairs = zip(tally[2].tolist(), tally[0].tolist(), strict=True)
        return mean([math.sqrt(ratio(squared, n)) for squared, n in pairs])


class MeanAbsoluteError(Counted):
    """The mean of |y - t| over all rows and outputs; 0 of no rows."""

    reads = Errors
    suits = NUMBERS

    def value(self, tally: Array) -> float:
        return ratio(float(tally[1].sum()), float(tally[0].sum()))


class MeanAbsolutePercentageError(Counted):
    """The mean of |y - t| / max(|t|, eps) over all rows and outputs; 0 of no rows.

    As scikit-learn's: a share and no percentage, with the eps of float64, so that a target of 0
    makes it huge. Keras's is 100 times as large, and divides by 1e-7 at least.
    """

    reads = Shares
    suits = NUMBERS

    def value(self, tally: Array) -> float:
        pairs = zip(tally[1].tolist(), tally[0].tolist(), strict=True)
        return mean([ratio(share, n) for share, n in pairs])


class R2(Counted):
    """The share of the targets' variance that is explained: 1 - sum (y - t)^2 / sum (t - mean)^2.

    The plain mean over the outputs. For targets that are all equal, 1 where every answer is
    exact and 0 otherwise: scikit-learn's convention. A spread below the rounding of its own
    sums counts as none. Of a single row scikit-learn gives NaN; here the convention holds.
    """

    reads = Errors
    suits = NUMBERS

    def value(self, tally: Array) -> float:
        counts = tally[6 if self.weighted else 0].tolist()
        columns = zip(counts, tally[:6].T.tolist(), strict=True)
        return mean([self._of_one_output(count, *column) for count, column in columns])

    def _of_one_output(
        self,
        count: float,
        n: float,
        absolute: float,
        unscaled: float,
        squared: float,
        targets: float,
        squares: float,
    ) -> float:
        if n == 0.0:
            return 0.0
        spread = squares - targets * targets / n
        if spread <= count * np.finfo(np.float64).eps * squares:
            return squared if squared != squared else float(squared == 0.0)
        return 1.0 - squared / spread
