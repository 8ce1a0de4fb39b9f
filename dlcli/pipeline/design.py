"""Stage 2, model design: build the chain, check it against the data, lay out the training."""

from collections.abc import Mapping
from dataclasses import replace
from math import prod
from types import MappingProxyType
from typing import Any

import numpy as np

from dlcli import builder
from dlcli.artifacts.tensors import read_tensors
from dlcli.builder import Built
from dlcli.config import LoadedConfig
from dlcli.config.rules import monitors
from dlcli.data.audit import Finding
from dlcli.data.dataset import ONLY, Dataset, Part
from dlcli.data.fitted import Columns
from dlcli.data.known import class_counts, require_known, single_class, unknown_labels
from dlcli.data.labels import Labels, labels_of, surplus_units
from dlcli.data.places import Places
from dlcli.data.suspicions import coarse_targets, exclusive_labels
from dlcli.data.targets import TargetScale
from dlcli.deploy.ids import require_ids
from dlcli.engine.graph import GraphError, Node, connect
from dlcli.engine.layer import Array, Shape, ShapeError
from dlcli.engine.layout import ArraysError, NotFiniteError
from dlcli.engine.losses import Loss
from dlcli.engine.metrics import Kind, MetricSet
from dlcli.engine.model import Model
from dlcli.engine.sharding import cuts, default_shard_size
from dlcli.engine.training import Recipe
from dlcli.errors import DataError, UsageError
from dlcli.frozen import frozen
from dlcli.pipeline import audit
from dlcli.pipeline.examples import Learned
from dlcli.pipeline.ids import (
    ids_as_numbers,
    refuse_changed_values,
    refuse_shared_ids,
    steps_that_are_not_masked,
)
from dlcli.pipeline.measures import metric_set, require_defined, require_room, require_weights
from dlcli.pipeline.prepare import Prepared
from dlcli.pipeline.rebuilt import learned_from_features, rebuilds, shape_error
from dlcli.pipeline.row_weights import learned_of


@frozen
class Chain:
    """The layers as the config has them, connected.

    nodes: one for each engine layer; paths: the place in the config of each.
    loss: sees the raw outputs of the last node. rebuilds: whether these are to be the row itself.
    """

    nodes: tuple[Node, ...]
    paths: tuple[builder.Path, ...]
    loss: Loss
    rebuilds: bool = False

    @property
    def out_shape(self) -> Shape:
        """The shape of one output row."""
        return self.nodes[-1].out_shape

    @property
    def learns(self) -> tuple[Kind, int]:
        """What the loss makes of the outputs; see `Loss.kind`."""
        if self.rebuilds:
            return "regression", prod(self.out_shape)
        return self.loss.kind(self.out_shape)

    @property
    def answering(self) -> str:
        """The name of the layer whose units are the answers."""
        return self.nodes[-1].name.removesuffix(".activation")


@frozen
class Design:
    """Everything that stage 3 needs.

    learned: for each role, the targets as the loss takes them, and the weights of rows.
    classes: the names of the classes by id, None where they have none.
    findings: what is probably not meant.
    """

    chain: Chain
    recipe: Recipe
    learned: Mapping[str, Learned]
    classes: tuple[str, ...] | None = None
    findings: tuple[Finding, ...] = ()

    def describe(self) -> str:
        """One line for people."""
        layout = self.recipe.model.layout
        frozen = any(slot.kind == "frozen" for slot in layout.slots.values())
        trainable = f" ({layout.trained:,} trainable)" if frozen else ""
        return (
            f"{len(self.chain.nodes)} layers, {layout.size:,} parameters{trainable}, "
            f"{self.recipe.model.flops / 1e6:,.2f} MFLOP a row, "
            f"shards of {self.recipe.shard_size} rows"
        )


