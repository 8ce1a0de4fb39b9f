"""Metrics of classes and of labels: functions of a confusion matrix, or of ranks."""

import math
from abc import abstractmethod
from typing import ClassVar, Literal

import numpy as np

from dlcli.engine.layer import Array
from dlcli.engine.metrics.base import Counted, Occurring
from dlcli.engine.metrics.learned import Kind, Learned
from dlcli.engine.metrics.sums import along, mean, ratio, total, weighted_mean
from dlcli.engine.metrics.tallies import Confusion, Ranks, Surprise
from dlcli.frozen import frozen

CLASSES: tuple[Kind, ...] = ("multiclass", "binary", "multilabel")
ONE_CLASS: tuple[Kind, ...] = ("multiclass", "binary")
"""Where each row is of one class."""


class Accuracy(Counted):
    """The share of right answers; 0 of no rows.

    Of several labels, the share of right decisions about single labels, as Keras's
    binary_accuracy (scikit-learn's accuracy_score counts a row only if all its labels are right).
    """

    reads = Confusion
    suits = CLASSES

    def value(self, tally: Array) -> float:
        return ratio(total(np.diagonal(tally, axis1=-2, axis2=-1)), total(tally))


class ConfusionMatrix(Counted):
    """The counts themselves: a list for each true class, a count for each answered class.

    Rows without an answer (NaN) stand in no column. Of several labels, a list of such matrices,
    one for each label, as scikit-learn's multilabel_confusion_matrix.
    """

    reads = Confusion
    suits = CLASSES
    scalar = False

    def value(self, tally: Array) -> list[list[float]] | list[list[list[float]]]:
        counts: list[list[float]] = tally[..., :-1].tolist()
        return counts


class _ClassScore(Occurring):
    """A score of each class, and how they become one number.

    average "class": the score of the second class where there are two, else the plain mean
    (macro) over the classes that occur, as a true class or as an answer; as scikit-learn's
    average="binary" and "macro", which leave out classes that never occur, too.
    average "weighted": the mean weighted by how often each class is the true one.
    average "per_class": the list of all classes in order.

    Of several labels the score of each label's yes, and their plain mean (over all labels), their
    mean weighted by how often each label holds, or their list: as scikit-learn's "macro",
    "weighted" and None for indicator matrices.

    A score of 0/0 is 0, as in scikit-learn (which also warns).
    """

    average: ClassVar[Literal["class", "weighted", "per_class"]] = "class"
    reads = Confusion
    suits = CLASSES
    of_positive = True

    @abstractmethod
    def parts(self, right: Array, true: Array, answered: Array, rows: Array) -> tuple[Array, Array]:
        """(numerator, denominator) for each class.

        right, true, answered: how often each class (of labels: the yes of each) was answered
            rightly, true, answered. rows: how many rows there are, for each.
        """

    def value(self, tally: Array, counts: Array | None = None) -> float | list[float]:
        if tally.ndim == 3:
            right, true, answered = tally[:, 1, 1], along(tally[:, 1], 1), along(tally[:, :, 1], 1)
        else:
            right, true, answered = tally.diagonal(), along(tally, 1), along(tally[:, :-1], 0)
        rows = along(tally.reshape(len(tally) if tally.ndim == 3 else 1, -1), 1)
        numerators, denominators = self.parts(right, true, answered, rows)
        pairs = zip(numerators.tolist(), denominators.tolist(), strict=True)
        scores = [ratio(above, below) for above, below in pairs]
        if self.average == "per_class":
            return scores
        if self.average == "weighted":
            return weighted_mean(scores, true.tolist())
        if tally.ndim == 3:
            return mean(scores)
        if len(scores) == 2:
            return scores[1]
        seen = tally if counts is None else counts
        occurs = along(seen, 1) + along(seen[:, :-1], 0) > 0
        return weighted_mean(scores, occurs.tolist())


class Precision(_ClassScore):
    """Of the answers that name a class, the share that is right."""

    def parts(self, right: Array, true: Array, answered: Array, rows: Array) -> tuple[Array, Array]:
        return right, answered


