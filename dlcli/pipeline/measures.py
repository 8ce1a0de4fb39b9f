"""The metrics of a run, and what they ask of its data."""

import math
from collections.abc import Iterable, Mapping

import numpy as np

from dlcli import builder
from dlcli.config import LoadedConfig
from dlcli.data.targets import LARGEST_TARGET, TargetScale
from dlcli.engine.layer import Array
from dlcli.engine.metrics import Kind, Metric, MetricError, MetricSet
from dlcli.pipeline.examples import Learned

About = tuple[tuple[float, ...], tuple[float, ...]]
"""About where numbers lie, by output: mean and size; see `Errors`."""


def metric_set(
    loaded: LoadedConfig,
    learns: tuple[Kind, int],
    scale: TargetScale | None = None,
    targets: Array | None = None,
    about: About | None = None,
) -> MetricSet:
    """The metrics of the config.

    learns: what is learned, see `Loss.kind`. scale: of a scaled target. targets: of the training
    part as the data has them; they say about where those of a regression lie, unless `about` does.
    """
    kind, classes = learns
    metrics = builder.metrics(loaded.config)
    centers = scales = None
    if kind == "regression" and targets is not None:
        about = _about(targets)
    if about is not None:
        centers, scales = about
    try:
        if scale is not None:
            return ScaledMetrics(metrics, classes, centers, scales, scale)
        return MetricSet(metrics, kind, classes, centers=centers, scales=scales)
    except MetricError as error:
        raise loaded.error(_place(metrics, error.name), str(error)) from None


def about_these(centers: Array, sizes: Array) -> About:
    """The numbers of each output lie at most so far from these."""
    scales = [math.ldexp(1.0, math.frexp(size)[1]) if size else 1.0 for size in sizes.tolist()]
    return tuple(centers.tolist()), tuple(scales)


def _about(targets: Array) -> About:
    """About where the targets of a regression lie, by output: mean and size; see `Errors`."""
    targets = targets.reshape(len(targets), -1).astype(np.float64)
    with np.errstate(all="ignore"):
        centers = targets.mean(axis=0)
        return about_these(centers, np.abs(targets - centers).max(axis=0))


def _place(metrics: Iterable[str], name: str) -> builder.Path:
    """Where in the config the metric of this name stands."""
    return ("evaluation", "metrics", list(metrics).index(name))


def require_weights(loaded: LoadedConfig, weighs: bool) -> None:
    """ConfigError where a metric weighs rows, but the data has no weights of rows.

    weighs: whether it has.
    """
    for index, metric in enumerate(loaded.config.evaluation.metrics or ()):
        if metric.weighted and not weighs:
            raise loaded.error(
                ("evaluation", "metrics", index, "weighted"),
                f"`weighted: true` counts each row as much as it weighs, but the rows of this data "
                f"have no weights; leave it out of `{metric.type}`",
            )


def require_defined(
    loaded: LoadedConfig, metrics: MetricSet, learned: Mapping[str, Learned]
) -> None:
    """ConfigError where a metric has no value in a part, whatever is answered there.

    learned: of each role.
    """
    for name, metric in metrics.metrics.items():
        for role, part in learned.items():
            if part.targets is None:  # numbers, of which every metric is defined
                continue
            weights = part.weights if metric.weighted else None
            found = part.targets if weights is None else part.targets[weights > 0]
            reason = metric.undefined(found)
            if reason is not None:
                raise loaded.error(
                    _place(metrics.metrics, name),
                    f"the metric `{name}` is not defined for the {role} part: {reason}. Bring more "
                    "rows, keep the shares of classes by `data.split.stratify`, or leave the "
                    "metric out",
                )


ROOM = 2**31
"""Bytes that the answers to all rows may take for the metrics that need them."""


def require_room(loaded: LoadedConfig, metrics: MetricSet, rows: Mapping[str, int]) -> None:
    """ConfigError where metrics would keep more answers than there is room for.

    rows: how many each role has. They are kept while training, while it is validated, and by the
    evaluation after it.
    """
    others = max((count for role, count in rows.items() if role != "train"), default=0)
    total = rows["train"] + others + max(rows.values())
    size = total * metrics.bytes_of_a_row
    if size > ROOM:
        name = metrics.over_rows[0]
        raise loaded.error(
            _place(metrics.metrics, name),
            f"the metric `{name}` needs the answers to all rows at once, here {size / 2**30:.1f} "
            f"GiB ({metrics.bytes_of_a_row} bytes for each of {total:,} rows that are kept), and "
            f"at most {ROOM / 2**30:.0f} GiB are taken for it; leave it out, or bring fewer rows",
        )


class ScaledMetrics(MetricSet):
    """Metrics in the target's own units, where training sees a scaled target.

    An answer beyond what a target may be (an exponential grows fast) counts as the largest that one
    may be, so that a metric is a number, if a bad one.
    """

    def __init__(
        self,
        metrics: Mapping[str, Metric],
        outputs: int,
        centers: tuple[float, ...] | None,
        scales: tuple[float, ...] | None,
        scale: TargetScale,
    ) -> None:
        super().__init__(metrics, "regression", outputs, centers=centers, scales=scales)
        self._scale = scale

    def tally(
        self, y: Array, t: Array, weights: Array | None = None, original: Array | None = None
    ) -> list[Array]:
        answers = in_own_units(self._scale, y)
        return super().tally(answers, self._scale.inverse(t), weights, original)


def in_own_units(scale: TargetScale, answers: Array) -> Array:
    """Answers as the data has its targets, float64, none beyond what a target may be."""
    with np.errstate(over="ignore"):
        return np.clip(scale.inverse(answers), -LARGEST_TARGET, LARGEST_TARGET)
