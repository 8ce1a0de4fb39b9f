"""A network written down for JSON, each layer in the words of a configuration; and read again.

A layer is its word in the engine's tables, and the values of its fields; nothing else has to be
known, so that a network can be read where there is no vocabulary. Where there is one, it checks
each layer more closely than the types of the fields do: see dlcli/builder.py.
"""

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields
from types import NoneType, UnionType
from typing import Any, Literal, Protocol, TypeVar, get_args, get_origin, get_type_hints

from dlcli.engine.graph import Link
from dlcli.engine.layer import Layer, Merge
from dlcli.engine.layers import LAYERS
from dlcli.engine.layers.activations import ACTIVATIONS
from dlcli.engine.losses import LOSSES, Loss
from dlcli.engine.merges import MERGES

T = TypeVar("T")

COMPONENTS: Mapping[str, type[Layer | Merge]] = {**LAYERS, **ACTIVATIONS, **MERGES}
"""Whatever a node of a graph may be, by its word."""

MOST = 20_000
"""Layers that a network may have where it is written down."""

_ITS_NAME = re.compile(r"[a-z][a-z0-9_]*(\.[a-z0-9_]+)*")
"""What a layer is called: by its name, or by the path to it where it is inside of a block."""


class Named(Protocol):
    """A layer, its name, and the values that it reads."""

    @property
    def name(self) -> str: ...
    @property
    def layer(self) -> Layer | Merge: ...
    @property
    def inputs(self) -> tuple[str, ...] | None: ...


def describe(nodes: Iterable[Named]) -> list[dict[str, Any]]:
    """A graph written down for JSON: for each layer, in their order, its `name`, its `type`, the
    `inputs` that it reads, and its options but for those of training only."""
    return [
        {"name": node.name, "inputs": list(node.inputs or ()), **written(node.layer, COMPONENTS)}
        for node in nodes
    ]


def written(component: Any, table: Mapping[str, type[Any]]) -> dict[str, Any]:
    """The `type` and the options of an object of a class in this table, for JSON."""
    word = next(word for word, kind in table.items() if kind is type(component))
    usual = {one.name: one.default for one in fields(component) if one.metadata.get("later")}
    options = {name: getattr(component, name) for name in options_of(type(component))}
    return {
        "type": word,
        **{
            name: _plain(value)
            for name, value in options.items()
            if name not in usual or value != usual[name]
        },
    }


def options_of(kind: type[Any]) -> list[str]:
    """What can be chosen about what a component answers, not about how it is trained."""
    return [
        field.name
        for field in fields(kind)
        if not field.name.endswith(("_initializer", "_regularizer"))
        and not field.metadata.get("trains")
    ]


Make = Callable[[str, Mapping[str, Any], int], Layer | Merge]
"""Makes a layer of its word, its options, and how many inputs it has; ValueError where it cannot
have these."""


def by_fields(word: str, options: Mapping[str, Any], inputs: int) -> Layer | Merge:
    """A layer whose options are of the types that its fields say."""
    if word not in MERGES and inputs != 1:
        raise ValueError(f"it reads {inputs} values, not one")
    return _made(COMPONENTS[word], options)


def links(described: Any, make: Make = by_fields) -> list[Link]:
    """The inverse of `describe`, to be connected; initializers are the usual ones.

    An option may lack that is not required: there was no such choice when it was written.
    ValueError for what `describe` did not write.
    """
    if not isinstance(described, list) or not 1 <= len(described) <= MOST:
        raise ValueError(f"the layers must be a list of 1 to {MOST:,}")
    return [_link(entry, make) for entry in described]


def _link(entry: Any, make: Make) -> Link:
    if not isinstance(entry, dict):
        raise ValueError(f"a layer must be a mapping, not {_shown(entry)}")
    name, word, inputs = (entry.get(key) for key in ("name", "type", "inputs"))
    if not isinstance(name, str) or not _ITS_NAME.fullmatch(name):
        raise ValueError(f"{_shown(name)} is no name of a layer")
    if not isinstance(word, str) or word not in COMPONENTS:
        raise ValueError(f"the layer {name!r} has the type {_shown(word)}, which is not known")
    texts = isinstance(inputs, list) and all(isinstance(read, str) for read in inputs)
    if not texts or not inputs:
        raise ValueError(f"the inputs of {name!r} must be a list of names, not {_shown(inputs)}")
    options = {key: entry[key] for key in entry if key not in ("name", "type", "inputs")}
    known = options_of(COMPONENTS[word])
    for key in options:
        if key not in known:
            raise ValueError(f"the layer {name!r} has {_shown(key)}, which is no option of {word}")
    try:
        layer = make(word, options, len(inputs))
    except ValueError as error:
        raise ValueError(f"the layer {name!r}: {error}") from None
    _require_as_written(f"the layer {name!r}", options, written(layer, COMPONENTS))
    return Link(name, layer, tuple(inputs))


def loss_of(described: Any, make: Callable[[str, Mapping[str, Any]], Loss] | None = None) -> Loss:
    """The loss that `written` wrote down; ValueError where it is none.

    make: makes it of its word and its options; None: by the types of its fields.
    """
    word = described.get("type") if isinstance(described, dict) else None
    if not isinstance(word, str) or word not in LOSSES:
        raise ValueError(f"{_shown(described)} is no loss")
    options = {key: described[key] for key in described if key != "type"}
    found = _made(LOSSES[word], options) if make is None else make(word, options)
    _require_as_written(f"the loss {word}", described, written(found, LOSSES))
    return found


def _require_as_written(what: str, found: Mapping[str, Any], again: Mapping[str, Any]) -> None:
    """ValueError unless each option is there as it would be written, to the type of a number."""
    for key, value in found.items():
        if key not in again or json.dumps(value) != json.dumps(again[key]):
            raise ValueError(f"{what} has the option {_shown(key)} written in another way")


def _made(kind: type[T], options: Mapping[str, Any]) -> T:
    """An object of the class; ValueError where an option is not of the type of its field, or
    where one lacks that has no default."""
    types = get_type_hints(kind)
    known = options_of(kind)
    for name in options:
        if name not in known:
            raise ValueError(f"it has no option {_shown(name)}")
    try:
        return kind(**{name: taken(value, types[name]) for name, value in options.items()})
    except TypeError as error:
        raise ValueError(str(error)) from None


def taken(value: Any, kind: Any) -> Any:
    """A value of JSON as the type of a field has it: lists are tuples there. ValueError where it is
    none.

    >>> taken([2, 3], tuple[int, int])
    (2, 3)
    """
    origin, parts = get_origin(kind), get_args(kind)
    if origin is Literal:
        if isinstance(value, str) and value in parts:
            return value
    elif origin is UnionType:
        for part in parts:
            try:
                return taken(value, part)
            except ValueError:
                continue
    elif origin is tuple:
        if isinstance(value, list):
            every = parts[:1] * len(value) if parts[-1] is ... else parts
            if len(value) == len(every):
                return tuple(taken(one, part) for one, part in zip(value, every, strict=True))
    elif type(value) is kind or (kind in (None, NoneType) and value is None):
        return value
    raise ValueError(f"{_shown(value)} is not {_called(kind)}")


def _called(kind: Any) -> str:
    return kind.__name__ if isinstance(kind, type) and not get_args(kind) else str(kind)


def _plain(value: Any) -> Any:
    return [_plain(one) for one in value] if isinstance(value, tuple) else value


def _shown(value: Any) -> str:
    return repr(value)[:100]
