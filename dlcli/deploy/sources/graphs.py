"""What source asks of a graph: whether it is a chain, which masks are read when it answers.

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
from dlcli.engine.merges import Dot

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


def summed(merge: Dot, node: Node) -> tuple[str, tuple[int, int], bool]:
    """A dot product in the letters of einsum; the axes that are summed over, of both inputs; and
    whether nothing is left of a row but one number."""
    first, second = node.in_shapes
    left, right = (
        axis - 1 if axis > 0 else axis + len(shape)
        for axis, shape in zip(merge.axes, node.in_shapes, strict=True)
    )
    letters = "abcdefghijklmnopqrstuvwxy"
    a = list(letters[: len(first)])
    b = list(letters[len(first) : len(first) + len(second)])
    a[left] = b[right] = "z"
    kept = [letter for letter in (*a, *b) if letter != "z"]
    rule = f"Z{''.join(a)},Z{''.join(b)}->Z{''.join(kept)}"
    return rule, (left + 1, right + 1), not kept
