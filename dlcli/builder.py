"""The dictionary between the config's vocabulary and the objects that do the work.

The vocabulary (pydantic, no NumPy) and the mathematics (NumPy, no pydantic) do not know each
other. They agree on names: a component's `type` is its key in the engine's table, and its fields
are the fields of the engine's dataclass, with the same defaults (a test compares every pair).
So one function translates all of them. The only shape that differs: an `activation:` written on
a layer becomes an activation layer of its own behind it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, TypeVar

from dlcli.config import Config
from dlcli.data.sources import SOURCES, Source
from dlcli.data.split import Split
from dlcli.data.transforms import TRANSFORMS, Transform
from dlcli.engine.fusion import fuse
from dlcli.engine.initializers import INITIALIZERS
from dlcli.engine.layer import Layer
from dlcli.engine.layers import ACTIVATIONS, LAYERS
from dlcli.engine.losses import LOSSES, Loss
from dlcli.engine.model import Model, Node
from dlcli.engine.optimizers import OPTIMIZERS, Optimizer

T = TypeVar("T")
Path = tuple[str | int, ...]


@dataclass(frozen=True)
class Built:
    """A layer of the engine, its name, and the place in the config that asked for it."""

    name: str
    layer: Layer
    path: Path


def build(config: Any, table: Mapping[str, type[T]]) -> T:
    """The object of `table` that a component of the config names, with the same fields."""
    kind = table[config.type]
    return kind(**{field.name: _value(getattr(config, field.name)) for field in fields(kind)})  # type: ignore[arg-type]


def _value(value: Any) -> Any:
    """A field's value; initializers are the only components inside components."""
    return build(value, INITIALIZERS) if getattr(value, "type", None) in INITIALIZERS else value


def layers(config: Config, loss: Loss) -> list[Built]:
    """The chain of engine layers, without a last activation that the loss folds in."""
    chain: list[Built] = []
    for index, layer in enumerate(config.model.layers):
        path: Path = ("model", "layers", index)
        name = str(layer.name)
        if layer.type in LAYERS:
            chain.append(Built(name, build(layer, LAYERS), path))
        activation = getattr(layer, "activation", None)
        if activation is not None and (layer.type not in LAYERS or activation.type != "linear"):
            own = name if layer.type not in LAYERS else f"{name}.activation"
            chain.append(Built(own, build(activation, ACTIVATIONS), path))
    if loss.folds is not None and isinstance(chain[-1].layer, ACTIVATIONS[loss.folds]):
        folded = chain.pop()
        if not chain:  # nothing but the activation: the rows themselves are the logits
            chain.append(Built(folded.name, ACTIVATIONS["linear"](), folded.path))
    return chain


def loss(config: Config) -> Loss:
    """The loss."""
    return build(config.loss, LOSSES)


def optimizer(config: Config) -> Optimizer:
    """The optimizer."""
    return build(config.optimizer, OPTIMIZERS)


def model(nodes: Sequence[Node], chosen: Optimizer) -> Model:
    """The model of a connected chain, fast: layers that can be fused are."""
    return Model(fuse(tuple(nodes)), chosen.decays)


def source(config: Config) -> Source:
    """The source of the data."""
    return build(config.data.source, SOURCES)


def split(config: Config) -> Split:
    """How the data is split."""
    return Split(**{field.name: getattr(config.data.split, field.name) for field in fields(Split)})


def transforms(config: Config) -> list[Transform]:
    """What is done to the features, in order."""
    return [build(transform, TRANSFORMS) for transform in config.data.transforms]
