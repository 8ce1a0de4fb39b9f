"""Metrics of how well scores put rows in order: functions of the answers to all rows.

Each is defined for a yes or no by one score. Of two classes the yes is the second class. Of more,
each class is the yes against all others, and of several labels each label on its own; the metric
is their plain mean (macro). Definitions are scikit-learn's (average="macro", and "ovr" for
classes); equal scores make one threshold, so that ties never depend on the order of rows.
"""

from abc import abstractmethod

import numpy as np

from dlcli.engine.layer import Array
from dlcli.engine.metrics.base import OverRows
from dlcli.engine.metrics.classes import CLASSES
from dlcli.engine.metrics.rows import Rows
from dlcli.engine.metrics.sums import mean
from dlcli.engine.metrics.thresholds import at_thresholds


class _Ranking(OverRows):
    """The mean of a score of each column."""

    suits = CLASSES
    of_positive = True

    @abstractmethod
    def score(self, yes: Array, no: Array) -> float | None:
        """The score of one column; None where it has none.

        yes, no: how many rows of each (or their weights' sum) score at least as much as each
        threshold, from the highest threshold to the lowest.
        """

    def value(self, rows: Rows) -> float:
        if not len(rows.scores):
            return 0.0
        if np.isnan(rows.scores).any():
            return float("nan")
        weights = rows.weights if self.weighted else None
        scores = [
            self.score(*at_thresholds(rows.scores[:, column], rows.yes(column), weights)[1:])
            for column in range(rows.scores.shape[1])
        ]
        if rows.targets.ndim == 1 and len(scores) > 1:
            scores = self._of_classes(rows, weights, scores)
        return mean([score for score in scores if score is not None])

    def _of_classes(
        self, rows: Rows, weights: Array | None, scores: list[float | None]
    ) -> list[float | None]:
        """The scores of the classes that have rows: of the others nothing can be said."""
        counts = np.bincount(rows.targets, weights, minlength=len(scores))
        return [score for score, count in zip(scores, counts.tolist(), strict=True) if count]


class RocAuc(_Ranking):
    """The area under the curve of hits over false alarms: how often a row of the yes scores
    higher than a row of the no, with half of the ties.

    A class or a label of which all rows are a yes, or none, has no area and is left out of the
    mean, where scikit-learn's mean is NaN. Where nothing is left, it is 0; a part of the data of
    which this is known beforehand is refused.
    """

    def score(self, yes: Array, no: Array) -> float | None:
        if not yes[-1] or not no[-1]:
            return None
        before = np.concatenate(([0], yes[:-1]))
        alarms = np.diff(no, prepend=0)
        if yes.dtype.kind == "i":  # exact: below 2^63 up to four thousand million rows
            return int((alarms * (yes + before)).sum()) / (2 * int(yes[-1]) * int(no[-1]))
        area = np.add.accumulate(alarms * (yes + before))[-1]
        return float(area / (2.0 * yes[-1] * no[-1]))

    def undefined(self, targets: Array) -> str | None:
        yes = targets if targets.ndim > 1 else targets.reshape(len(targets), -1)
        if (yes != yes[:1]).any():
            return None
        return "all its rows are of one class" if targets.ndim == 1 else "all its rows are alike"


class AveragePrecision(_Ranking):
    """The precision at each threshold, weighted by the share of the yes that it adds: the sum of
    (hits - hits before) / all hits * hits / (hits + false alarms), without interpolation.

    A label that never holds scores 0, as in scikit-learn; a class without rows is left out of the
    mean, where scikit-learn takes no such data.
    """

    def score(self, yes: Array, no: Array) -> float | None:
        if not yes[-1]:
            return 0.0
        seen = yes + no
        precision = yes / np.where(seen == 0, 1, seen)
        steps = np.diff(yes, prepend=0) / yes[-1] * precision
        return float(np.add.accumulate(steps)[-1])
