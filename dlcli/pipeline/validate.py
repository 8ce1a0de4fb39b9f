"""Everything that can be known about a config without training: `dlcli validate`."""

from collections.abc import Sequence
from dataclasses import replace
from math import prod
from pathlib import Path

from dlcli import builder
from dlcli.config import LoadedConfig
from dlcli.data.audit import Finding
from dlcli.data.dataset import Dataset, Declared, Part, Sampled
from dlcli.data.places import Places
from dlcli.data.preprocessing import prepare_each, shape_after
from dlcli.deploy.ids import require_ids
from dlcli.engine.graph import DATA, Node
from dlcli.engine.layer import Layer, Merge, Shape
from dlcli.engine.layers import ACTIVATIONS, LAYERS
from dlcli.engine.merges import MERGES
from dlcli.frozen import frozen
from dlcli.pipeline import audit, design, prepare
from dlcli.pipeline.design import Chain
from dlcli.pipeline.job import Job
from dlcli.pipeline.memory import Memory, memory_of
from dlcli.pipeline.progress import NullReporter

_NAMES: dict[type[Layer | Merge], str] = {
    kind: name for table in (LAYERS, ACTIVATIONS, MERGES) for name, kind in table.items()
}


@frozen
class LayerRow:
    """One line of the layer table; `type` is the config's word.

    reads: what its inputs are; "data" for the value of data that has one without a name.
    trainable: how many of the parameters learn. frozen: whether it has some that do not although
        they would, had they not been frozen.
    mask: what becomes of a mask over steps there: "made", "passed on", "used", "ends", or more
        than one of these; nothing where there is none.
    """

    name: str
    reads: tuple[str, ...]
    type: str
    out_shape: Shape
    parameters: int
    trainable: int
    frozen: bool
    flops: int
    mask: str = ""


@frozen
class Validated:
    """layers: the table, empty where the shape of a row is not known.

    unchecked: one sentence for everything that could not be looked at.
    findings: what is probably not meant.
    memory: what training takes; None where the layers are not known.
    """

    layers: tuple[LayerRow, ...]
    unchecked: tuple[str, ...]
    findings: tuple[Finding, ...] = ()
    memory: Memory | None = None

    @property
    def parameters(self) -> int:
        """All parameters together."""
        return sum(row.parameters for row in self.layers)

    @property
    def trainable(self) -> int:
        """Those that learn."""
        return sum(row.trainable for row in self.layers)

    @property
    def flops(self) -> int:
        """Floating point operations of one row's forward pass."""
        return sum(row.flops for row in self.layers)

    def told(self) -> str:
        """A few words for a line; none where the layers are not known."""
        if not self.layers:
            return ""
        return f": {len(self.layers)} layers, {self.parameters:,} parameters"


def validate(loaded: LoadedConfig, folder: Path | None, data_dir: Path | None) -> Validated:
    """Check everything that shows without training.

    Where the data is there and small, the first two stages are gone through as `train` does; of
    larger files the headers and first rows are looked at, and what was not is said.
    """
    found = _validated(loaded, folder, data_dir)
    audit.require_none(loaded, found.findings)
    return replace(found, findings=audit.wanted(loaded, found.findings))


def _validated(loaded: LoadedConfig, folder: Path | None, data_dir: Path | None) -> Validated:
    config = loaded.config
    where = prepare.places(folder, data_dir)
    with prepare.fitting(loaded):
        source = builder.source(config)
        declared = source.declare(where)
    design.refuse_names(loaded, builder.loss(config), declared.class_names, declared.text_target)
    prepare.check_positive(loaded, declared)
    unchecked = (*declared.absent, *_weights(loaded, where))
    found = _from_declared(loaded, declared, unchecked)
    if declared.absent:
        return found
    with prepare.fitting(loaded):
        sample = source.sample(where, config.seed)
    if isinstance(sample, str):
        return replace(found, unchecked=(sample, *found.unchecked))
    if sample.unread:
        return _from_sample(loaded, sample, unchecked)
    prepared = prepare.prepare_rows(loaded, sample.raw)
    job = Job.of(loaded, prepared, None if unchecked else where, NullReporter())
    chain, parts = job.design.chain, prepared.dataset.parts().values()
    memory = memory_of(loaded, chain, parts)
    return Validated(layer_rows(chain), unchecked, job.findings, memory)