class Recall(_ClassScore):
    """Of the rows of a class, the share that is answered rightly."""

    def parts(self, right: Array, true: Array, answered: Array, rows: Array) -> tuple[Array, Array]:
        return right, true


class F1(_ClassScore):
    """The harmonic mean of precision and recall: 2 right / (true + answered)."""

    def parts(self, right: Array, true: Array, answered: Array, rows: Array) -> tuple[Array, Array]:
        return 2 * right, true + answered


class PrecisionWeighted(Precision):
    """The mean of the classes' precision, weighted by how often each is the true one."""

    average = "weighted"
    of_positive = False


class RecallWeighted(Recall):
    """The mean of the classes' recall, weighted by how often each is the true one."""

    average = "weighted"
    of_positive = False


class F1Weighted(F1):
    """The mean of the classes' F1, weighted by how often each is the true one."""

    average = "weighted"
    of_positive = False


class PrecisionPerClass(Precision):
    """The precision of each class."""

    average = "per_class"
    of_positive = scalar = False


class RecallPerClass(Recall):
    """The recall of each class."""

    average = "per_class"
    of_positive = scalar = False


class F1PerClass(F1):
    """The F1 of each class."""

    average = "per_class"
    of_positive = scalar = False


class BalancedAccuracy(Counted):
    """The plain mean of the recall of each class that has rows: scikit-learn's.

    Of two classes, of both of them.
    """

    reads = Confusion
    suits = ONE_CLASS

    def value(self, tally: Array) -> float:
        pairs = zip(tally.diagonal().tolist(), along(tally, 1).tolist(), strict=True)
        return mean([right / true for right, true in pairs if true])


class Matthews(Counted):
    """Matthews's correlation of the answers with the truth: scikit-learn's matthews_corrcoef.

    With the rows n, the right ones c, and how often each class k is true, t, and answered, p:

        (n c - sum t p) / sqrt((n^2 - sum p^2) (n^2 - sum t^2))

    From -1 to 1; 0 where all rows are of one class, or all answers are. No answer (NaN) is one
    more thing that can be answered.
    """

    reads = Confusion
    suits = ONE_CLASS

    def value(self, tally: Array) -> float:
        true, answered = along(tally, 1).tolist(), along(tally, 0).tolist()
        if min(sum(map(bool, true)), sum(map(bool, answered))) < 2:
            return 0.0
        n, right = total(tally), total(tally.diagonal())
        both = right * n - _dot(true, answered[:-1])
        spread = (n * n - _dot(answered, answered)) * (n * n - _dot(true, true))
        if spread <= 0.0:  # weights so unlike that nothing of the spread is left
            return 0.0
        return min(1.0, max(-1.0, both / math.sqrt(spread)))


@frozen
class TopKAccuracy(Counted):
    """The share of rows whose true class is among the k most probable ones; 0 of no rows.

    Of classes of equal probability the lower id comes first, as in `predict`; scikit-learn's
    top_k_accuracy_score takes the higher one, and Keras counts every tie as a hit.
    """

    k: int = 5
    reads = Ranks
    suits = ("multiclass",)

    def pointless(self, learned: Learned) -> str | None:
        if self.k < learned.classes:
            return None
        return f"with k {self.k} of {learned.classes} classes it is always 1: use a smaller `k`"

    def value(self, tally: Array) -> float:
        return ratio(total(tally[:-1][: self.k]), total(tally))


class LogLoss(Counted):
    """The mean of -log(probability of the true class): scikit-learn's log_loss; 0 of no rows.

    Probabilities are kept in [eps, 1 - eps] with the eps of float32, so the worst row adds 15.9.
    """

    reads = Surprise
    suits = ONE_CLASS

    def value(self, tally: Array) -> float:
        rows, surprise = tally.tolist()
        return ratio(surprise, rows)


def _dot(a: list[float], b: list[float]) -> float:
    """The sum of products: exact for whole numbers."""
    products = [one * other for one, other in zip(a, b, strict=True)]
    return sum(products) if all(isinstance(p, int) for p in products) else math.fsum(products)
