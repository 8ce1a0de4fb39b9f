"""The dictionary between the config's vocabulary and the objects that do the work.

The vocabulary (pydantic, no NumPy) and the mathematics (NumPy, no pydantic) do not know each
other. They agree on names: a component's `type` is its key in the engine's table, and its fields
are the fields of the engine's dataclass, with the same defaults (a test compares every pair).
So one function translates all of them. The only shape that differs: an `activation:` written on
a layer becomes an activation layer of its own behind it.

By the same agreement a network that is built can be written down, each layer in the words of the
vocabulary (engine/described.py), and be built again from what was written; here the vocabulary
checks it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeVar

from dlcli.config import (
    ACTIVATION_CONFIGS,
    LAYER_CONFIGS,
    LOSS_CONFIGS,
    Answering,
    Config,
    component_of,
)
from dlcli.config.base import Section
from dlcli.config.embeddings import EmbeddedColumns
from dlcli.config.sources import Npz
from dlcli.config.wiring import write_out
from dlcli.data.augmentation import AUGMENTATIONS, Augmentations
from dlcli.data.dataset import Role
from dlcli.data.fitted import Columns
from dlcli.data.fitting import Misfit, Transform
from dlcli.data.ids import embedded
from dlcli.data.sources import SOURCES, NamedArrays, Source
from dlcli.data.sources.array_names import PREFIX
from dlcli.data.split import Split
from dlcli.data.transforms import TRANSFORMS
from dlcli.engine.described import COMPONENTS
from dlcli.engine.described import links as described_links
from dlcli.engine.described import loss_of as described_loss
from dlcli.engine.fusion import fuse
from dlcli.engine.graph import DATA, Link, Node
from dlcli.engine.initializers import INITIALIZERS
from dlcli.engine.layer import Layer, Merge
from dlcli.engine.layers import ACTIVATIONS, LAYERS, ColumnEmbeddings
from dlcli.engine.losses import LOSSES, Loss
from dlcli.engine.merges import MERGES
from dlcli.engine.metrics import METRICS, Metric
from dlcli.engine.model import Model
from dlcli.engine.regularizers import REGULARIZERS
from dlcli.frozen import frozen

if TYPE_CHECKING:
    from dlcli.engine.optimizers import Optimizer
    from dlcli.engine.schedule import Schedule

T = TypeVar("T")
Path = tuple[str | int, ...]
Sections = Config | Answering
"""A config, or as much of it as says what a trained network answers."""

_PARTS: tuple[Role, ...] = ("train", "validation", "test")


@frozen
class Built:
    """A layer of the engine, its name, the values that it reads, and the place in the config that
    asked for it."""

    name: str
    layer: Layer | Merge
    inputs: tuple[str, ...]
    path: Path
    trainable: bool = True

    @property
    def link(self) -> Link:
        """It, to be connected."""
        return Link(self.name, self.layer, self.inputs, self.trainable)


class Misplaced(ValueError):
    """A layer that cannot find what it is for; path: its place in the config, or that of one of
    its options."""

    def __init__(self, path: Path, message: str) -> None:
        super().__init__(message)
        self.path = path


def build(config: Any, table: Mapping[str, type[T]]) -> T:
    """The object of `table` that a component of the config names, with the same fields."""
    kind = table[config.type]
    every = fields(kind)  # type: ignore[arg-type]
    names = [field.name for field in every if field.metadata.get("chosen", True)]
    return kind(**{name: _value(name, getattr(config, name)) for name in names})


def _value(name: str, value: Any) -> Any:
    """A field's value. What kind of component it is, the field says: words may be in two tables."""
    if name.endswith("_initializer"):
        return build(value, INITIALIZERS)
    if name.endswith("_regularizer") and value is not None:
        return build(value, REGULARIZERS)
    if name == "learning_rate" and not isinstance(value, float):
        return schedule(value)
    return value


def layers(
    config: Sections, loss: Loss, columns: Mapping[str, Columns] = MappingProxyType({})
) -> list[Built]:
    """The engine's layers, without a last activation that the loss folds in.

    columns: of each value of the data, by its name, as the transforms leave them; only for layers
    that are about columns. Misplaced where such a layer does not find its columns.
    """
    built: list[Built] = []
    gives: dict[str, str] = {}  # by the name of a config's layer, the engine's that gives its value
    for wire in write_out(config.model.layers, tuple(transforms(config))).wires:
        layer: Any = wire.layer
        name, inputs = wire.name, tuple(gives.get(read, read) for read in wire.inputs)
        if layer.type in MERGES:
            built.append(Built(name, build(layer, MERGES), inputs, wire.path))
        if layer.type in LAYERS:
            if layer.type == "column_embeddings":
                made: Layer = column_embeddings(layer, columns.get(inputs[0]), wire.path)
            else:
                made = build(layer, LAYERS)
            built.append(Built(name, made, inputs, wire.path, wire.trainable))
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