def _from_declared(
    loaded: LoadedConfig, declared: Declared, unchecked: tuple[str, ...]
) -> Validated:
    """Shapes, loss and metrics against what the source declares."""
    config = loaded.config
    stored = declared.row_shapes
    if stored is None:
        return Validated((), (*unchecked, "The layers' shapes depend on this data."))
    findings: tuple[Finding, ...] = ()
    shapes: dict[str, Shape] = {}
    for name, transforms in builder.transforms(config).items():
        found = audit.first_channels(loaded, name, stored[name])
        findings += tuple(audit.of_input(name, finding) for finding in found)
        with prepare.fitting(loaded):
            shape = shape_after(transforms, stored[name], name)
        if shape is not None:
            shapes[name] = shape
    if shapes.keys() != stored.keys():
        what = "The layers' shapes depend on what the transforms find in the data."
        return Validated((), (*unchecked, what), findings)
    chain = design.connect_chain(loaded, shapes)
    findings += audit.reshaped_channels_first(chain.nodes)
    if chain.rebuilds:
        design.check_loss(loaded, chain, next(iter(shapes.values())), None)
        return _of_chain(loaded, chain, unchecked, findings)
    # Targets that are known beforehand are one number or class id a row.
    target_shape = None if declared.target is None else ()
    design.check_loss(loaded, chain, target_shape, declared.classes)
    if declared.target == "numbers":
        design.require_regression(loaded, chain, f"the source `{config.data.source.type}` brings")
    elif declared.classes is None:
        unchecked += ("Whether the targets suit the loss shows when the data is read.",)
    return _of_chain(loaded, chain, unchecked, findings)


def _from_sample(loaded: LoadedConfig, sample: Sampled, unchecked: tuple[str, ...]) -> Validated:
    """The first rows, prepared as if they were the training part."""
    raw = sample.raw
    unchecked = (*sample.unread, *unchecked)
    design.refuse_names(loaded, builder.loss(loaded.config), raw.classes, raw.text_target)
    table = next(iter(raw.parts.values()))
    part = Part(table.values, table.targets, None, raw.columns, table.place)
    dataset = Dataset(part, classes=raw.classes)
    with prepare.fitting(loaded):
        preprocessing = prepare_each(dataset, builder.transforms(loaded.config))
    findings = audit.of_rows(loaded, raw, dataset, preprocessing)
    if any(step.open_ended for one in preprocessing.values() for step in one.steps):
        what = "The layers' shapes depend on how many categories all rows have."
        return Validated((), (*unchecked, what), findings)
    shapes = {name: one.out_shape for name, one in preprocessing.items()}
    chain = design.connect_chain(loaded, shapes)  # without layers about categories
    require_ids(chain.nodes, preprocessing, part.each(), "the first rows")
    findings += audit.reshaped_channels_first(chain.nodes)
    if chain.rebuilds:
        design.check_loss(loaded, chain, next(iter(shapes.values())), None)
        return _of_chain(loaded, chain, unchecked, findings)
    target_shape = tuple(table.targets.shape[1:])
    # More classes may follow, but no fewer.
    seen = None if raw.classes is None else len(raw.classes)
    design.check_loss(loaded, chain, target_shape, seen)
    design.labels_by_value(loaded, chain, dataset)
    return _of_chain(loaded, chain, unchecked, findings)


def _of_chain(
    loaded: LoadedConfig,
    chain: Chain,
    unchecked: tuple[str, ...],
    findings: tuple[Finding, ...],
) -> Validated:
    """What the network alone tells, where not all rows were read."""
    return Validated(layer_rows(chain), unchecked, findings, memory_of(loaded, chain, None))


def _weights(loaded: LoadedConfig, where: Places) -> tuple[str, ...]:
    """The sentence about initial weights that are not there."""
    name = loaded.config.model.initial_weights
    return () if name is None or where.search(name) is not None else (where.miss(name),)


def layer_rows(chain: Chain) -> tuple[LayerRow, ...]:
    """The layer table."""
    return rows_of(chain.nodes)


def rows_of(nodes: Sequence[Node]) -> tuple[LayerRow, ...]:
    """The layer table of nodes, before any were fused."""
    return tuple(map(_row, nodes))


def _row(node: Node) -> LayerRow:
    slots = node.slots().values()
    return LayerRow(
        node.name,
        tuple(name if name != DATA else "data" for name in node.inputs),
        _NAMES[type(node.layer)],
        node.out_shape,
        sum(prod(slot.shape) for slot in slots),
        sum(prod(slot.shape) for slot in slots if slot.kind == "trained"),
        any(slot.kind == "frozen" for slot in slots),
        node.flops,
        _mask(node),
    )


def _mask(node: Node) -> str:
    """What becomes of masks at a node, for people."""
    layer, found = node.layer, []
    if any(node.masks) and isinstance(layer, Layer) and layer.reads_mask:
        found.append("used")
    if isinstance(layer, Layer) and layer.makes_mask():
        found.append("made")
    elif any(node.masks):
        found.append("passed on" if node.masked else "ends")
    return ", ".join(found)