def connect_chain(
    loaded: LoadedConfig,
    row_shapes: Mapping[str, Shape],
    columns: Mapping[str, Columns] = MappingProxyType({}),
) -> Chain:
    """Connect the layers; a layer that cannot take its input is reported on its line, and so is one
    that is frozen where no other has anything to learn.

    row_shapes, columns: of each value of the data, by its name, as the layers get it.
    """
    loss = builder.loss(loaded.config)
    try:
        built = builder.layers(loaded.config, loss, columns)
    except builder.Misplaced as error:
        raise loaded.error(error.path, str(error)) from None
    try:
        nodes = connect([one.link for one in built], row_shapes)
    except GraphError as error:
        raise loaded.error(built[error.index].path, str(error)) from None
    kinds = [{slot.kind for slot in node.slots().values()} for node in nodes]
    frozen = next((index for index, found in enumerate(kinds) if "frozen" in found), None)
    if frozen is not None and not any("trained" in found for found in kinds):
        raise loaded.error(
            _frozen_at(loaded, built[frozen].path),
            "every layer with parameters is frozen, so nothing would be learned: leave "
            "`trainable: false` out where the model is to learn",
        )
    paths = tuple(one.path for one in built)
    refuse_changed_values(loaded, nodes)
    refuse_shared_ids(loaded, nodes, paths, columns)
    return Chain(nodes, paths, loss, rebuilds(loaded))


def _frozen_at(loaded: LoadedConfig, path: builder.Path) -> builder.Path:
    """Where it says that the layer at `path` is frozen: there, or at the block around it."""
    found: Any = loaded.config
    for end, part in enumerate(path):
        found = found[part] if isinstance(part, int) else getattr(found, part)
        if getattr(found, "trainable", True) is False:
            return (*path[: end + 1], "trainable")
    return path


def check_loss(
    loaded: LoadedConfig, chain: Chain, target_shape: Shape | None, classes: int | None
) -> None:
    """Whether the last layer, the loss, the metrics and the target suit each other."""
    if chain.rebuilds and target_shape is not None and chain.out_shape != target_shape:
        raise loaded.error(chain.paths[-1], shape_error(chain.out_shape, target_shape))
    try:
        chain.loss.check(chain.out_shape, target_shape=target_shape, classes=classes)
    except ShapeError as error:
        raise loaded.error(chain.paths[-1], str(error)) from None
    metric_set(loaded, chain.learns)


def require_regression(loaded: LoadedConfig, chain: Chain, what: str) -> None:
    """ConfigError where the loss is for classes, but there are numbers to be learned.

    what: who has numbers, and a verb: "the data holds".
    """
    kind, _ = chain.learns
    if kind != "regression":
        raise loaded.error(
            ("loss",),
            f"`{loaded.config.loss.type}` is for classes, but {what} numbers; use a loss for "
            "numbers, such as `mean_squared_error`",
        )


def refuse_names(
    loaded: LoadedConfig, loss: Loss, names: tuple[str, ...] | None, text: str | None
) -> None:
    """ConfigError where the loss learns numbers, but the target holds names of classes.

    names: the classes by id, where they are known; numbers that stand for themselves are none.
    text: where the text is, where that is known: "column 'price' holds text: ...".
    """
    if loss.kind((1,))[0] != "regression" or rebuilds(loaded):
        return
    if text is None and names is not None and names != tuple(map(str, range(len(names)))):
        shown = ", ".join(repr(name) for name in names[:4]) + (", ..." if names[4:] else "")
        text = (
            f"the target holds names of classes ({shown}). Choose a loss for classes, or a target "
            "that holds numbers."
        )
    if text is not None:
        what = f"`{loaded.config.loss.type}` learns numbers, but {text}"
        raise loaded.error(("loss",), what.removesuffix("."))


