"""Everything that can be known about a config without training: `dlcli validate`."""

from dataclasses import dataclass
from math import prod
from pathlib import Path

from dlcli import builder
from dlcli.config import LoadedConfig
from dlcli.data.preprocessing import TransformError, shape_after
from dlcli.data.suspicions import channels_first
from dlcli.engine.layer import Shape
from dlcli.engine.layers import ACTIVATIONS, LAYERS
from dlcli.pipeline import design, prepare

_NAMES = {kind: name for table in (LAYERS, ACTIVATIONS) for name, kind in table.items()}


@dataclass(frozen=True)
class LayerRow:
    """One line of the layer table; `type` is the config's word."""

    name: str
    type: str
    out_shape: Shape
    parameters: int
    flops: int


@dataclass(frozen=True)
class Validated:
    """layers: the table, empty where the shape of a row is not known.

    unchecked: one sentence for everything that could not be looked at.
    warnings: one sentence for everything that is probably not meant.
    """

    layers: tuple[LayerRow, ...]
    unchecked: tuple[str, ...]
    warnings: tuple[str, ...] = ()

    @property
    def parameters(self) -> int:
        """All parameters together."""
        return sum(row.parameters for row in self.layers)

    @property
    def flops(self) -> int:
        """Floating point operations of one row's forward pass."""
        return sum(row.flops for row in self.layers)


def validate(loaded: LoadedConfig, folder: Path | None, data_dir: Path | None) -> Validated:
    """Check shapes, loss and metrics against what the source declares; reads headers only."""
    config = loaded.config
    declared = builder.source(config).declare(prepare.places(folder, data_dir))
    unchecked = list(declared.absent)
    loss = builder.loss(config)
    design.refuse_names(loaded, loss, declared.class_names, declared.text_target)
    prepare.check_positive(loaded, declared)
    shape = declared.row_shape
    if shape is None:
        return Validated((), (*unchecked, "The layers' shapes depend on this data."))
    transforms = builder.transforms(config)
    warnings = channels_first(shape, transforms)
    try:
        shape = shape_after(transforms, shape)
    except TransformError as error:
        raise loaded.error(("data", "transforms", error.index), str(error)) from None
    if shape is None:
        unchecked.append("The layers' shapes depend on what the transforms find in the data.")
        return Validated((), tuple(unchecked), warnings)
    chain = design.connect_chain(loaded, shape)
    warnings += design.reshaped_channels_first(chain)
    # Targets that are known beforehand are one number or class id a row.
    target_shape = None if declared.target is None else ()
    design.check_loss(loaded, chain, target_shape, declared.classes)
    if declared.target == "numbers":
        design.require_regression(loaded, chain, f"the source `{config.data.source.type}` brings")
    elif declared.classes is None:
        unchecked.append("Whether the targets suit the loss shows when the data is read.")
    rows = [
        LayerRow(
            node.name,
            _NAMES[type(node.layer)],
            node.out_shape,
            sum(prod(slot.shape) for slot in node.layer.slots(node.in_shape).values()),
            node.layer.flops(node.in_shape),
        )
        for node in chain.nodes
    ]
    return Validated(tuple(rows), tuple(unchecked), warnings)
