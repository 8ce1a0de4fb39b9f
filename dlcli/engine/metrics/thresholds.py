"""What scores say of a yes or no at every threshold, and how far they can be taken at their word.

A row is answered by yes where its score is at least the threshold. Hits are the rows that are
rightly answered so, false alarms those that are wrongly; hits over all yes are the true positive
rate (recall), false alarms over all no the false positive rate. Source: Fawcett, "An introduction
to ROC analysis" (2006); scikit-learn's roc_curve and precision_recall_curve give the same numbers.
"""

from typing import NamedTuple

import numpy as np

from dlcli.engine.layer import Array


class Thresholds(NamedTuple):
    """One entry a threshold, from the highest to the lowest; equal scores are one threshold.

    hits, alarms: int64, or float64 where they are sums of weights.
    """

    thresholds: Array
    hits: Array
    alarms: Array


def at_thresholds(scores: Array, yes: Array, weights: Array | None = None) -> Thresholds:
    """Hits and false alarms at each score (n,); yes: bool (n,), whether each row is one.

    >>> scores = np.array([0.9, 0.4, 0.4, 0.1])
    >>> [one.tolist() for one in at_thresholds(scores, np.array([True, True, False, False]))]
    [[0.9, 0.4, 0.1], [1, 2, 2], [0, 1, 2]]
    """
    order = np.argsort(-scores, kind="stable")
    scores, yes = scores[order], yes[order]
    last = np.append(np.flatnonzero(scores[1:] != scores[:-1]), len(scores) - 1)
    if weights is None:
        hits = np.cumsum(yes, dtype=np.int64)[last]
        return Thresholds(scores[last], hits, last + 1 - hits)
    own = weights[order]
    return Thresholds(
        scores[last],
        np.add.accumulate(np.where(yes, own, 0.0))[last],
        np.add.accumulate(np.where(yes, 0.0, own))[last],
    )


def spread_out(found: Thresholds, most: int) -> Thresholds:
    """At most so many of the thresholds, the first and the last among them, evenly along the curves
    of hits over false alarms and of precision over recall."""
    if len(found.hits) <= most:
        return found
    recall = found.hits / max(1, found.hits[-1])
    precision = found.hits / (found.hits + found.alarms)
    steps = np.abs(np.diff(precision, prepend=precision[0])) + np.diff(recall, prepend=0.0)
    along = np.add.accumulate(steps)
    walked = recall + found.alarms / max(1, found.alarms[-1]) + 2.0 * along / max(along[-1], 1e-9)
    wanted = np.linspace(walked[0], walked[-1], most)
    chosen = np.searchsorted(walked, wanted)
    chosen[-1] = len(walked) - 1
    chosen = chosen[np.append(True, chosen[1:] != chosen[:-1])]
    return Thresholds(*(one[chosen] for one in found))


class Bins(NamedTuple):
    """Rows by how probable their yes was held; only bins that have rows.

    rows: int64. held: the mean of the probabilities. found: the share of rows that are a yes.
    """

    rows: Array
    held: Array
    found: Array

    @property
    def error(self) -> float:
        """The expected calibration error: the mean of |found - held|, each bin as often as it has
        rows. Source: Guo et al., "On calibration of modern neural networks" (ICML 2017)."""
        gaps = self.rows * np.abs(self.found - self.held)
        return float(np.add.accumulate(gaps)[-1] / self.rows.sum())


def calibration(probabilities: Array, yes: Array, count: int = 10) -> Bins:
    """Equally wide bins of [0, 1]; a probability on an edge is in the lower one, as in
    scikit-learn's calibration_curve.

    probabilities: (n,), n at least 1. yes: bool (n,).
    """
    values = probabilities.astype(np.float64)
    bins = np.searchsorted(np.linspace(0.0, 1.0, count + 1)[1:-1], values)
    rows = np.bincount(bins, minlength=count)
    there = rows > 0
    held = np.bincount(bins, values, minlength=count)[there] / rows[there]
    found = np.bincount(bins[yes], minlength=count)[there] / rows[there]
    return Bins(rows[there], held, found)
