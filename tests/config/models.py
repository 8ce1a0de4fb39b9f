"""Every model of the vocabulary, found by walking it from the top."""

from collections.abc import Iterator
from typing import Any, get_args

from dlcli.config import Config
from dlcli.config.base import Model, fields_of


def every_model() -> list[type[Model]]:
    return sorted(_walk(Config), key=lambda model: model.__name__)


def _walk(model: type[Model]) -> set[type[Model]]:
    found = {model}
    ahead = [model]
    while ahead:
        for field in fields_of(ahead.pop()).values():
            new = set(_mentioned(field.annotation)) - found
            found |= new
            ahead += new
    return found


def _mentioned(annotation: Any) -> Iterator[type[Model]]:
    if isinstance(annotation, type) and issubclass(annotation, Model):
        yield annotation
    else:
        for argument in get_args(annotation):
            yield from _mentioned(argument)
