"""Every word and every section of the config language, and what is said of their options."""

from collections.abc import Iterator, Mapping
from functools import cache, cached_property
from typing import Any, get_args, get_origin

from dlcli.config import (
    ACTIVATION_CONFIGS,
    INITIALIZER_CONFIGS,
    LAYER_CONFIGS,
    LOSS_CONFIGS,
    METRIC_CONFIGS,
    OPTIMIZER_CONFIGS,
    REGULARIZER_CONFIGS,
    SOURCE_CONFIGS,
    TARGET_TRANSFORM_CONFIGS,
    TRANSFORM_CONFIGS,
    Config,
)
from dlcli.config.augmentation import AUGMENTATION_CONFIGS
from dlcli.config.base import Section
from dlcli.config.metrics import METRIC_ALIASES
from dlcli.config.schedules import SCHEDULE_CONFIGS
from dlcli.config.training import Loss
from dlcli.reference.docstrings import EXAMPLE, Told, taken_apart
from dlcli.reference.often import OFTEN
from dlcli.reference.working import docstrings

KINDS: dict[str, Mapping[str, type[Section]]] = {
    "layers": LAYER_CONFIGS,
    "activations": ACTIVATION_CONFIGS,
    "initializers": INITIALIZER_CONFIGS,
    "regularizers": REGULARIZER_CONFIGS,
    "losses": LOSS_CONFIGS,
    "optimizers": OPTIMIZER_CONFIGS,
    "schedules": SCHEDULE_CONFIGS,
    "metrics": METRIC_CONFIGS,
    "sources": SOURCE_CONFIGS,
    "transforms": TRANSFORM_CONFIGS,
    "target_transforms": TARGET_TRANSFORM_CONFIGS,
    "augmentations": AUGMENTATION_CONFIGS,
}
"""The words, by what they are words for."""

ALIASES: dict[str, Mapping[str, str]] = {
    "losses": get_args(Loss)[1].aliases,
    "metrics": METRIC_ALIASES,
}
"""Short words, by the kind of what they stand for."""

ONE_OF = {
    "layers": "a layer",
    "activations": "an activation",
    "initializers": "an initializer",
    "regularizers": "a regularizer",
    "losses": "a loss",
    "optimizers": "an optimizer",
    "schedules": "a schedule",
    "metrics": "a metric",
    "sources": "a source",
    "transforms": "a transform",
    "target_transforms": "a target transform",
    "augmentations": "an augmentation",
}


_ALL_HAVE = ("name", "input", "trainable", "weighted", "warmup_steps", "warmup_epochs")


class Entry:
    """A word, or a section of the config.

    name: `layers.conv2d`, `data.split`. kind: "" for a section.
    """

    def __init__(self, name: str, kind: str, model: type[Section]) -> None:
        self.name, self.kind, self.model = name, kind, model
        self.word = name.rpartition(".")[2]

    @property
    def options(self) -> list[str]:
        """Their names, in the order of the class, what all words of a kind have at the end; `type`
        is the word itself."""
        names = [name for name in self.model.model_fields if name != "type" or not self.kind]
        return sorted(names, key=lambda name: bool(self.kind) and name in _ALL_HAVE)

    @cached_property
    def _own(self) -> list[Told]:
        """What the class in the vocabulary says, and those that it inherits from."""
        classes = [one for one in self.model.__mro__ if issubclass(one, Section)]
        return [taken_apart(one.__dict__.get("__doc__"), self.options) for one in classes[:-1]]

    @cached_property
    def works(self) -> list[Told]:
        """What the class says that does the work, and those that it inherits from."""
        known = docstrings(self.kind, self.word) if self.kind else ()
        return [taken_apart(one, self.options) for one in known]

    @property
    def about(self) -> Told:
        """What it is: by the vocabulary, or else by what does the work."""
        own = self._own[0]
        return own if own.prose or not self.works else self.works[0]

    def option(self, name: str) -> str:
        """What an option means, "" if nobody says."""
        if name == "type":
            return f"the word that chooses {ONE_OF[self.kind]}"
        often = OFTEN.get(name, "")
        for told in (*self._own, *self.works):
            words = told.options.get(name, "")
            if words.startswith("(") and often:  # only how it is written
                return f"{often}: {words[: words.index(')') + 1]}"
            if words.startswith("by default") and often:
                return f"{often.partition('; by default')[0]}; {words}"
            if words:
                return words
        return often

    @property
    def example(self) -> str:
        """How it is written, where its class says so; else ""."""
        return self._own[0].options.get(EXAMPLE, "")

    @property
    def source(self) -> str:
        """Where its formula comes from, if its own docstring leaves that to what it inherits."""
        sources = [told.source for told in self.works]
        return "" if not sources or sources[0] else next(filter(None, sources), "")


@cache
def entries() -> dict[str, Entry]:
    """All of them, by name: the sections as they stand in a config, then the words."""
    found = {name: Entry(name, "", model) for name, model in _sections("", Config)}
    for kind, words in KINDS.items():
        found |= {f"{kind}.{word}": Entry(f"{kind}.{word}", kind, words[word]) for word in words}
    return found


def of_kind(kind: str) -> list[Entry]:
    """The words of a kind, sorted."""
    return [entries()[f"{kind}.{word}"] for word in sorted(KINDS[kind])]


def _sections(above: str, model: type[Section]) -> Iterator[tuple[str, type[Section]]]:
    """A section and those below it, by their places: `config`, `data`, `data.split`, ..."""
    yield above or "config", model
    for name, field in model.model_fields.items():
        for one in _mentioned(field.annotation):
            if "type" not in one.model_fields:  # which words have
                named = ".NAME" if get_origin(field.annotation) is dict else ""
                yield from _sections(f"{above}.{name}{named}".lstrip("."), one)


def _mentioned(annotation: Any) -> Iterator[type[Section]]:
    if isinstance(annotation, type) and issubclass(annotation, Section):
        yield annotation
    else:
        for argument in get_args(annotation):
            yield from _mentioned(argument)
