"""What no single key can know: whether the sections of a config suit each other.

Only what is certain from the file alone is flagged here. Shapes, classes, columns and what a
data file contains are looked at when the network is designed.
"""

from collections.abc import Callable, Iterator
from functools import cached_property
from typing import Any

from dlcli.config.absent import absent
from dlcli.config.activations import ACTIVATION_CONFIGS, Linear, Sigmoid, Softmax
from dlcli.config.augmentation import MixingSection
from dlcli.config.base import Section
from dlcli.config.data import Data
from dlcli.config.embeddings import ColumnEmbeddings
from dlcli.config.evaluation import Evaluation
from dlcli.config.layers import (
    ActivationLayer,
    Dense,
    Dropout,
    Flatten,
    Reshape,
    Residual,
)
from dlcli.config.metrics import (
    METRIC_ALIASES,
    METRIC_CONFIGS,
    MetricModel,
    defaults,
    suiting,
)
from dlcli.config.root import Network, tasks
from dlcli.config.schedules import ReduceOnPlateau
from dlcli.config.splits import TEST, VALIDATION
from dlcli.config.training import LossModel, Training
from dlcli.config.transforms import Category, Hash
from dlcli.config.wiring import Wiring, write_out
from dlcli.config.wording import code, listing, meant, nearest, squeeze
from dlcli.config.yaml_reader import Path
from dlcli.frozen import frozen


@frozen
class Sections:
    """The sections that are good in themselves; None for one that is not.

    inputs: the names of the data's values, "" for one that has none; None where they cannot be
        read. They are known of a section that is not good, too.
    """

    data: Data | None = None
    model: Network | None = None
    loss: LossModel | None = None
    optimizer: Section | None = None
    training: Training | None = None
    evaluation: Evaluation | None = None
    inputs: tuple[str, ...] | None = ("",)

    @cached_property
    def wiring(self) -> Wiring:
        """The layers written out; none where something is wrong with them."""
        if self.model is None or self.inputs is None:
            return Wiring()
        return write_out(self.model.layers, self.inputs)

    @property
    def folds(self) -> str | None:
        """The last activation that is part of the loss, where there is one."""
        return None if self.loss is None else self.loss.folds

    def metrics(self) -> tuple[MetricModel, ...] | None:
        """The metrics that will be computed, where that is known."""
        if self.evaluation is None:
            return None
        if self.evaluation.metrics is not None:
            return self.evaluation.metrics
        return defaults(tasks(self.data, self.loss)) if self.loss else None


def kind(component: Any) -> str:
    """The `type` of a component."""
    return str(component.type)


Complaint = tuple[Path, str]


def complaints(sections: Sections) -> Iterator[Complaint]:
    """Everything that does not suit, with the path it is best shown at."""
    for rule in RULES:
        yield from rule(sections)


def layers_can_be_connected(sections: Sections) -> Iterator[Complaint]:
    yield from sections.wiring.complaints


def _gives_ids(transform: object) -> bool:
    """Whether it makes columns of ids."""
    hashes = isinstance(transform, Hash) and transform.output_mode == "int"
    return hashes or isinstance(transform, Category)


def column_embeddings_read_columns_of_ids(sections: Sections) -> Iterator[Complaint]:
    """Only the data has columns, and only the transform `category` makes ids."""
    own = {wire.name for wire in sections.wiring.wires}
    for wire in sections.wiring.wires:
        if not isinstance(wire.layer, ColumnEmbeddings):
            continue
        name = wire.inputs[0]
        if name in own:
            yield (
                wire.path,
                f"`column_embeddings` replaces columns of the data, but what {code(name)} gives "
                "has none: let it read the data, as the first layer or by `input`",
            )
        elif sections.data is not None:
            inputs = sections.data.inputs
            steps = sections.data.transforms if inputs is None else inputs[name].transforms
            if not any(map(_gives_ids, steps)):
                place = "data" if inputs is None else f"data.inputs.{name}"
                yield (
                    wire.path,
                    "`column_embeddings` needs columns of ids: put the transform `category` into "
                    f"{code(f'{place}.transforms')}",
                )


def last_activation_suits_the_loss(sections: Sections) -> Iterator[Complaint]:
    wires = sections.wiring.wires
    if not wires or sections.loss is None or sections.loss.folds is None:
        return
    loss = sections.loss.type
    right: type[Section] = ACTIVATION_CONFIGS[sections.loss.folds]
    by_name = {wire.name: wire for wire in wires}
    wire = wires[-1]
    while isinstance(wire.layer, Flatten | Reshape | Dropout) and wire.inputs[0] in by_name:
        wire = by_name[wire.inputs[0]]
    layer = wire.layer
    given = getattr(layer, "activation", None)
    if given is None or isinstance(layer, Residual):
        return
    path: Path = (*wire.path, "activation")
    if not isinstance(given, right | Linear):
        wanted = code(right.model_fields["type"].default)
        words = (
            f"the last layer's activation {code(kind(given))} does not suit the loss {code(loss)}"
        )
        yield path, f"{words}: use {wanted} (or `linear`, the same here){_other_loss(layer, right)}"
    elif isinstance(given, right) and wire is not wires[-1]:
        words = f"{code(kind(given))} must belong to the last layer with the loss {code(loss)}"
        yield path, f"{words}; {code('.'.join(map(str, wires[-1].path)))} follows it"
    elif right is Softmax and isinstance(layer, Dense) and layer.units == 1:
        words = f"the loss {code(loss)} needs one unit for each class, at least 2"
        yield (*wire.path, "units"), f"{words}; for one unit use binary_crossentropy"


