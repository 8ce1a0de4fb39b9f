"""The metrics of a run, worked out together."""

import copy
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field

from dlcli.engine.layer import Array, Shape
from dlcli.engine.metrics.base import Counted, Metric, MetricError, Occurring, OverRows, Value
from dlcli.engine.metrics.learned import Kind, Learned
from dlcli.engine.metrics.rows import Answered, Rows, bytes_of_a_row
from dlcli.engine.metrics.table import METRICS
from dlcli.engine.metrics.tallies import Tally
from dlcli.frozen import frozen


@frozen
class Subjects:
    """What the numbers of an evaluation speak of.

    classes: the names of the classes by id, None where they have none.
    positive: the metrics that, of two classes, speak of the second one alone.
    """

    classes: Sequence[str] | None = None
    positive: frozenset[str] = field(default_factory=frozenset)


class MetricSet:
    """The metrics of a run, each tally that they read computed once.

    metrics: by the names of their values, in whose order they are; or keys of METRICS, which are
        then the names of these metrics without options.
    kind, classes, centers, scales: what is being learned; see `Learned`, and `Loss.kind`.

    Raises MetricError for a metric that does not suit what is being learned.

    >>> import numpy as np
    >>> metrics = MetricSet(["accuracy", "recall_per_class"], "multiclass", 3)
    >>> answers = np.array([[0.7, 0.2, 0.1], [0.5, 0.3, 0.2], [0.1, 0.1, 0.8]])
    >>> metrics.values(metrics.tally(answers, np.array([0, 1, 2])))
    {'accuracy': 0.6666666666666666, 'recall_per_class': [1.0, 0.0, 1.0]}
    """

    def __init__(
        self,
        metrics: Mapping[str, Metric] | Iterable[str],
        kind: Kind,
        classes: int,
        *,
        centers: tuple[float, ...] | None = None,
        scales: tuple[float, ...] | None = None,
    ) -> None:
        self._learned = Learned(kind, classes, centers, scales)
        self.metrics: dict[str, Metric] = (
            dict(metrics)
            if isinstance(metrics, Mapping)
            else {word: METRICS[word]() for word in metrics}
        )
        for name, metric in self.metrics.items():
            _check(name, metric, self._learned)
        self._counted = {n: m for n, m in self.metrics.items() if isinstance(m, Counted)}
        self._over_rows = {n: m for n, m in self.metrics.items() if isinstance(m, OverRows)}
        self._weighted_rows = any(metric.weighted for metric in self._over_rows.values())
        keys = [(metric.reads, metric.weighted) for metric in self._counted.values()]
        keys += [(m.reads, False) for m in self._counted.values() if isinstance(m, Occurring)]
        self._places = {key: place for place, key in enumerate(dict.fromkeys(keys))}
        self._tallies: list[Tally] = [
            kind_of.of(self._learned, weighted) for kind_of, weighted in self._places
        ]
        self._counting = [tally.count for tally in self._tallies]
        self._wants_original = any(tally.original for tally in self._tallies)

    @property
    def learns(self) -> tuple[Kind, int]:
        """What is being learned, and how many classes or outputs there are."""
        return self._learned.kind, self._learned.classes

    def having(self, words: Iterable[str]) -> "MetricSet":
        """These metrics, and others behind them where they lack them; values stay what they are.

        words: keys of METRICS.
        """
        more, learned = copy.copy(self), self._learned
        lacking = {word: METRICS[word]() for word in words if word not in self.metrics}
        MetricSet.__init__(
            more, {**self.metrics, **lacking}, learned.kind, learned.classes,
            centers=learned.centers, scales=learned.scales,
        )  # fmt: skip
        return more

    def only(self, name: str) -> "MetricSet":
        """One of these metrics; or where none is called so, that of this key of METRICS.

        It takes answers and targets in the data's own units, whatever these metrics take.
        """
        metric, learned = self.metrics.get(name) or METRICS[name](), self._learned
        return MetricSet(
            {name: metric}, learned.kind, learned.classes,
            centers=learned.centers, scales=learned.scales,
        )  # fmt: skip

    @property
    def scalars(self) -> list[str]:
        """The names of those whose value is one number."""
        return [name for name, metric in self.metrics.items() if metric.scalar]

    @property
    def of_positive(self) -> frozenset[str]:
        """The names of those that, of two classes, speak of the second one alone."""
        return frozenset(name for name, metric in self.metrics.items() if metric.of_positive)

    @property
    def over_rows(self) -> list[str]:
        """The names of those that need the answers to all rows."""
        return list(self._over_rows)

    @property
    def bytes_of_a_row(self) -> int:
        """How much memory each row takes where all of them are kept; 0 where none is."""
        return bytes_of_a_row(self._learned, self._weighted_rows) if self._over_rows else 0

    def answered(self, count: int) -> Answered | None:
        """Room for the answers to so many rows; None where no metric needs it."""
        if not self._over_rows:
            return None
        return Answered(self._learned, count, self._weighted_rows)

    @property
    def tally_shapes(self) -> list[Shape]:
        """The shapes of the arrays that `tally` returns."""
        return [tally.shape for tally in self._tallies]

    def zeros(self) -> list[Array]:
        """The tallies of no rows."""
        return [tally.zeros() for tally in self._tallies]

    def tally(
        self, y: Array, t: Array, weights: Array | None = None, original: Array | None = None
    ) -> list[Array]:
        """The tallies of these rows; those of shards add, array by array.

        weights: float (n,), of the rows; None where each weighs 1. original: the targets as the
        data has them; None where t are those.
        """
        if original is None or not self._wants_original:
            return [count(y, t, weights) for count in self._counting]
        return [
            tally.count(y, original if tally.original else t, weights) for tally in self._tallies
        ]

    def values(self, tallies: Sequence[Array], rows: Rows | None = None) -> dict[str, Value]:
        """The value of each metric, by name.

        rows: those that were counted; without them, the metrics that need them are left out.
        """
        return {
            name: self._value(metric, tallies, rows)
            for name, metric in self.metrics.items()
            if rows is not None or name in self._counted
        }

    def running(self, tallies: Sequence[Array]) -> dict[str, Value]:
        """The values that can be looked at after every step: numbers that counts give."""
        return {
            name: self._value(metric, tallies, None)
            for name, metric in self._counted.items()
            if metric.scalar
        }

    def _value(self, metric: Metric, tallies: Sequence[Array], rows: Rows | None) -> Value:
        if isinstance(metric, Occurring) and metric.weighted:
            tally, counts = (tallies[self._places[metric.reads, kind]] for kind in (True, False))
            return metric.value(tally, counts)
        if isinstance(metric, Counted):
            return metric.value(tallies[self._places[metric.reads, metric.weighted]])
        assert isinstance(metric, OverRows) and rows is not None
        return metric.value(rows)


_TASKS: dict[Kind, str] = {
    "multiclass": "tells classes apart",
    "binary": "tells two classes apart",
    "multilabel": "judges each of several labels",
    "regression": "predicts numbers",
}


def _check(name: str, metric: Metric, learned: Learned) -> None:
    """Raise MetricError where a metric does not suit what is being learned."""
    if learned.kind not in metric.suits:
        names = ", ".join(sorted(n for n, kind in METRICS.items() if learned.kind in kind.suits))
        raise MetricError(
            name,
            f"the metric {name} does not suit this model, whose loss says that it "
            f"{_TASKS[learned.kind]}: choose from {names}",
        )
    reason = metric.pointless(learned)
    if reason is not None:
        raise MetricError(name, f"the metric {name} says nothing: {reason}")
