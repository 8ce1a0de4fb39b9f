"""The names of layers: those that are given, and `<type>_<n>` for the others, list by list."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from dlcli.config.layer_sections import LayerModel


def named(layers: Sequence[LayerModel]) -> tuple[LayerModel, ...]:
    """The layers with their names filled in, those of blocks too."""
    pairs = zip(layers, layer_names(layers), strict=True)
    return tuple(layer.model_copy(update={"name": name, **_inside(layer)}) for layer, name in pairs)


def _inside(layer: LayerModel) -> dict[str, Any]:
    """The lists of layers that a block holds, named."""
    found: dict[str, Any] = {}
    for key in ("layers", "shortcut"):
        if (inner := getattr(layer, key, None)) is not None:
            found[key] = named(inner)
    if (branches := getattr(layer, "branches", None)) is not None:
        found["branches"] = tuple(map(named, branches))
    return found


def layer_names(layers: Sequence[LayerModel]) -> list[str]:
    """The given names, and `<type>_<n>` for the others.

    n counts all layers of the type in this list, named or not: naming one layer renames no other.
    Where somebody has given an automatic name to another layer, the next free number is taken.
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