def _other_loss(layer: Any, right: type[Section]) -> str:
    """The other way out, where the units say that the layer may be what was meant, and not the
    loss. right: what the loss folds in."""
    if not isinstance(layer, Dense):
        return ""
    if right is Softmax and isinstance(layer.activation, Sigmoid) and layer.units == 1:
        return "; or, for two classes by one unit, the loss `binary_crossentropy`"
    if right is Sigmoid and isinstance(layer.activation, Softmax) and layer.units > 1:
        return "; or, for a unit for each class, the loss `sparse_categorical_crossentropy`"
    return ""


def softmax_has_something_to_choose_from(sections: Sections) -> Iterator[Complaint]:
    wires = sections.wiring.wires
    for index, wire in enumerate(wires):
        layer = wire.layer
        key = "units" if hasattr(layer, "units") else "filters"
        if getattr(layer, key, None) != 1:
            continue
        after = wires[index + 1] if index + 1 < len(wires) else None
        if isinstance(getattr(layer, "activation", None), Softmax):
            path: Path = (*wire.path, key)
        elif (
            after is not None
            and after.inputs == (wire.name,)
            and isinstance(after.layer, ActivationLayer)
            and isinstance(after.layer.activation, Softmax)
        ):
            path = (*after.path, "activation")
        else:
            continue
        if after is None and sections.folds is not None:
            continue  # said by the rule above
        yield path, f"`softmax` over `{key}: 1` is always 1: use 2 or more, or `sigmoid`"


def metrics_suit_the_loss(sections: Sections) -> Iterator[Complaint]:
    loss = sections.loss
    if sections.evaluation is None or sections.evaluation.metrics is None or loss is None:
        return
    learned = tasks(sections.data, loss)
    suitable = suiting(learned)
    task = "classification" if loss.classifies else "regression"
    what = f"the {task} loss {code(loss.type)}" if learned == loss.tasks else code(_FEATURES)
    for index, metric in enumerate(sections.evaluation.metrics):
        if metric.type not in suitable:
            words = f"the metric {code(metric.type)} does not suit {what}"
            yield ("evaluation", "metrics", index), f"{words}; available: {listing(suitable)}"


_FEATURES = "data.target: features"


def features_can_be_learned(sections: Sections) -> Iterator[Complaint]:
    """Where rows are learned themselves, nothing is about classes or a target of their own."""
    data, loss, training = sections.data, sections.loss, sections.training
    if data is None or data.target is None:
        return
    given = f"with {code(_FEATURES)}"
    if loss is not None and loss.tasks == ("multiclass",):
        words = f"{given} the numbers of rows are learned, and {code(loss.type)} is for classes"
        yield ("loss",), f"{words}: use `mean_squared_error`, or `binary_crossentropy`"
    if data.inputs is not None:
        words = f"{given} a row must be one value, but there are `data.inputs`"
        yield ("data", "target"), f"{words}: leave one of them out"
    if data.target_transform is not None:
        words = f"{given} the target is what `transforms` make of a row"
        yield ("data", "target_transform"), f"{words}: leave `target_transform` out"
    if training is not None and training.class_weight is not None:
        words = f"{given} no classes are learned"
        yield ("training", "class_weight"), f"{words}: leave `class_weight` out"
    for index, step in enumerate(data.augmentation):
        if isinstance(step, MixingSection):
            words = f"{code(step.type)} mixes targets, and {given} these are single rows"
            yield ("data", "augmentation", index), f"{words}: leave it out"


def target_transform_suits_the_loss(sections: Sections) -> Iterator[Complaint]:
    loss = sections.loss
    data = sections.data
    if data and data.target_transform and data.target is None and loss and loss.classifies:
        words = f"classes cannot be scaled, and the loss {code(loss.type)} is for classes"
        yield ("data", "target_transform"), f"{words}: leave `target_transform` out"


