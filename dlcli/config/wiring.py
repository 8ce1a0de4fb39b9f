"""The layers of a model written out: no blocks, and for each layer the values that it reads.

A layer reads what the one before it gives, unless `input` or `inputs` name other values. A name is
looked for among the earlier layers of the layer's own list, then of the lists around it, then
among the values of the data; so nothing can read what comes later.

Layers inside of blocks are called by their path: `repeat_1.2.residual_1.conv2d_1` is in the second
turn of `repeat_1`, `residual_1.shortcut.dense_1` in the shortcut, and `branches_1.3.flatten_1` in
the third branch. A block's own name stands for what it gives.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from dlcli.config.activations import Linear
from dlcli.config.layer_sections import LayerModel, OneInput
from dlcli.config.layers import (
    LAYER_CONFIGS,
    ActivationLayer,
    Branches,
    Repeat,
    Residual,
)
from dlcli.config.merges import MergeLayer
from dlcli.config.naming import layer_names
from dlcli.config.wording import code, listing, meant, nearest
from dlcli.config.yaml_reader import Path
from dlcli.frozen import frozen

MOST = 10_000
"""Layers, written out."""

_UNSAID = "?"
"""What the first layer reads where the data has several values; no layer is called so."""

RESERVED = ("activation", "shortcut")
"""Names that no layer inside of a block can have: they are parts of paths."""

Complaint = tuple[Path, str]


@frozen
class Wire:
    """A layer that is no block.

    path: the place in the config that asked for it.
    inputs: the names of the wires, or of the data's values, that it reads.
    trainable: whether neither it nor a block around it is frozen.
    """

    name: str
    layer: LayerModel
    path: Path
    inputs: tuple[str, ...]
    trainable: bool = True


@dataclass
class Wiring:
    """wires: in their order, empty where something is wrong; complaints: what that is."""

    wires: list[Wire] = field(default_factory=list)
    complaints: list[Complaint] = field(default_factory=list)


def write_out(layers: Sequence[LayerModel], given: Sequence[str]) -> Wiring:
    """The layers of a model, for data with these values; a value without a name is called ""."""
    found = Wiring()
    if sum(map(_size, layers)) > MOST:
        words = f"with all blocks written out, a model may have {MOST:,} layers at most"
        found.complaints.append((("model", "layers"), words))
        return found
    scope = _Scope(found, {name: name for name in given if name})
    _write_list(scope, layers, ("model", "layers"), "", given[0] if len(given) == 1 else _UNSAID)
    if not found.complaints:  # else what is wrong may be what reads them
        found.complaints += _unread(found.wires, given)
    found.complaints = list(dict.fromkeys(found.complaints))
    if found.complaints:
        found.wires = []
    return found


def _size(layer: LayerModel) -> int:
    """How many layers it becomes, at least."""
    if isinstance(layer, Repeat):
        return layer.times * sum(map(_size, layer.layers))
    if isinstance(layer, Residual | Branches):
        return 1 + sum(_size(inner) for _, _, side in _sides(layer) for inner in side)
    return 1


def _sides(block: Residual | Branches) -> list[tuple[Path, str, Sequence[LayerModel]]]:
    """The lists of layers that a block merges: place below the block, part of the path, layers."""
    if isinstance(block, Residual):
        return [(("layers",), "", block.layers), (("shortcut",), "shortcut.", block.shortcut)]
    return [(("branches", i), f"{i + 1}.", branch) for i, branch in enumerate(block.branches)]


@dataclass
class _Scope:
    """What a list of layers sees.

    known: by the name that is written, the wire or value of the data that it stands for; None for
        a layer of which that is not known, because something about it is wrong.
    later: the names that come further on in this list.
    trainable: whether no block around it is frozen.
    """

    out: Wiring
    known: dict[str, str | None]
    outer: "_Scope | None" = None
    later: set[str] = field(default_factory=set)
    trainable: bool = True

    def inside(self, block: LayerModel) -> "_Scope":
        """What a list of layers of a block within this one sees, before its first layer."""
        return _Scope(self.out, {}, self, trainable=self.trainable and block.trainable)

    def find(self, name: str) -> str | None:
        """What a name stands for; KeyError where it stands for nothing."""
        if name in self.known or self.outer is None:
            return self.known[name]
        return self.outer.find(name)

    def names(self) -> list[str]:
        """All that can be read from here, the nearest last."""
        return [*(self.outer.names() if self.outer else ()), *self.known]

    def comes_later(self, name: str) -> bool:
        return name in self.later or (self.outer is not None and self.outer.comes_later(name))

    def complain(self, path: Path, words: str) -> None:
        self.out.complaints.append((path, words))


def _write_list(
    scope: _Scope, layers: Sequence[LayerModel], path: Path, prefix: str, x: str | None
) -> str | None:
    """Write a list of layers out; x: what its first layer reads. Returns what the last one gives,
    None where that is not known."""
    names = layer_names(layers)
    scope.later = set(names)
    for index, (layer, name) in enumerate(zip(layers, names, strict=True)):
        here: Path = (*path, index)
        _check_name(scope, layer, here, names[:index], bool(prefix))
        if layer.name is None and not prefix and scope.known.get(name) == name:
            words = f"{code('.'.join(map(str, here)))} is called so by itself"
            scope.complain(("data", "inputs", name), f"{words}; choose another name")
        x = _write(scope, layer, here, prefix + name, x)
        scope.later.discard(name)
        scope.known[name] = x
    return x


def _check_name(
    scope: _Scope, layer: LayerModel, here: Path, before: Sequence[str], inside: bool
) -> None:
    name = layer.name
    if name is None:
        return
    at: Path = (*here, "name")
    if name in before:
        other = ".".join(map(str, (*here[:-1], before.index(name))))
        words = f"the layer name {code(name)} is taken by {other}; names must be unique"
        scope.complain(at, words)
    elif inside and name in RESERVED:
        scope.complain(at, f"no layer inside of a block can be called {code(name)}; rename it")
    elif scope.known.get(name) == name and not inside:
        scope.complain(at, f"the data has a value of the name {code(name)}; rename the layer")


def _write(scope: _Scope, layer: LayerModel, here: Path, name: str, x: str | None) -> str | None:
    """Write one layer out; returns what it gives."""
    if isinstance(layer, MergeLayer):
        inputs = [_find(scope, given, (*here, "inputs", i)) for i, given in enumerate(layer.inputs)]
        return _add(scope, name, layer, here, inputs)
    assert isinstance(layer, OneInput)
    if layer.input is not None:
        x = _find(scope, layer.input, (*here, "input"))
    elif x == _UNSAID:
        values = listing(scope.names())
        words = f"the data has several values ({values}): say which one is read, by `input`"
        scope.complain(here, words)
        x = None
    if isinstance(layer, Repeat):
        for turn in range(layer.times):
            path = f"{name}.{turn + 1}."
            x = _write_list(scope.inside(layer), layer.layers, (*here, "layers"), path, x)
        return x
    if isinstance(layer, Residual | Branches):
        sides = [
            _write_list(scope.inside(layer), inner, (*here, *key), f"{name}.{part}", x)
            for key, part, inner in _sides(layer)
        ]
        word = "add" if isinstance(layer, Residual) else layer.merge
        merged = _add(scope, name, LAYER_CONFIGS[word].model_construct(type=word), here, sides)
        if merged is None or isinstance(layer, Branches) or isinstance(layer.activation, Linear):
            return merged
        activation = ActivationLayer(activation=layer.activation)
        return _add(scope, f"{name}.activation", activation, here, [merged])
    return _add(scope, name, layer, here, [x])


def _add(
    scope: _Scope, name: str, layer: LayerModel, here: Path, inputs: Sequence[str | None]
) -> str | None:
    """Add a layer, and return its name; None where something that it reads is not known."""
    known = [value for value in inputs if value is not None]
    if len(known) < len(inputs):
        return None
    trainable = scope.trainable and layer.trainable
    scope.out.wires.append(Wire(name, layer, here, tuple(known), trainable))
    return name


def _find(scope: _Scope, name: str, at: Path) -> str | None:
    """What a written name stands for; complains where it stands for nothing."""
    try:
        return scope.find(name)
    except KeyError:
        known = scope.names()
    words = f"no layer before this one is called {code(name)}"
    if scope.comes_later(name):
        words = f"{code(name)} comes later; a layer can read only what stands before it"
    elif (near := nearest(name, known)) is not None:
        words += meant(near)
    elif known:
        words += f"; known here: {listing(known)}"
    scope.complain(at, words)
    return None


def _unread(wires: Sequence[Wire], given: Sequence[str]) -> Iterator[Complaint]:
    """Layers and values of the data that nothing reads: they would have no effect."""
    read = {name for wire in wires for name in wire.inputs}
    for wire in wires[:-1]:
        if wire.name not in read:
            yield wire.path, "no later layer reads what this one gives: take it out"
    for name in given:
        if name and name not in read:
            yield ("data", "inputs", name), "no layer reads this value: take it out"
