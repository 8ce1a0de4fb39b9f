"""`--set key.path=value`: changes to a document before it is validated.

Values follow the file's rules. Missing mappings are created, bare text becomes {type: text},
lists are indexed by number. What an option gave is remembered, so that a problem cites it.
"""

from collections.abc import Sequence
from typing import Any

from dlcli.config.document import Document, Problem
from dlcli.config.wording import code
from dlcli.config.yaml_reader import Path, canonical_key, read_tree


class OverrideError(ValueError):
    """An option that cannot be followed; the message says why."""


def apply_overrides(document: Document, options: Sequence[str]) -> None:
    """Change the document; what cannot be followed becomes one of its problems."""
    for option in options:
        try:
            _apply(document, option)
        except OverrideError as error:
            document.problems.append(Problem(None, option, str(error)))


def _apply(document: Document, option: str) -> None:
    dotted, equals, text = option.partition("=")
    keys = [key.strip() for key in dotted.split(".")]
    if not equals or not all(keys):
        raise OverrideError("an override is written key.path=value")
    value = _read(text)
    place: Any = document.data
    path: Path = ()
    for key in keys[:-1]:
        step = _step(place, key, path)
        path = (*path, step)
        below = place.get(step) if isinstance(place, dict) else place[step]
        if isinstance(below, str):
            below = {"type": below}
        elif below is None:
            below = {}
            _given(document, path, option)
        elif not isinstance(below, dict | list):
            raise OverrideError(
                f"{code('.'.join(map(str, path)))} is a single value: nothing below"
            )
        place[step] = below
        place = below
    step = _step(place, keys[-1], path)
    place[step] = value
    _given(document, (*path, step), option)
    if keys[-1] != step and isinstance(step, str):
        document.tree.spelled[(*path, step)] = keys[-1]


def _read(text: str) -> Any:
    tree = read_tree(text)
    if tree.problems:
        raise OverrideError(tree.problems[0][1])
    return tree.value


def _step(place: Any, key: str, path: Path) -> str | int:
    """The key, or the index where `place` is a list."""
    if isinstance(place, dict):
        return canonical_key(key, path)
    name = code(".".join(map(str, path)))
    if not (key.isascii() and key.isdigit()):
        raise OverrideError(f"{name} is a list: number its entries from 0, not {code(key)}")
    if len(key) > 9 or int(key) >= len(place):
        entries = f"{len(place)} entries" if len(place) != 1 else "1 entry"
        raise OverrideError(f"{name} has {entries}, numbered from 0; there is no {code(key)}")
    return int(key)


def _given(document: Document, path: Path, option: str) -> None:
    """Remember the option, and forget what the file or earlier options said there."""
    tree = document.tree
    everything: tuple[dict[Path, Any], ...] = (
        document.options,
        tree.keys,
        tree.values,
        tree.spelled,
    )
    for places in everything:
        for known in [known for known in places if known[: len(path)] == path]:
            del places[known]
    tree.broken = {known for known in tree.broken if known[: len(path)] != path}
    document.options[path] = option
