"""Filling in what a good config leaves open: names and the defaults that depend on other keys."""

import unicodedata
from collections.abc import Sequence

from dlcli.config.metrics import MetricModel, defaults
from dlcli.config.naming import named
from dlcli.config.root import Config
from dlcli.config.rules import canonical_monitor
from dlcli.config.schedules import ReduceOnPlateau
from dlcli.config.training import Optimizer, Training
from dlcli.printable import names_something


def complete(config: Config, name: str) -> Config:
    """The config with every name and default filled in; complete already, it stays as it is."""
    chosen: Sequence[MetricModel] | None = config.evaluation.metrics
    if chosen is None:
        chosen = defaults(config.tasks)
    metrics = tuple(metric.model_copy(update={"name": metric.called}) for metric in chosen)
    return config.model_copy(
        update={
            "name": config.name if config.name is not None else name,
            "model": config.model.model_copy(update={"layers": named(config.model.layers)}),
            "evaluation": config.evaluation.model_copy(update={"metrics": metrics}),
            "optimizer": _optimizer(config.optimizer, metrics),
            "training": _training(config.training, metrics),
        }
    )


def _optimizer(optimizer: Optimizer, metrics: Sequence[MetricModel]) -> Optimizer:
    rate = optimizer.learning_rate
    if not isinstance(rate, ReduceOnPlateau):
        return optimizer
    monitor = canonical_monitor(rate.monitor)
    mode = rate.mode if rate.mode != "auto" else best_mode(monitor, metrics)
    rate = rate.model_copy(update={"monitor": monitor, "mode": mode})
    return optimizer.model_copy(update={"learning_rate": rate})


def _training(training: Training, metrics: Sequence[MetricModel]) -> Training:
    stopping = training.early_stopping
    keep = training.keep or ("best" if stopping else "last")
    if stopping is not None:
        monitor = canonical_monitor(stopping.monitor)
        mode = stopping.mode if stopping.mode != "auto" else best_mode(monitor, metrics)
        stopping = stopping.model_copy(update={"monitor": monitor, "mode": mode})
    return training.model_copy(update={"keep": keep, "early_stopping": stopping})


def best_mode(monitor: str, metrics: Sequence[MetricModel]) -> str:
    """Whether the best value of the loss, or of one of these metrics, is its `max` or its `min`.

    >>> best_mode("val_accuracy", defaults(("binary",))), best_mode("val_loss", ())
    ('max', 'min')
    """
    bare = monitor.removeprefix("val_")
    best = next((metric.best for metric in metrics if metric.called == bare), None)
    return best or "min"


def safe_name(name: str) -> str:
    """The name as part of a directory's name on any system; letters of any script stay.

    >>> safe_name("mnist cnn/2"), safe_name("..."), safe_name("résumé"), safe_name("数字 3")
    ('mnist-cnn-2', 'run', 'résumé', '数字-3')
    """
    name = unicodedata.normalize("NFC", name)
    words = "".join(c if names_something(c) or c in ".-" else " " for c in name)
    short = "-".join(words.split())[:64].encode()[:_LONGEST].decode(errors="ignore")
    return (
        short.lstrip("".join(c for c in short if not c.isalnum() and c != "_")).rstrip(".-")
        or "run"
    )


_LONGEST = 180
"""Bytes: a file's name has at most 255, and numbers are added."""