def column_embeddings(layer: Any, columns: Columns, path: Path) -> Layer:
    """The layer for these columns: a vector for each that holds ids.

    layer: of the config; path: its place there.
    """
    try:
        found = embedded(columns, layer.output_dim, layer.default_output_dim)
    except Misfit as error:
        raise Misplaced((*path, *error.at), str(error)) from None
    others = [field.name for field in fields(ColumnEmbeddings) if field.name != "columns"]
    return ColumnEmbeddings(found, **{name: _value(name, getattr(layer, name)) for name in others})


def loss(config: Sections) -> Loss:
    """The loss."""
    return build(config.loss, LOSSES)


def metrics(config: Config) -> dict[str, Metric]:
    """The metrics by their names, in their order."""
    return {one.called: build(one, METRICS) for one in config.evaluation.metrics or ()}


def loss_of(described: Any) -> Loss:
    """The loss that was written down, checked by the vocabulary; ValueError where it is none."""

    def make(word: str, options: Mapping[str, Any]) -> Loss:
        return build(component_of(LOSS_CONFIGS[word], {"type": word, **options}), LOSSES)

    return described_loss(described, make)


def schedule(config: Any) -> "Schedule":
    """A learning rate that is no number."""
    from dlcli.engine.schedules import SCHEDULES  # whoever has a number does without

    return build(config, SCHEDULES)


def optimizer(config: Config) -> "Optimizer":
    """The optimizer."""
    from dlcli.engine.optimizers import OPTIMIZERS  # whoever only asks a network does without

    return build(config.optimizer, OPTIMIZERS)


def model(nodes: Sequence[Node], chosen: "Optimizer | None" = None) -> Model:
    """The model of a connected graph, fast: layers that can be fused are.

    chosen: says which arrays decay; not needed for a model that learns no more.
    """
    plain = tuple(nodes)
    if chosen is None:
        return Model(fuse(plain), plain=plain)
    return Model(fuse(plain), chosen.decays, plain)


def links(described: Any) -> list[Link]:
    """The inverse of `describe`, to be connected, and checked by the vocabulary; initializers are
    those of the vocabulary. ValueError for what `describe` did not write."""
    return described_links(described, _by_vocabulary)


DESCRIBED: Mapping[str, type[Section]] = {
    **LAYER_CONFIGS,
    "column_embeddings": EmbeddedColumns,
}
"""The vocabulary of layers that are written down: that of the config but for a layer of which the
config says less than is known of it when it is built."""


def _by_vocabulary(word: str, options: Mapping[str, Any], inputs: int) -> Layer | Merge:
    # Of a merge, the vocabulary knows how many inputs there may be; names are another matter.
    many = {"inputs": [f"x{index}" for index in range(inputs)]} if word in MERGES else {}
    kind = ACTIVATION_CONFIGS[word] if word in ACTIVATIONS else DESCRIBED[word]
    return build(component_of(kind, {**options, **many}), COMPONENTS)


def source(config: Sections) -> Source:
    """The source of the data."""
    chosen, inputs = config.data.source, config.data.inputs
    column = config.data.split.column
    keys = () if column is None else (column,)
    if inputs is None:
        return build(chosen, SOURCES).with_keys(keys)
    assert isinstance(chosen, Npz)
    targets = {role: getattr(chosen, f"{PREFIX[role]}target") for role in _PARTS}
    targets = {role: array for role, array in targets.items() if array is not None}
    if targets.keys() == {"train"}:
        targets = {"all": targets["train"]}
    arrays = {
        name: {role: getattr(one, f"{PREFIX[role]}array") for role in targets}
        for name, one in inputs.items()
    }
    weights = {f"{PREFIX[role]}weight": getattr(chosen, f"{PREFIX[role]}weight") for role in _PARTS}
    found = NamedArrays(chosen.path, arrays, targets, weights, chosen.positive_class)
    return found.with_keys(keys)


def learns_classes(config: Config) -> bool:
    """Whether classes are learned, and no numbers."""
    return config.data.target is None and loss(config).kind((1,))[0] != "regression"


def split(config: Config) -> Split:
    """How the data is split."""
    return Split(**{field.name: getattr(config.data.split, field.name) for field in fields(Split)})


def transforms(config: Sections) -> dict[str, list[Transform]]:
    """What is done to each value of the data, in order, by the value's name."""
    lists = {DATA: config.data.transforms}
    if config.data.inputs is not None:
        lists = {name: one.transforms for name, one in config.data.inputs.items()}
    return {name: [build(one, TRANSFORMS) for one in steps] for name, steps in lists.items()}


def augmentations(config: Config) -> dict[str, Augmentations]:
    """What is done to each value of the data at random, by the value's name, where anything is."""
    lists = {DATA: config.data.augmentation}
    if config.data.inputs is not None:
        lists = {name: one.augmentation for name, one in config.data.inputs.items()}
    return {
        name: Augmentations([build(one, AUGMENTATIONS) for one in steps], config.seed, name)
        for name, steps in lists.items()
        if steps
    }


def transform_path(name: str, index: int, key: str = "transforms") -> Path:
    """Where in the config the entry at `index` of a value's list stands."""
    return ("data", *(("inputs", name) if name != DATA else ()), key, index)
