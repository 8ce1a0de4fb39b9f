"""Every model of the vocabulary, found by walking it from the top."""

from collections.abc import Iterator
from typing import Any, get_args

from dlcli.config import Config
from dlcli.config.base import Model


def every_model() -> list[type[Model]]:
    return sorted(_walk(Config), key=lambda model: model.__name__)


def _walk(model: type[Model]) -> set[type[Model]]:
    found = {model}
    for field in model.model_fields.values():
        for inner in _mentioned(field.annotation):
            found |= _walk(inner)
    return found


def _mentioned(annotation: Any) -> Iterator[type[Model]]:
    if isinstance(annotation, type) and issubclass(annotation, Model):
        yield annotation
    else:
        for argument in get_args(annotation):
            yield from _mentioned(argument)
