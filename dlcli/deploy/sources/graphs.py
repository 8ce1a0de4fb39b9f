"""What source asks of a graph: whether it is a chain, and which masks are read when it answers.

Some layers read a mask in training only, and many pass one on that nobody reads; source holds what
is read.
"""

from collections.abc import Sequence

from dlcli.engine.graph import Node
from dlcli.engine.layer import Layer
from dlcli.engine.layers import (
    BatchNormalization,
    GlobalAveragePooling1D,
    GlobalMaxPooling1D,
    GroupNormalization,
    Masking,
)

READS: dict[type[Layer], bool] = {
    BatchNormalization: False,  # its moving averages know nothing of masks
    GlobalAveragePooling1D: True,
    GlobalMaxPooling1D: True,
    GroupNormalization: True,
    Masking: False,  # but its own mask is part of the one that it got
}
"""Of the layers that read a mask, whether their values depend on it outside of training."""


def read_masks(nodes: Sequence[Node]) -> set[str]:
    """The names of the values whose masks are needed."""
    needed: set[str] = set()
    for node in reversed(nodes):
        reads = isinstance(node.layer, Layer) and READS.get(type(node.layer), False)
        if reads or node.name in needed:
            masked = zip(node.inputs, node.masks, strict=True)
            needed |= {name for name, there in masked if there}
    return needed


def is_chain(nodes: tuple[Node, ...], inputs: tuple[str, ...]) -> bool:
    """Whether each layer reads what the one before it gives, and nothing else."""
    before = [*inputs[:1], *(node.name for node in nodes)]
    return len(inputs) == 1 and all(
        node.inputs == (name,) for node, name in zip(nodes, before, strict=False)
    )
