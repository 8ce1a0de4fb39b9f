"""A model as a flat, ordered list of named nodes, each with its inputs.

There is no nesting here: blocks of a config (`residual`, `branches`, `repeat`) are written out
before, so every array has one name, and a convolution inside of a block is a node like any other.
A node reads values that stand before it: outputs of earlier nodes, or what the data brings.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from dlcli.engine.layer import BatchLayer, Layer, Merge, Shape, ShapeError, Slot
from dlcli.engine.masks import carries_mask
from dlcli.frozen import frozen

DATA = ""
"""The name of the one value of data that has no names; no node can be called so."""


class GraphError(ValueError):
    """A node cannot take what comes to it, or has no use; `index` says which."""

    def __init__(self, index: int, message: str) -> None:
        super().__init__(message)
        self.index = index


class Link(NamedTuple):
    """A layer to be connected.

    inputs: the values that it reads, by the names of their nodes or of the data's values. None:
        that of the layer before, or of the data.
    trainable: whether its arrays are trained or observed; else they stay as they begin.
    """

    name: str
    layer: Layer | Merge
    inputs: tuple[str, ...] | None = None
    trainable: bool = True


@frozen
class Node:
    """A layer in its place: the values that it reads, and the shapes of their rows and its own.

    masks: which of the values that it reads have a mask. masked: whether its own has one.
    """

    name: str
    layer: Layer | Merge
    inputs: tuple[str, ...]
    in_shapes: tuple[Shape, ...]
    out_shape: Shape
    trainable: bool = True
    masks: tuple[bool, ...] = ()
    masked: bool = False

    @property
    def in_shape(self) -> Shape:
        """The shape of its input, where it has one only."""
        (shape,) = self.in_shapes
        return shape

    @property
    def flops(self) -> int:
        """Floating point operations of forward for one row."""
        if isinstance(self.layer, Merge):
            return self.layer.flops(self.in_shapes)
        return self.layer.flops(self.in_shape)

    def slots(self) -> dict[str, Slot]:
        """The arrays that its layer needs."""
        if isinstance(self.layer, Merge):
            return {}
        slots = self.layer.slots(self.in_shape)
        if self.trainable:
            return slots
        return {name: replace(slot, kind="frozen") for name, slot in slots.items()}

    def factors(self) -> dict[str, tuple[int, int]]:
        """The slots whose gradient can be had as two factors; see Layer.factors."""
        if isinstance(self.layer, Merge) or not self.trainable:
            return {}
        return self.layer.factors(self.in_shape)

    @property
    def meets(self) -> bool:
        """Whether it meets the whole batch in training: a frozen layer does not."""
        return self.trainable and isinstance(self.layer, BatchLayer)


def connect(
    links: Sequence[Link | tuple[str, Layer]], given: Shape | Mapping[str, Shape]
) -> tuple[Node, ...]:
    """Work out the shapes along the graph.

    given: the shapes of the data's values by name, or that of its only one.

    GraphError where an input is not there, a layer or initializer does not fit, a name is given
    twice, what a layer gives is read by nobody, or the answers are steps of which some are none.
    """
    if isinstance(given, tuple):
        given = {DATA: given}
    assert isinstance(given, Mapping)
    shapes = dict(given)
    masked = dict.fromkeys(given, False)
    before = next(iter(given)) if len(given) == 1 else None
    nodes: list[Node] = []
    for index, link in enumerate(Link(*link) for link in links):
        if link.name in shapes:
            raise GraphError(index, f"the name {link.name!r} is given twice")
        if link.inputs is None and before is None:
            names = ", ".join(given)
            raise GraphError(index, f"the data has several values ({names}): say which is read")
        inputs = (before or DATA,) if link.inputs is None else link.inputs
        for name in inputs:
            if name not in shapes:
                raise GraphError(index, f"there is no value {name!r} before it")
        try:
            node = _node(link, inputs, tuple(shapes[name] for name in inputs))
        except ShapeError as error:
            raise GraphError(index, str(error)) from None
        if isinstance(node.layer, Layer) and node.layer.takes_ids and inputs[0] not in given:
            raise GraphError(
                index,
                "it takes ids, whole numbers that the data brings, and cannot read what a layer "
                "gives: put it first, and what changes the rows' shape into `transforms`",
            )
        masks = tuple(masked[name] for name in inputs)
        nodes.append(replace(node, masks=masks, masked=carries_mask(node.layer, masks)))
        shapes[link.name], masked[link.name] = nodes[-1].out_shape, nodes[-1].masked
        before = link.name
    _require_use(nodes)
    if nodes and nodes[-1].masked:
        raise GraphError(
            len(nodes) - 1,
            "what the last layer gives has steps that are masked, and a loss that leaves steps out "
            "is not supported yet: bring the steps together before, by `global_average_pooling1d` "
            "or `global_max_pooling1d`",
        )
    return tuple(nodes)


def readers(nodes: Sequence[Node]) -> dict[str, list[int]]:
    """The nodes that read a value, in their order; one that reads it twice is listed twice."""
    found: dict[str, list[int]] = {}
    for index, node in enumerate(nodes):
        for name in node.inputs:
            found.setdefault(name, []).append(index)
    return found


def values_of(nodes: Sequence[Node]) -> tuple[str, ...]:
    """The names of the data's values that are read, in the order in which they are."""
    own = {node.name for node in nodes}
    read = (name for node in nodes for name in node.inputs)
    return tuple(dict.fromkeys(name for name in read if name not in own))


def _node(link: Link, inputs: tuple[str, ...], shapes: tuple[Shape, ...]) -> Node:
    layer = link.layer
    if isinstance(layer, Merge):
        return Node(link.name, layer, inputs, shapes, layer.out_shape(shapes), link.trainable)
    if len(shapes) != 1:
        raise ShapeError(f"takes one input, not {len(shapes)}")
    out = layer.out_shape(shapes[0])
    for slot in layer.slots(shapes[0]).values():
        slot.initializer.check(slot.shape)
    return Node(link.name, layer, inputs, shapes, out, link.trainable)


def _require_use(nodes: Sequence[Node]) -> None:
    """GraphError for a node that nothing reads; it would learn nothing."""
    read = readers(nodes)
    for index, node in enumerate(nodes[:-1]):
        if node.name not in read:
            raise GraphError(index, "no later layer reads what this one gives; take it out")
