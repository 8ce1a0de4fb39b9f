"""How much the answers of a finished run depend on each column: permutation importance.

    importance[column, repeat] = score(rows) - score(rows with the cells of that column permuted)

The score is a metric in the direction in which larger is better (an error is negated). Column by
column and repeat by repeat, the cells of one column change places among the rows of a part, all
others stay, and the deployed model answers again. What is permuted are stored cells, before any
preprocessing: a column that is encoded as many is one column here. As scikit-learn's
`inspection.permutation_importance`, on draws that are addressed by seed, column and repeat, so that
no number depends on who works out which.

Source: Breiman, "Random Forests" (Machine Learning 45, 2001), section 10.
"""

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from dlcli.artifacts.run_directory import MODEL
from dlcli.config.metrics import METRIC_ALIASES, METRIC_CONFIGS, suiting
from dlcli.data.dataset import ONLY, Part
from dlcli.data.names import suggestion
from dlcli.data.targets import LARGEST_TARGET
from dlcli.deploy.bundle import Bundle
from dlcli.engine.layer import Array
from dlcli.engine.memory import shared_zeros
from dlcli.engine.metrics import Kind, MetricError, MetricSet
from dlcli.errors import DivergedError, UsageError
from dlcli.frozen import frozen
from dlcli.pipeline.evaluate import positive_class
from dlcli.pipeline.finished import Opened, load_bundle, part_of
from dlcli.pipeline.job import Job
from dlcli.pipeline.many_plan import refuse_many
from dlcli.pipeline.progress import Reporter
from dlcli.pipeline.rebuilt import rebuilds
from dlcli.pipeline.workers import workers_for
from dlcli.progress import work
from dlcli.randomness import Stream

_PHASE = "permute"
_ANSWERED_AT_ONCE = 1024
"""Rows that are prepared together. Sums over rows are made of the sums of such pieces."""

_DEFAULT: dict[Kind, str] = {
    "multiclass": "accuracy",
    "binary": "accuracy",
    "multilabel": "accuracy",
    "regression": "r2",
}
"""What is asked where no metric is named: as scikit-learn's classifiers and regressors."""


@frozen
class OfColumn:
    """The importances of one column, one for each repeat."""

    name: str
    importances: Array

    @property
    def mean(self) -> float:
        return float(self.importances.mean())

    @property
    def std(self) -> float:
        """The standard deviation of the repeats, with a divisor of how many there are."""
        return float(self.importances.std())


@frozen
class Importance:
    """metric: the name; value: what it is of the rows as they are. best: `max` or `min`.

    positive: the class that the metric speaks of, where it speaks of one of two.
    what: what is permuted: a "column", "position" or "input".
    columns: in the order of the data.
    """

    split: str
    rows: int
    metric: str
    best: str
    value: float
    positive: str | None
    repeats: int
    seed: int
    what: str
    columns: tuple[OfColumn, ...]

    @cached_property
    def ranking(self) -> tuple[OfColumn, ...]:
        """The most important column first; of equal ones, that which comes first in the data."""
        return tuple(sorted(self.columns, key=lambda column: -column.mean))

    def to_json(self) -> dict[str, Any]:
        """For programs."""
        positive = {} if self.positive is None else {"positive_class": self.positive}
        return {
            "split": self.split,
            "rows": self.rows,
            "metric": self.metric,
            "best": self.best,
            "value": self.value,
            **positive,
            "repeats": self.repeats,
            "seed": self.seed,
            "permuted": self.what,
            "columns": [
                {
                    "name": column.name,
                    "mean": column.mean,
                    "std": column.std,
                    "importances": column.importances.tolist(),
                }
                for column in self.columns
            ],
        }


def importance_of(
    path: Path,
    split: str | None,
    metric: str | None,
    repeats: int,
    seed: int,
    data_dir: Path | None,
    workers: int,
    reporter: Reporter,
) -> Importance:
    """The importance of each column of a run's data, in one of its parts. Writes nothing.

    UsageError for rows that have no columns, and for a metric that does not suit.
    """
    refuse_many(path, "ask for the importance of columns in")
    opened = Opened.at(path)
    if rebuilds(opened.loaded):
        raise UsageError(
            "this run learns to give its rows back (`data.target: features`), so there is no "
            "target that a column could be important for"
        )
    job = opened.job(data_dir, reporter)
    role = part_of(job, split)
    chosen, best = _metric(job, role, metric)
    part = job.prepared.dataset.parts()[role]  # type: ignore[index]
    what, spots = spots_of(part)
    bundle = load_bundle(opened.directory, opened.manifest, MODEL)
    asked = _Asked(bundle, part, job, role, chosen)
    values = _values(asked, spots, repeats, seed, workers)
    (name,) = chosen.metrics
    if not np.isfinite(values).all():
        raise DivergedError(
            f"with permuted columns, the {role} part gives a {name} that is not finite: some "
            "answers are too large. Ask for another --metric, or train with scaled data"
        )
    scores = values if best == "max" else -values
    importances = scores[0] - scores[1:].reshape(len(spots), repeats)
    of_one = (
        positive_class(job.design.recipe, job.design.classes)
        if name in chosen.of_positive
        else None
    )
    columns = tuple(OfColumn(s.name, row) for s, row in zip(spots, importances, strict=True))
    return Importance(
        role, len(part), name, best, float(values[0]), of_one, repeats, seed, what, columns
    )


