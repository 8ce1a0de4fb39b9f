"""The settings of a config, one by one, by the names that `--set` has for them."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from dlcli.frozen import frozen

_MOST_SHOWN = 60


class _Absent:
    def __repr__(self) -> str:
        return "absent"


ABSENT = _Absent()
"""The value of a setting that a config does not have."""


def settings(config: Mapping[str, Any]) -> dict[str, Any]:
    """Every setting with its value. Lists of single values are one value.

    >>> settings({"training": {"epochs": 2}, "layers": [{"units": 3}], "features": ["a", "b"]})
    {'training.epochs': 2, 'layers.0.units': 3, 'features': ['a', 'b']}
    """
    return dict(_walk("", config))


def _walk(path: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping) and value:
        for key, inner in value.items():
            yield from _walk(f"{path}.{key}" if path else str(key), inner)
    elif isinstance(value, list) and any(isinstance(one, Mapping | list) for one in value):
        for index, inner in enumerate(value):
            yield from _walk(f"{path}.{index}", inner)
    else:
        yield path, value


def told(value: Any) -> str:
    """A value in few words, as YAML would have it.

    >>> [told(value) for value in (None, True, 0.1, 1e-07, ["a", 2], "adam", ABSENT)]
    ['null', 'true', '0.1', '1e-07', '[a, 2]', 'adam', '-']
    """
    if value is ABSENT:
        return "-"
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, list):
        return "[" + ", ".join(told(one) for one in value[:_MOST_SHOWN]) + "]"
    return str(value)


@frozen
class Setting:
    """A setting in which configs differ, and its value in each, in their order."""

    name: str
    values: tuple[Any, ...]


def differing(configs: Sequence[Mapping[str, Any]]) -> list[Setting]:
    """What differs among configs whose settings these are, in the order of the first that has it.

    Those that all of them have come first: what is only there because another kind of layer or
    source was chosen says less.

    >>> [one.name for one in differing([{"a": 1, "b": 2, "c": 3}, {"b": 2, "c": 4, "d": 5}])]
    ['c', 'a', 'd']
    """
    names = dict.fromkeys(name for config in configs for name in config)
    found = []
    for name in names:
        values = tuple(config.get(name, ABSENT) for config in configs)
        if any(_differ(values[0], other) for other in values[1:]):
            found.append(Setting(name, values))
    return sorted(found, key=lambda one: ABSENT in one.values)


def _differ(one: Any, other: Any) -> bool:
    """Whether two values are not the same; 1 and 1.0 are, 1 and true are not."""
    return bool(one != other) or isinstance(one, bool) != isinstance(other, bool)


def short_names(names: Sequence[str]) -> list[str]:
    """Each name with as few of its last words as tell it from the others.

    >>> short_names(["optimizer.learning_rate", "model.layers.0.units", "model.layers.2.units"])
    ['learning_rate', 'layers.0.units', 'layers.2.units']
    >>> short_names(["optimizer.type", "model.layers.1.activation.type"])
    ['optimizer', 'activation']
    """
    split = [name.removesuffix(".type").split(".") for name in names]
    ends = Counter(tuple(words[-n:]) for words in split for n in range(1, len(words) + 1))
    short = []
    for words in split:
        count = 1
        while count < len(words) and (words[-count].isdecimal() or ends[tuple(words[-count:])] > 1):
            count += 1
        short.append(".".join(words[-count:]))
    return short
