"""The dictionary between the config's vocabulary and the objects that do the work.

The vocabulary (pydantic, no NumPy) and the mathematics (NumPy, no pydantic) do not know each
other. They agree on names: a component's `type` is its key in the engine's table, and its fields
are the fields of the engine's dataclass, with the same defaults (a test compares every pair).
So one function translates all of them. The only shape that differs: an `activation:` written on
a layer becomes an activation layer of its own behind it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, TypeVar

from dlcli.config import Config
from dlcli.config.sources import Npz
from dlcli.config.wiring import write_out
from dlcli.data.dataset import Role
from dlcli.data.sources import SOURCES, NamedArrays, Source
from dlcli.data.sources.named_arrays import PREFIX
from dlcli.data.split import Split
from dlcli.data.transforms import TRANSFORMS, Transform
from dlcli.engine.fusion import fuse
from dlcli.engine.graph import DATA, Link, Node
from dlcli.engine.initializers import INITIALIZERS
from dlcli.engine.layer import Layer, Merge
from dlcli.engine.layers import ACTIVATIONS, LAYERS
from dlcli.engine.losses import LOSSES, Loss
from dlcli.engine.merges import MERGES
from dlcli.engine.model import Model
from dlcli.engine.optimizers import OPTIMIZERS, Optimizer
from dlcli.engine.schedules import SCHEDULES

T = TypeVar("T")
Path = tuple[str | int, ...]

_PARTS: tuple[Role, ...] = ("train", "validation", "test")


@dataclass(frozen=True)
class Built:
    """A layer of the engine, its name, the values that it reads, and the place in the config that
    asked for it."""

    name: str
    layer: Layer | Merge
    inputs: tuple[str, ...]
    path: Path

    @property
    def link(self) -> Link:
        """It, to be connected."""
        return Link(self.name, self.layer, self.inputs)


def build(config: Any, table: Mapping[str, type[T]]) -> T:
    """The object of `table` that a component of the config names, with the same fields."""
    kind = table[config.type]
    names = [field.name for field in fields(kind)]  # type: ignore[arg-type]
    return kind(**{name: _value(name, getattr(config, name)) for name in names})


def _value(name: str, value: Any) -> Any:
    """A field's value. What kind of component it is, the field says: words may be in two tables."""
    if name.endswith("_initializer"):
        return build(value, INITIALIZERS)
    if name == "learning_rate" and not isinstance(value, float):
        return build(value, SCHEDULES)
    return value


def layers(config: Config, loss: Loss) -> list[Built]:
    """The engine's layers, without a last activation that the loss folds in."""
    built: list[Built] = []
    gives: dict[str, str] = {}  # by the name of a config's layer, the engine's that gives its value
    for wire in write_out(config.model.layers, tuple(transforms(config))).wires:
        layer: Any = wire.layer
        name, inputs = wire.name, tuple(gives.get(read, read) for read in wire.inputs)
        if layer.type in MERGES:
            built.append(Built(name, build(layer, MERGES), inputs, wire.path))
        if layer.type in LAYERS:
            built.append(Built(name, build(layer, LAYERS), inputs, wire.path))
            inputs = (name,)
        activation = getattr(layer, "activation", None)
        if activation is not None and (layer.type not in LAYERS or activation.type != "linear"):
            own = name if layer.type not in LAYERS else f"{name}.activation"
            built.append(Built(own, build(activation, ACTIVATIONS), inputs, wire.path))
        gives[name] = built[-1].name
    last = built[-1]
    if loss.folds is not None and isinstance(last.layer, ACTIVATIONS[loss.folds]):
        built.pop()
        if not built or last.inputs != (built[-1].name,):  # what it reads is not what is now last
            built.append(replace(last, layer=ACTIVATIONS["linear"]()))
    return built


def loss(config: Config) -> Loss:
    """The loss."""
    return build(config.loss, LOSSES)


def optimizer(config: Config) -> Optimizer:
    """The optimizer."""
    return build(config.optimizer, OPTIMIZERS)


def model(nodes: Sequence[Node], chosen: Optimizer) -> Model:
    """The model of a connected chain, fast: layers that can be fused are."""
    plain = tuple(nodes)
    return Model(fuse(plain), chosen.decays, plain)


def source(config: Config) -> Source:
    """The source of the data."""
    chosen, inputs = config.data.source, config.data.inputs
    if inputs is None:
        return build(chosen, SOURCES)
    assert isinstance(chosen, Npz)
    targets = {role: getattr(chosen, f"{PREFIX[role]}target") for role in _PARTS}
    targets = {role: array for role, array in targets.items() if array is not None}
    if targets.keys() == {"train"}:
        targets = {"all": targets["train"]}
    arrays = {
        name: {role: getattr(one, f"{PREFIX[role]}array") for role in targets}
        for name, one in inputs.items()
    }
    return NamedArrays(chosen.path, arrays, targets, chosen.positive_class)


def split(config: Config) -> Split:
    """How the data is split."""
    return Split(**{field.name: getattr(config.data.split, field.name) for field in fields(Split)})


def transforms(config: Config) -> dict[str, list[Transform]]:
    """What is done to each value of the data, in order, by the value's name."""
    lists = {DATA: config.data.transforms}
    if config.data.inputs is not None:
        lists = {name: one.transforms for name, one in config.data.inputs.items()}
    return {name: [build(one, TRANSFORMS) for one in steps] for name, steps in lists.items()}


def transform_path(name: str, index: int) -> Path:
    """Where in the config the transform at `index` of a value's list stands."""
    return ("data", *(("inputs", name) if name != DATA else ()), "transforms", index)