@frozen
class Spot:
    """What is permuted together.

    value: the name of the value of a row that it is in. place: its place in that value; None: all
    of the value.
    """

    name: str
    value: str = ONLY
    place: int | None = None

    def cells(self, part: Part) -> Array:
        """Its cells in all rows of the part, in their order."""
        features = part.each()[self.value].features
        cells = features if self.place is None else features[:, self.place]
        return np.asarray(cells if part.index is None else cells[part.index])

    def put(self, rows: dict[str, Array], cells: Array) -> None:
        """Give these rows other cells."""
        if self.place is None:
            rows[self.value] = np.ascontiguousarray(cells)
        else:
            rows[self.value][:, self.place] = cells


def spots_of(part: Part) -> tuple[str, list[Spot]]:
    """What can be permuted of such rows, and what it is called.

    Columns of a table; places of a row of numbers; of several values, each as a whole. UsageError
    for images.
    """
    if isinstance(part.values, Mapping):
        return "input", [Spot(name, name) for name in part.values]
    if part.columns is not None:
        return "column", [Spot(c.name, place=j) for j, c in enumerate(part.columns)]
    shape = part.row_shape
    if len(shape) > 1:
        raise UsageError(
            f"the rows of this run are images of {' x '.join(map(str, shape))}, which have no "
            "columns: the same pixel shows something else in each of them. Importance is for "
            "tables, for rows of numbers, and for several `data.inputs`, of which each is permuted "
            "as a whole"
        )
    return "position", [Spot(str(place), place=place) for place in range(*shape or (1,))]


def _metric(job: Job, role: str, name: str | None) -> tuple[MetricSet, str]:
    """The metric alone, and whether its best value is the `max` or the `min`; UsageError where it
    is none, does not suit, or has no value for the targets of the part."""
    metrics = job.design.recipe.metrics
    kind, _ = metrics.learns
    measured = {one.called: one for one in job.loaded.config.evaluation.metrics or ()}
    asked = _DEFAULT[kind] if name is None else name
    if asked not in measured:
        asked = METRIC_ALIASES.get(asked, asked)
    model = measured.get(asked) or METRIC_CONFIGS.get(asked)
    numbers = [word for word in suiting((kind,)) if METRIC_CONFIGS[word].best is not None]
    known = [called for called, one in measured.items() if one.best is not None]
    if model is None or model.best is None:
        wrong = "there is no such metric" if model is None else "it is not one number"
        near = suggestion(asked, [*dict.fromkeys([*known, *numbers])], "choose from")
        raise UsageError(f"--metric {name}: {wrong}{near}")
    try:
        chosen = metrics.only(asked)
    except MetricError as error:
        raise UsageError(f"--metric {name}: {error}") from None
    learned = job.design.learned[role]
    targets, weights = learned.targets, learned.weights
    if targets is not None:
        if weights is not None and chosen.metrics[asked].weighted:
            targets = targets[weights > 0]
        reason = chosen.metrics[asked].undefined(targets)
        if reason is not None:
            raise UsageError(
                f"--metric {asked} is not defined for the {role} part: {reason}; choose another "
                "one, or another --split"
            )
    return chosen, model.best


class _Asked:
    """The rows of a part, their targets, and who answers."""

    def __init__(self, bundle: Bundle, part: Part, job: Job, role: str, metrics: MetricSet) -> None:
        learned = job.design.learned[role]
        self.part, self._bundle, self._metrics = part, bundle, metrics
        # The targets as the data has them: answers come in its own units, too.
        self._targets = learned.targets if learned.original is None else learned.original
        self._weights = learned.weights

    def value(self, spot: Spot | None = None, order: Array | None = None) -> float:
        """The metric, where the cells of the spot stand in this order."""
        part, metrics, targets = self.part, self._metrics, self._targets
        assert targets is not None
        cells = None if spot is None or order is None else spot.cells(part)[order]
        tallies, answered = metrics.zeros(), metrics.answered(len(part))
        for start in range(0, len(part), _ANSWERED_AT_ONCE):
            some = slice(start, min(start + _ANSWERED_AT_ONCE, len(part)))
            rows = part.take_each(some)
            if spot is not None and cells is not None:
                spot.put(rows, cells[some])
            y, t = self._answers(rows), targets[some]
            weights = None if self._weights is None else self._weights[some]
            for tally, found in zip(tallies, metrics.tally(y, t, weights), strict=True):
                tally += found
            if answered is not None:
                answered.put(np.arange(some.start, some.stop), y, t, weights)
        every = None if answered is None else answered.at(slice(0, len(part)))
        (value,) = metrics.values(tallies, every).values()
        assert isinstance(value, float)
        return value

    def _answers(self, rows: Mapping[str, Array]) -> Array:
        """In the data's own units; too large ones count as in an evaluation."""
        answers = self._bundle.predict(rows)
        if self._bundle.target_scale is None:
            return answers
        return np.clip(answers, -LARGEST_TARGET, LARGEST_TARGET)


def _values(asked: _Asked, spots: Sequence[Spot], repeats: int, seed: int, workers: int) -> Array:
    """The metric of the rows as they are, and of each spot in each repeat: (1 + spots * repeats,).

    Each is worked out by one worker, as a whole.
    """
    values = shared_zeros((1 + len(spots) * repeats,), np.float64)
    first = shared_zeros((1,), np.int64)

    def one(worker: int, number: int) -> None:
        place = int(first[0]) + number
        if place == 0:
            values[0] = asked.value()
            return
        spot, repeat = spots[(place - 1) // repeats], (place - 1) % repeats
        order = Stream(seed, "importance", spot.name, repeat).permutation(len(asked.part))
        values[place] = asked.value(spot, order)

    with (
        workers_for({_PHASE: one}, workers) as team,
        work("permute", len(values), "permutations") as at,
    ):
        for start in range(0, len(values), team.workers):
            first[0] = start
            team.run(_PHASE, min(team.workers, len(values) - start))
            at(min(start + team.workers, len(values)))
    return values