def mixed_rows_have_targets_that_can_be_mixed(sections: Sections) -> Iterator[Complaint]:
    """Rows are mixed whole, and their targets with them."""
    if sections.data is None:
        return
    lists: dict[Path, Any] = {("data",): sections.data.augmentation}
    for name, one in (sections.data.inputs or {}).items():
        lists["data", "inputs", name] = one.augmentation
    mixing = [
        ((*place, "augmentation", index), code(step.type))
        for place, steps in lists.items()
        for index, step in enumerate(steps)
        if isinstance(step, MixingSection)
    ]
    for path, word in mixing:
        if path[1] == "inputs":
            words = "mixes whole rows, but with `data.inputs` each value is changed by itself"
            yield path, f"{word} {words}: leave it out, or put the values into one array"
    if mixing and sections.loss is not None:
        loss = kind(sections.loss)
        if loss == "sparse_categorical_crossentropy":
            yield (
                ("loss",),
                f"{mixing[0][1]} mixes the targets of rows, which {code(loss)} cannot take: use "
                "`categorical_crossentropy`, which takes class ids, too",
            )


def split_leaves_rows_for_training(sections: Sections) -> Iterator[Complaint]:
    if sections.data is None:
        return
    split, brings_test = sections.data.split, sections.data.source.brings_test()
    brings_validation = sections.data.source.brings_validation()
    source = code(kind(sections.data.source))
    own = {"validation": brings_validation, "test": brings_test}
    for part, brings in own.items():
        if brings and getattr(split, part):
            words = f"the source {source} has a {part} part of its own"
            yield ("data", "split", part), f"{words}: leave `{part}` out (or 0)"
            return
    # Where only the file can say what it brings, the default fractions are not certain.
    test = split.test if split.test is not None else TEST if brings_test is False else 0.0
    certain = brings_validation is False
    validation = split.validation if split.validation is not None else VALIDATION * certain
    if validation + test >= 1.0:
        given = "test" if split.test is not None and split.validation is None else "validation"
        words = f"`validation` ({validation:g}) and `test` ({test:g}) must sum to less than 1"
        yield ("data", "split", given), f"{words}, or nothing is left for training"


def monitors(training: Training | None, optimizer: object) -> Iterator[tuple[Path, str]]:
    """What is monitored, each with its place."""
    if training is not None and training.early_stopping is not None:
        place: Path = ("training", "early_stopping", "monitor")
        yield place, canonical_monitor(training.early_stopping.monitor)
    rate = getattr(optimizer, "learning_rate", None)
    if isinstance(rate, ReduceOnPlateau):
        yield ("optimizer", "learning_rate", "monitor"), canonical_monitor(rate.monitor)


def monitor_exists(sections: Sections) -> Iterator[Complaint]:
    metrics = sections.metrics()
    for path, monitor in monitors(sections.training, sections.optimizer):
        if metrics is not None:
            yield from _known_monitor(path, monitor, metrics)


def _known_monitor(
    path: Path, monitor: str, metrics: tuple[MetricModel, ...]
) -> Iterator[Complaint]:
    known = ["loss", *(metric.called for metric in metrics if metric.best is not None)]
    known = [*(f"val_{name}" for name in known), *known]
    if monitor in known:
        return
    words = f"{code(monitor)} cannot be monitored"
    bare = monitor.removeprefix("val_")
    if bare in METRIC_CONFIGS and METRIC_CONFIGS[bare].best is not None:
        words += f": add {code(bare)} to `evaluation.metrics`, or use"
    elif (lacking := absent("metric", squeeze(bare))) is not None:
        words += f": {lacking}; available:"
    elif (near := nearest(monitor, known)) is not None:
        yield path, f"{words}{meant(near)}"
        return
    else:
        words += "; available:"
    yield path, f"{words} {listing(known)}"


def monitor_has_its_part(sections: Sections) -> Iterator[Complaint]:
    """A `val_*` monitor needs validation rows, and so does choosing the best epoch."""
    if sections.data is None or sections.training is None:
        return
    if (
        sections.data.split.validation != 0.0
        or sections.data.source.brings_validation() is not False
    ):
        return
    without = "but `data.split.validation` is 0: give it a fraction, or"
    for path, monitor in monitors(sections.training, sections.optimizer):
        if monitor.startswith("val_"):
            remedy = f"monitor {code(monitor.removeprefix('val_'))}"
            yield path, f"{code(monitor)} is monitored, {without} {remedy}"
    if sections.training.early_stopping is None and sections.training.keep == "best":
        words = "the best epoch is chosen by `val_loss`"
        yield ("training", "keep"), f"{words}, {without} keep `last`"


def canonical_monitor(monitor: str) -> str:
    """val_mse -> val_mean_squared_error"""
    bare = monitor.removeprefix("val_")
    return monitor.removesuffix(bare) + METRIC_ALIASES.get(bare, bare)


RULES: tuple[Callable[[Sections], Iterator[Complaint]], ...] = (
    layers_can_be_connected,
    column_embeddings_read_columns_of_ids,
    last_activation_suits_the_loss,
    softmax_has_something_to_choose_from,
    metrics_suit_the_loss,
    features_can_be_learned,
    target_transform_suits_the_loss,
    mixed_rows_have_targets_that_can_be_mixed,
    split_leaves_rows_for_training,
    monitor_exists,
    monitor_has_its_part,
)
