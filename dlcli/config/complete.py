"""Filling in what a good config leaves open: names and the defaults that depend on other keys."""

import unicodedata
from collections import Counter
from collections.abc import Sequence

from dlcli.config.layers import LayerModel
from dlcli.config.root import Config
from dlcli.config.rules import CROSSENTROPIES, DEFAULT_METRICS, canonical_monitor, kind
from dlcli.config.training import Training
from dlcli.printable import names_something

# Larger is better: of everything that can be monitored, all but the losses and errors.
_LARGER_IS_BETTER = ("accuracy", "precision", "recall", "f1", "r2")


def complete(config: Config, name: str) -> Config:
    """The config with every name and default filled in; complete already, it stays as it is."""
    metrics = config.evaluation.metrics
    if metrics is None:
        metrics = DEFAULT_METRICS[kind(config.loss) in CROSSENTROPIES]
    layers = config.model.layers
    named = tuple(
        layer.model_copy(update={"name": layer_name})
        for layer, layer_name in zip(layers, layer_names(layers), strict=True)
    )
    return config.model_copy(
        update={
            "name": config.name if config.name is not None else name,
            "model": config.model.model_copy(update={"layers": named}),
            "evaluation": config.evaluation.model_copy(update={"metrics": metrics}),
            "training": _training(config.training),
        }
    )


def _training(training: Training) -> Training:
    stopping = training.early_stopping
    keep = training.keep or ("best" if stopping else "last")
    if stopping is not None:
        monitor = canonical_monitor(stopping.monitor)
        mode = stopping.mode if stopping.mode != "auto" else best_mode(monitor)
        stopping = stopping.model_copy(update={"monitor": monitor, "mode": mode})
    return training.model_copy(update={"keep": keep, "early_stopping": stopping})


def best_mode(monitor: str) -> str:
    """Whether the best value of a loss or metric is its `max` or its `min`.

    >>> best_mode("val_f1_weighted"), best_mode("val_loss")
    ('max', 'min')
    """
    return "max" if monitor.removeprefix("val_").startswith(_LARGER_IS_BETTER) else "min"


def layer_names(layers: Sequence[LayerModel]) -> list[str]:
    """The given names, and `<type>_<n>` for the others.

    n counts all layers of the type, named or not: naming one layer renames no other. Where
    somebody has given an automatic name to another layer, the next free number is taken.
    """
    taken = {layer.name for layer in layers if layer.name is not None}
    seen: Counter[str] = Counter()
    names: list[str] = []
    for layer in layers:
        seen[layer.type] += 1
        name, number = layer.name, seen[layer.type]
        while name is None:
            candidate = f"{layer.type}_{number}"
            name = candidate if candidate not in taken else None
            number += 1
        taken.add(name)
        names.append(name)
    return names


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
