"""How good the answers are, in the measures people report.

A metric is computed in two steps. A tally counts over some rows, and tallies of shards and
batches add, so a metric of any amount of data costs one small array. The value is then a pure
function of the tally. Metrics that read the same tally share it: accuracy, precision, recall
and f1 are all functions of one confusion matrix, the errors of a regression of one array of
sums.

A `MetricSet` holds the metrics of a run. Its y are answers (`Loss.predict` of the outputs):

    multiclass  y (n, K) probabilities, the largest is the answer (of equal ones the first);
                t (n,) class ids or (n, K) one-hot
    binary      y (n, 1) probabilities, above 0.5 is a yes; t (n,) or (n, 1) of 0 and 1
    multilabel  y (n, k) probabilities, each above 0.5 is a yes; t (n, k) of 0 and 1
    regression  y (n, *out_shape); t the same, or (n,) where a row has one output

Definitions and the treatment of 0/0 are scikit-learn's, and are stated where they are made.
"""

import copy
import math
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from dlcli.engine.layer import Array, Shape
from dlcli.engine.tallies import Confusion, Errors, LabelConfusion, Tally

Kind = Literal["multiclass", "binary", "multilabel", "regression"]
Average = Literal["class", "weighted", "per_class"]
Value = float | list[float] | list[list[int]] | list[list[list[int]]]


class MetricError(ValueError):
    """A metric that does not suit what is being learned. The message is in plain words."""


class Metric(ABC):
    """A pure function of a tally; subclasses are frozen dataclasses."""

    reads: ClassVar[type[Tally]]
    """The tally it is a function of; one of `Confusion` works on a `LabelConfusion`, too."""

    @abstractmethod
    def value(self, tally: Array) -> Value:
        """A number, or a list with one for each class (for the confusion matrix, a row)."""


@dataclass(frozen=True)
class Accuracy(Metric):
    """The share of right answers; 0 of no rows.

    Of several labels, the share of right decisions about single labels, as Keras's
    binary_accuracy (scikit-learn's accuracy_score counts a row only if all its labels are right).
    """

    reads = Confusion

    def value(self, tally: Array) -> float:
        right = np.diagonal(tally, axis1=-2, axis2=-1)
        return _ratio(int(right.sum()), int(tally.sum()))


@dataclass(frozen=True)
class ConfusionMatrix(Metric):
    """The counts themselves: a list for each true class, a count for each answered class.

    Rows without an answer (NaN) stand in no column. Of several labels, a list of such matrices,
    one for each label, as scikit-learn's multilabel_confusion_matrix.
    """

    reads = Confusion

    def value(self, tally: Array) -> list[list[int]] | list[list[list[int]]]:
        counts: list[list[int]] = tally[..., :-1].tolist()
        return counts


@dataclass(frozen=True)
class _ClassScore(Metric):
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

    average: Average = "class"
    reads = Confusion

    @abstractmethod
    def parts(self, right: Array, true: Array, answered: Array) -> tuple[Array, Array]:
        """(numerator, denominator) for each class.

        right, true, answered: how often each class was answered rightly, true, answered.
        """

    def value(self, tally: Array) -> float | list[float]:
        if tally.ndim == 3:
            right, true, answered = tally[:, 1, 1], tally[:, 1].sum(axis=1), tally[:, :, 1].sum(1)
        else:
            right, true, answered = tally.diagonal(), tally.sum(axis=1), tally[:, :-1].sum(axis=0)
        numerators, denominators = self.parts(right, true, answered)
        pairs = zip(numerators.tolist(), denominators.tolist(), strict=True)
        scores = [_ratio(above, below) for above, below in pairs]
        if self.average == "per_class":
            return scores
        if self.average == "weighted":
            return _weighted_mean(scores, true.tolist())
        if tally.ndim == 3:
            return _weighted_mean(scores, [1] * len(scores))
        if len(scores) == 2:
            return scores[1]
        return _weighted_mean(scores, (true + answered > 0).tolist())


@dataclass(frozen=True)
class Precision(_ClassScore):
    """Of the answers that name a class, the share that is right."""

    def parts(self, right: Array, true: Array, answered: Array) -> tuple[Array, Array]:
        return right, answered


@dataclass(frozen=True)
class Recall(_ClassScore):
    """Of the rows of a class, the share that is answered rightly."""

    def parts(self, right: Array, true: Array, answered: Array) -> tuple[Array, Array]:
        return right, true


@dataclass(frozen=True)
class F1(_ClassScore):
    """The harmonic mean of precision and recall: 2 right / (true + answered)."""

    def parts(self, right: Array, true: Array, answered: Array) -> tuple[Array, Array]:
        return 2 * right, true + answered


@dataclass(frozen=True)
class MeanSquaredError(Metric):
    """The mean of (y - t)^2 over all rows and outputs; 0 of no rows."""

    reads = Errors

    def value(self, tally: Array) -> float:
        return _ratio(float(tally[2].sum()), float(tally[0].sum()))


@dataclass(frozen=True)
class MeanAbsoluteError(Metric):
    """The mean of |y - t| over all rows and outputs; 0 of no rows."""

    reads = Errors

    def value(self, tally: Array) -> float:
        return _ratio(float(tally[1].sum()), float(tally[0].sum()))


