"""Runs chosen and sorted by their metrics."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from dlcli.config.metrics import METRIC_ALIASES
from dlcli.errors import UsageError
from dlcli.nearest import nearest
from dlcli.pipeline.gates import Gate
from dlcli.pipeline.seen import Seen, direction

_PARTS = ("", "val_", "test_")
_FACTS: dict[str, Callable[[Seen], Any]] = {
    "name": lambda seen: seen.name,
    "age": lambda seen: (seen.started is None, -(seen.started or 0.0)),
    "epochs": lambda seen: (seen.epochs is None, -(seen.epochs or 0)),
    "status": lambda seen: seen.status,
}
"""What runs can be sorted by beside their metrics: the youngest and the longest come first."""


def canonical(metric: str) -> str:
    """A metric by the name that histories have for it.

    >>> [canonical(name) for name in ("mse", "val_mae", "accuracy")]
    ['mean_squared_error', 'val_mean_absolute_error', 'accuracy']
    """
    for part in reversed(_PARTS):
        if metric.startswith(part):
            plain = metric.removeprefix(part)
            return part + METRIC_ALIASES.get(plain, plain)
    return metric


def check_measured(
    metric: str, runs: Iterable[Seen], option: str, others: Iterable[str] = ()
) -> None:
    """UsageError where no run has this metric, though some have one.

    others: what else the option takes.
    """
    known = {name for run in runs for name in run.metrics}
    if not known or metric in known:
        return
    near = nearest(metric, [*sorted(known), *others])
    asked = "" if near is None else f" Did you mean {near}?"
    raise UsageError(
        f"{option} {metric}: no run has it; there are {', '.join([*sorted(known), *others])}."
        f"{asked}",
        hint=asked.strip() or None,
    )


def check_sortable(runs: Iterable[Seen], by: str) -> None:
    """UsageError for what `ranked` cannot sort by."""
    if by not in _FACTS:
        check_measured(canonical(by), runs, "--sort", _FACTS)


def told_part(metric: str, runs: Iterable[Seen]) -> str | None:
    """Of which part a metric is, where its name does not say it and other parts have it, too."""
    known = {name for run in runs for name in run.metrics}
    metric = canonical(metric)
    others = [name for part in _PARTS[1:] if (name := part + metric) in known]
    if metric not in known or not others:
        return None
    there = " and ".join(others)
    be = "are" if len(others) > 1 else "is"
    return f"{metric} is the training part's; there {be} {there}, too"


def chosen(runs: Sequence[Seen], where: Sequence[str]) -> tuple[list[Seen], list[str]]:
    """The runs that satisfy all of these gates, and the metrics that the gates speak of. A run
    without a metric does not satisfy a gate of it."""
    metrics, everything = list[str](), runs
    for text in where:
        gate = Gate(text, "--where")
        if gate.of is not None:
            raise UsageError(
                f"--where {text!r}: of single classes the history of a run has no numbers; "
                f"`dlcli evaluate RUN --expect {text!r}` judges them"
            )
        metric = canonical(gate.metric)
        check_measured(metric, everything, "--where")
        metrics.append(metric)
        runs = [
            run
            for run in runs
            if metric in run.metrics and gate.is_met({gate.reads: run.metrics[metric]})
        ]
    return list(runs), metrics


def ranked(runs: Sequence[Seen], by: str) -> list[Seen]:
    """The runs with the best first; what has no such metric comes last. Where nothing is known of a
    metric, its largest value counts as the best.

    by: a metric, or one of name, age, epochs and status.
    """
    metric = canonical(by)
    if by in _FACTS and metric not in {name for run in runs for name in run.metrics}:
        return sorted(runs, key=_FACTS[by])
    sign = 1.0 if direction(metric, runs) == "min" else -1.0

    def place(seen: Seen) -> tuple[bool, float]:
        value = seen.metrics.get(metric)
        return (True, 0.0) if value is None else (False, sign * value)

    return sorted(runs, key=place)
