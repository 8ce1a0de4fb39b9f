"""A chain of layers with its shapes, its layout, and one worker's way through it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dlcli.engine.context import Context, Moment
from dlcli.engine.layer import Array, Layer, Params, Shape, ShapeError
from dlcli.engine.layout import Layout, Name


class ChainError(ValueError):
    """A layer of the chain cannot take what the one before it gives; `index` says which."""

    def __init__(self, index: int, message: str) -> None:
        super().__init__(message)
        self.index = index


@dataclass(frozen=True)
class Node:
    """One layer in its place: a name, and the shapes of a row before and after it."""

    name: str
    layer: Layer
    in_shape: Shape
    out_shape: Shape


def connect(layers: Sequence[tuple[str, Layer]], in_shape: Shape) -> tuple[Node, ...]:
    """Work out the shapes along the chain; ChainError where a layer or initializer does not fit."""
    nodes = []
    shape = in_shape
    for index, (name, layer) in enumerate(layers):
        try:
            out = layer.out_shape(shape)
            for slot in layer.slots(shape).values():
                slot.initializer.check(slot.shape)
        except ShapeError as error:
            raise ChainError(index, str(error)) from None
        nodes.append(Node(name, layer, shape, out))
        shape = out
    return tuple(nodes)


class Model:
    """A chain of nodes and the place of every array they need.

    decays: which trained arrays weight decay applies to, by (layer, slot).
    """

    def __init__(
        self, nodes: Sequence[Node], decays: Callable[[Name], bool] = lambda name: True
    ) -> None:
        self.nodes = tuple(nodes)
        slots = {
            (node.name, slot): room
            for node in self.nodes
            for slot, room in node.layer.slots(node.in_shape).items()
        }
        self.layout = Layout(slots, decays)

    @property
    def in_shape(self) -> Shape:
        """The shape of one input row."""
        return self.nodes[0].in_shape

    @property
    def out_shape(self) -> Shape:
        """The shape of one output row."""
        return self.nodes[-1].out_shape

    @property
    def flops(self) -> int:
        """Floating point operations of one row's forward pass."""
        return sum(node.layer.flops(node.in_shape) for node in self.nodes)


class Pass:
    """One worker's way through a model, forward and back.

    The contexts, and with them all scratch memory, belong to this worker for good.
    parameters: views by layer and slot into the flat vector that the optimizer updates.
    """

    def __init__(self, model: Model, parameters: Mapping[str, Params], moment: Moment) -> None:
        self.moment = moment
        self._steps = [
            (node, parameters.get(node.name, {}), Context(node.name, moment))
            for node in model.nodes
        ]
        # The first layers that have nothing to learn need no backward pass at all, and the
        # first that does needs no dx.
        learns = [bool(node.layer.slots(node.in_shape)) for node in model.nodes]
        self._first = learns.index(True) if True in learns else len(learns)
        self._caches: list[Any] = [None] * len(self._steps)

    def forward(self, x: Array) -> Array:
        """The raw outputs for x, remembering what backward needs."""
        for index, (node, p, ctx) in enumerate(self._steps):
            x, self._caches[index] = node.layer.forward(p, x, ctx)
        return x

    def backward(self, dy: Array, gradients: Mapping[str, dict[str, Array]]) -> None:
        """Assign every gradient, given the loss's gradient with respect to the outputs."""
        for index in range(len(self._steps) - 1, self._first - 1, -1):
            node, p, ctx = self._steps[index]
            dx = node.layer.backward(
                p,
                gradients.get(node.name, {}),
                self._caches[index],
                dy,
                ctx,
                need_dx=index > self._first,
            )
            if dx is not None:
                dy = dx

    def outputs(self, x: Array) -> list[tuple[str, Array]]:
        """Every layer's output by name, for finding out where something went wrong."""
        seen = []
        for node, p, ctx in self._steps:
            x, _ = node.layer.forward(p, x, ctx)
            seen.append((node.name, x))
        return seen