@dataclass(frozen=True)
class R2(Metric):
    """The share of the targets' variance that is explained: 1 - sum (y - t)^2 / sum (t - mean)^2.

    The plain mean over the outputs. For targets that are all equal, 1 where every answer is
    exact and 0 otherwise: scikit-learn's convention. A spread below the rounding of its own
    sums counts as none. Of a single row scikit-learn gives NaN; here the convention holds.
    """

    reads = Errors

    def value(self, tally: Array) -> float:
        scores = [self._of_one_output(*column) for column in tally.T.tolist()]
        return _weighted_mean(scores, [1] * len(scores))

    def _of_one_output(
        self,
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
        if spread <= n * np.finfo(np.float64).eps * squares:
            return squared if squared != squared else float(squared == 0.0)
        return 1.0 - squared / spread


class MetricSet:
    """The metrics of a run, each tally that they read computed once.

    names: keys of METRICS; their order is that of the values.
    kind: what is being learned; see the module's docstring, and `Loss.kind`.
    classes: the number of classes (2 for binary), of labels, or of outputs for a regression.
    centers, scales: for a regression, about where its targets lie; see `Errors`.

    Raises MetricError for a metric that does not suit the kind.

    >>> metrics = MetricSet(["accuracy", "recall_per_class"], "multiclass", 3)
    >>> answers = np.array([[0.7, 0.2, 0.1], [0.5, 0.3, 0.2], [0.1, 0.1, 0.8]])
    >>> metrics.values(metrics.tally(answers, np.array([0, 1, 2])))
    {'accuracy': 0.6666666666666666, 'recall_per_class': [1.0, 0.0, 1.0]}
    """

    def __init__(
        self,
        names: Iterable[str],
        kind: Kind,
        classes: int,
        *,
        centers: tuple[float, ...] | None = None,
        scales: tuple[float, ...] | None = None,
    ) -> None:
        self._kind, self._classes, self._around = kind, classes, (centers, scales)
        self.metrics: Mapping[str, Metric] = {name: METRICS[name] for name in names}
        for name in self.metrics:
            check(name, kind)
        read = {metric.reads for metric in self.metrics.values()}
        self._tallies: list[Tally] = []
        if Confusion in read and kind == "multilabel":
            self._tallies.append(LabelConfusion(classes))
        elif Confusion in read:
            self._tallies.append(Confusion(classes, binary=kind == "binary"))
        if Errors in read:
            self._tallies.append(Errors(classes, centers, scales))

    def having(self, names: Iterable[str]) -> "MetricSet":
        """These metrics, and others behind them where they lack them; values stay what they are."""
        more = copy.copy(self)
        centers, scales = self._around
        every = dict.fromkeys((*self.metrics, *names))
        MetricSet.__init__(more, every, self._kind, self._classes, centers=centers, scales=scales)
        return more

    @property
    def tally_shapes(self) -> list[Shape]:
        """The shapes of the arrays that `tally` returns."""
        return [tally.shape for tally in self._tallies]

    def zeros(self) -> list[Array]:
        """The tallies of no rows."""
        return [tally.zeros() for tally in self._tallies]

    def tally(self, y: Array, t: Array) -> list[Array]:
        """The tallies of these rows; those of shards add, array by array."""
        return [tally.count(y, t) for tally in self._tallies]

    def values(self, tallies: Sequence[Array]) -> dict[str, Value]:
        """The value of each metric, by name."""
        of_errors = [isinstance(kind, Errors) for kind in self._tallies]
        by_kind = dict(zip(of_errors, tallies, strict=True))
        return {
            name: metric.value(by_kind[metric.reads is Errors])
            for name, metric in self.metrics.items()
        }


def of_positive_class(name: str) -> bool:
    """Whether, of two classes, the metric of this name speaks of the second one alone."""
    metric = METRICS.get(name)
    return isinstance(metric, _ClassScore) and metric.average == "class"


def check(name: str, kind: Kind) -> None:
    """Raise MetricError where the metric of this name does not suit what is being learned."""
    if (METRICS[name].reads is Errors) == (kind == "regression"):
        return
    suited = Errors if kind == "regression" else Confusion
    names = ", ".join(sorted(n for n, metric in METRICS.items() if metric.reads is suited))
    learned = "predicts numbers" if kind == "regression" else "tells classes apart"
    raise MetricError(
        f"the metric {name} does not suit this model, whose loss says that it {learned}: "
        f"choose from {names}"
    )


def _ratio(above: float, below: float) -> float:
    """above / below, and 0 where there is nothing to divide by."""
    return above / below if below else 0.0


def _weighted_mean(scores: Sequence[float], weights: Sequence[int]) -> float:
    """The mean of the scores; fsum rounds once, while Python's sum differs between versions."""
    products = [score * weight for score, weight in zip(scores, weights, strict=True)]
    return _ratio(math.fsum(products), sum(weights))


METRICS: dict[str, Metric] = {
    "accuracy": Accuracy(),
    "confusion_matrix": ConfusionMatrix(),
    "f1": F1(),
    "f1_per_class": F1("per_class"),
    "f1_weighted": F1("weighted"),
    "mean_absolute_error": MeanAbsoluteError(),
    "mean_squared_error": MeanSquaredError(),
    "precision": Precision(),
    "precision_per_class": Precision("per_class"),
    "precision_weighted": Precision("weighted"),
    "r2": R2(),
    "recall": Recall(),
    "recall_per_class": Recall("per_class"),
    "recall_weighted": Recall("weighted"),
}
