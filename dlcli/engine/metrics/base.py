"""What a metric is, and what it says of itself."""

from abc import ABC, abstractmethod
from typing import ClassVar

from dlcli.engine.layer import Array
from dlcli.engine.metrics.learned import Kind, Learned
from dlcli.engine.metrics.rows import Rows
from dlcli.engine.metrics.tallies import Tally
from dlcli.frozen import frozen

Value = float | list[float] | list[list[float]] | list[list[list[float]]]


class MetricError(ValueError):
    """A metric that does not suit what is being learned. The message is in plain words.

    name: what the metric is called.
    """

    def __init__(self, name: str, message: str) -> None:
        super().__init__(message)
        self.name = name


@frozen
class Metric(ABC):
    """A measure of answers; subclasses are frozen.

    weighted: whether each row counts as much as its weight says, as with scikit-learn's
        sample_weight; where rows have no weights, each weighs 1.
    """

    weighted: bool = False

    suits: ClassVar[tuple[Kind, ...]]
    """What can be learned where it makes sense."""

    scalar: ClassVar[bool] = True
    """Whether its value is one number."""

    of_positive: ClassVar[bool] = False
    """Whether, of two classes, it speaks of the second one alone."""

    def pointless(self, learned: Learned) -> str | None:
        """Why it would say nothing of this, although it suits; None where it does."""
        return None

    def undefined(self, targets: Array) -> str | None:
        """Why it has no value for any answers to these targets; None where it has."""
        return None


class Counted(Metric):
    """A pure function of a tally."""

    reads: ClassVar[type[Tally]]

    @abstractmethod
    def value(self, tally: Array) -> Value:
        """A number, or a list with one for each class (for the confusion matrix, a row).

        tally: as `reads` says; for Confusion (K, K + 1), and where labels are learned (k, 2, 3),
            the confusion of each label on its own.
        """


class Occurring(Counted):
    """A function of a tally that must know which classes occur at all, whatever rows weigh."""

    @abstractmethod
    def value(self, tally: Array, counts: Array | None = None) -> Value:
        """As that of Counted. counts: the unweighted tally, where `tally` is weighted."""


class OverRows(Metric):
    """A pure function of the answers to all rows."""

    @abstractmethod
    def value(self, rows: Rows) -> float:
        """A number; NaN where an answer is."""
