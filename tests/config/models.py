"""Every model of the vocabulary, found by walking it from the top."""

from collections.abc import Iterator
from typing import Any, get_args

from dlcli.config import Config
from dlcli.config.base import Section, fields_of


def every_model() -> list[type[Section]]:
    return sorted(_walk(Config), key=lambda model: model.__name__)


def _walk(model: type[Section]) -> set[type[Section]]:
    found = {model}
    ahead = [model]
    while ahead:
        for field in fields_of(ahead.pop()).values():
            new = set(_mentioned(field.annotation)) - found
            found |= new
            ahead += new
    return found


def _mentioned(annotation: Any) -> Iterator[type[Section]]:
    if isinstance(annotation, type) and issubclass(annotation, Section):
        yield annotation
    else:
        for argument in get_args(annotation):
            yield from _mentioned(argument)
