"""Parts of a config in its own words, as a model card shows them.

document: the resolved config.
"""

import json
from collections.abc import Mapping
from pathlib import PurePath
from typing import Any

from dlcli.config import Config
from dlcli.data.dataset import ONLY


def words(document: Any) -> str:
    """A part of a config in its own words: YAML in one line, without what is not set."""
    if isinstance(document, Mapping):
        inside = {key: document[key] for key in sorted(document) if _is_set(document[key])}
        if set(inside) == {"type"}:
            return str(inside["type"])
        first = {"type": inside["type"]} if "type" in inside else {}
        pairs = {**first, **inside}
        return "{" + ", ".join(f"{key}: {words(value)}" for key, value in pairs.items()) + "}"
    if isinstance(document, list | tuple):
        return "[" + ", ".join(map(words, document)) + "]"
    return document if isinstance(document, str) else json.dumps(document)


def _is_set(value: Any) -> bool:
    return value is not None and value not in ([], {}, "")


def targets_of(config: Config) -> tuple[str, ...]:
    """What the data calls what is learned, where it has a name."""
    target = getattr(config.data.source, "target", None)
    if target is None or config.data.target == "features":
        return ()
    return tuple(target) if isinstance(target, tuple) else (target,)


def has_columns(config: Config) -> bool:
    """Whether the data is a table with names of columns."""
    return "kinds" in type(config.data.source).model_fields


_OF_TRAINING = ("epochs", "batch_size", "max_steps", "shuffle", "early_stopping", "class_weight")


def settings(document: Mapping[str, Any]) -> dict[str, str]:
    """How the network was trained, by what a person calls it. An earlier config lacks options."""
    found = {
        "Loss": words(document["loss"]),
        "Optimizer": words(document["optimizer"]),
        "Training": words({key: document["training"].get(key) for key in _OF_TRAINING}),
    }
    for name, augmentation in _of_values(document, "augmentation").items():
        if augmentation:
            found["Augmentation" + (f" of {name}" if name else "")] = words(augmentation)
    initial = document["model"].get("initial_weights")
    if initial is not None:
        found["Began with the weights of"] = _file(initial)
    return found


def _of_values(document: Mapping[str, Any], key: str) -> dict[str, Any]:
    """A part of the config of each value of the data, by its name."""
    data = document["data"]
    inputs = data.get("inputs")
    if inputs is None:
        return {ONLY: data.get(key, ())}
    return {name: inputs[name].get(key, ()) for name in sorted(inputs)}


def preparation(document: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    """The transforms of each value of the data, by its name."""
    steps = _of_values(document, "transforms")
    return tuple((name, words(step)) for name, every in steps.items() for step in every)


def _file(path: str) -> str:
    """Only the name of a file whose place is one of this machine's."""
    return PurePath(path).name if PurePath(path).is_absolute() or path.startswith("~") else path


_NOTATION = {
    "comment", "decimal", "delimiter", "encoding", "features", "header", "ignore", "kinds",
    "missing", "names", "quote", "thousands",
}  # fmt: skip
"""How the file of a table is written, and its columns, which stand in a table of their own."""

_NAMES = {"type", "target", "weight", "positive_class"}
"""Options that are no paths, whatever they look like."""


def source(document: Mapping[str, Any]) -> str:
    """The source in the words of the config, without how its file is written."""
    return words(
        {
            key: _file(value) if isinstance(value, str) and key not in _NAMES else value
            for key, value in document["data"]["source"].items()
            if key not in _NOTATION
        }
    )