def design(loaded: LoadedConfig, prepared: Prepared) -> Design:
    """Build and check the model and everything around it that does not change in training."""
    config, dataset = loaded.config, prepared.dataset
    refuse_names(loaded, builder.loss(config), dataset.classes, dataset.text_target)
    chain = connect_chain(loaded, prepared.row_shapes, prepared.columns)
    for role, part in dataset.parts().items():
        what = "the training part" if role == "train" else f"the {role} part"
        require_ids(chain.nodes, prepared.preprocessing, part.each(), what)
    findings = audit.reshaped_channels_first(chain.nodes) + ids_as_numbers(
        chain.nodes, prepared.columns
    )
    findings += steps_that_are_not_masked(chain.nodes, prepared.preprocessing, dataset.train)
    if chain.rebuilds:
        check_loss(loaded, chain, prepared.row_shapes[ONLY], None)
        learned, about = learned_from_features(loaded, prepared)
        metrics, names = metric_set(loaded, chain.learns, about=about), None
    else:
        learned, metrics, names, odd = _judging(loaded, chain, prepared)
        findings += odd
    require_weights(loaded, any(one.weights is not None for one in dataset.parts().values()))
    require_defined(loaded, metrics, learned)
    require_room(loaded, metrics, {role: len(part) for role, part in dataset.parts().items()})
    training = config.training
    batches = cuts(len(dataset.train), training.batch_size)
    steps = min(training.epochs * batches, training.max_steps or training.epochs * batches)
    optimizer = builder.optimizer(config)
    together = optimizer.gradient_accumulation_steps
    if steps < together:
        raise loaded.error(
            ("optimizer", "gradient_accumulation_steps"),
            f"{together} batches make one update, but the whole run has {steps}, so nothing would "
            "be learned; accumulate less, or train for more epochs",
        )
    optimizer = optimizer.over(steps // together, batches / together)
    model = builder.model(chain.nodes, optimizer)
    recipe = Recipe(
        model=model,
        loss=chain.loss,
        optimizer=optimizer,
        metrics=metrics,
        seed=config.seed,
        epochs=training.epochs,
        batch_size=training.batch_size,
        shard_size=training.shard_size or default_shard_size(model, training.batch_size),
        shuffle=training.shuffle,
        max_steps=training.max_steps,
    )
    for place, monitored in monitors(training, config.optimizer):
        if not monitored.startswith("val_") or dataset.validation is not None:
            continue
        raise loaded.error(
            place,
            f"`{monitored}` needs a validation part, and there is none: give "
            f"`data.split.validation`, or monitor `{monitored.removeprefix('val_')}`",
        )
    return Design(chain, recipe, learned, names, audit.wanted(loaded, findings))


def _judging(
    loaded: LoadedConfig, chain: Chain, prepared: Prepared
) -> tuple[dict[str, Learned], MetricSet, tuple[str, ...] | None, tuple[Finding, ...]]:
    """What the rows of each part are learned from, where the source says what they are; the
    metrics; the names of the classes; what is odd."""
    dataset = prepared.dataset
    classes = None if dataset.classes is None else len(dataset.classes)
    check_loss(loaded, chain, tuple(dataset.train.targets.shape[1:]), classes)
    for part in dataset.parts().values():
        _require_classes(loaded, chain, part)
    labels = labels_by_value(loaded, chain, dataset)
    dataset = replace(dataset, classes=dataset.classes or labels.names)
    names = dataset.classes
    if names is not None and len(names) == 1 and chain.learns[0] != "regression":
        raise DataError(
            f"every row of the data is of the class {names[0]!r}, so there is nothing to "
            "tell apart; bring rows of at least two classes"
        )
    targets: dict[str, Array] = {
        role: _targets(chain, labels, part, prepared.target_scale)
        for role, part in dataset.parts().items()
    }
    scaled = prepared.target_scale is not None
    learned = learned_of(loaded, dataset, targets, *chain.learns, scaled=scaled)
    odd = _judged(loaded, chain, dataset, targets)
    metrics = metric_set(loaded, chain.learns, prepared.target_scale, dataset.train.targets_array)
    return learned, metrics, names, odd


def _judged(
    loaded: LoadedConfig, chain: Chain, dataset: Dataset, targets: Mapping[str, Array]
) -> tuple[Finding, ...]:
    """What is odd about the targets; DataError where one is unknown to the training part."""
    kind, classes = chain.learns
    if kind == "regression":
        scaled = loaded.config.data.target_transform is not None
        return () if scaled else coarse_targets(targets["train"])
    if kind == "multilabel":
        flat = {role: found.reshape(len(found), -1) for role, found in targets.items()}
        return (*exclusive_labels(flat), *unknown_labels(dataset, flat))
    require_known(dataset, targets, classes, loaded.config.data.split.stratify)
    surplus: tuple[Finding, ...] = ()
    if kind == "multiclass":
        counts = np.sum([class_counts(found, classes) for found in targets.values()], axis=0)
        surplus = surplus_units(counts, dataset.classes, chain.answering)
    return (*single_class(dataset, targets["train"]), *surplus)


def _require_classes(loaded: LoadedConfig, chain: Chain, part: Part) -> None:
    """One number a row that is not whole is no class id: the loss is at fault, not the data."""
    values = part.targets_array
    if values.ndim == 1 and values.dtype.kind == "f":
        broken = np.floor(values) != values
        if broken.any():
            row = int(np.argmax(broken))
            what = (
                f"the target holds {values[row]:g} (row {part.row(row)}, counted from 0) and more"
            )
            require_regression(loaded, chain, what)


def labels_by_value(loaded: LoadedConfig, chain: Chain, dataset: Dataset) -> Labels:
    """Which numbers stand for the classes, where the target is one label a row.

    ConfigError where there are more of them than the network tells apart.
    """
    kind, classes = chain.learns
    if kind in ("regression", "multilabel") or dataset.train.targets.ndim > 1:
        return Labels()
    try:
        return labels_of(dataset, classes, chain.answering, loaded.config.loss.type)
    except UsageError as error:
        raise loaded.error(chain.paths[-1], str(error)) from None


def _targets(chain: Chain, labels: Labels, part: Part, scale: TargetScale | None) -> Array:
    """The targets of a part as the loss takes them."""
    kind, classes = chain.learns
    values = part.targets_array
    if kind == "regression":
        # Targets as they are stay in float64 for the metrics, and the loss rounds them; scaled
        # ones lose no more than a ten-millionth of their spread.
        values = values.astype(np.float64)
        return scale.forward(values).astype(np.float32) if scale is not None else values
    if values.ndim == 1:
        return labels.ids(part, classes)
    return _one_hot_targets(part, kind)


def _one_hot_targets(part: Part, kind: str) -> Array:
    """Targets with a column for each class or label: 0 and 1 only; one 1 a row for one-hot."""
    values = part.targets_array
    good = ((values == 0) | (values == 1)).reshape(len(values), -1).all(axis=1)
    if kind == "multiclass":
        good &= values.sum(axis=1) == 1
    if not good.all():
        row = part.row(int(np.argmin(good)))
        rule = "exactly one 1 and otherwise 0" if kind == "multiclass" else "only 0 and 1"
        raise DataError(
            f"the target's row {row} (counted from 0) must hold {rule}; correct the data, or "
            "choose a loss for numbers such as mean_squared_error"
        )
    return values.astype(np.float32)


def initial_parameters(loaded: LoadedConfig, model: Model, where: Places) -> Array | None:
    """The parameters of `model.initial_weights`, or None where they are drawn."""
    name = loaded.config.model.initial_weights
    if name is None:
        return None
    path = where.find(name)
    flat = np.zeros(model.layout.size, np.float32)
    try:
        model.layout.fill(flat, read_tensors(path).arrays)
    except NotFiniteError as error:
        raise DataError(f"{path}{error}", file=path) from None
    except ArraysError as error:
        raise loaded.error(("model", "initial_weights"), f"{path}{error}") from None
    return flat


__all__ = [
    "Built",
    "Chain",
    "Design",
    "check_loss",
    "connect_chain",
    "design",
    "initial_parameters",
]
