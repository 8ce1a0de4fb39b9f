"""A value of the network as the graph has it: with its channels last, first, or both.

The engine's rows have their channels last; the operators of ONNX that slide windows want them
first. A value is turned around when somebody asks for the order that it has not, and only once.
"""

from dlcli.deploy.onnx.graph import Graph
from dlcli.engine.layer import Shape


class Value:
    """A value of the network.

    shape: of a row, channels last. last, first: the name of the tensor with its channels in the
        last axis, (batch, *shape), and in the one behind the batch; at least one is there.
    mask: the name of its mask (batch, steps) of booleans, where it has one.
    """

    def __init__(
        self,
        shape: Shape,
        last: str | None = None,
        first: str | None = None,
        mask: str | None = None,
    ) -> None:
        if len(shape) < 2:  # there is one order only
            last = first = last or first
        self.shape, self.mask = shape, mask
        self._last, self._first = last, first

    def last(self, graph: Graph) -> str:
        """The tensor (batch, ..., channels)."""
        if self._last is None:
            assert self._first is not None
            axes = [0, *range(2, len(self.shape) + 1), 1]
            self._last = self._turned(graph, self._first, axes, self.shape)
        return self._last

    def first(self, graph: Graph) -> str:
        """The tensor (batch, channels, ...)."""
        if self._first is None:
            assert self._last is not None
            axes = [0, len(self.shape), *range(1, len(self.shape))]
            shape = (self.shape[-1], *self.shape[:-1])
            self._first = self._turned(graph, self._last, axes, shape)
        return self._first

    def _turned(self, graph: Graph, x: str, axes: list[int], shape: Shape) -> str:
        if self.shape[-1] == 1 or all(length == 1 for length in self.shape[:-1]):
            return graph.reshape(x, shape)  # no number moves
        return graph.op("Transpose", x, perm=axes)

    def either(self) -> tuple[str, bool]:
        """A tensor that is there, and whether its channels are first."""
        if self._last is not None:
            return self._last, False
        assert self._first is not None
        return self._first, True

    @property
    def is_first(self) -> bool:
        """Whether the tensor with its channels first is there."""
        return self._first is not None

    def like(self, y: str, first: bool, shape: Shape | None = None) -> "Value":
        """A tensor of the same order as one of this value's, as a value."""
        shape = self.shape if shape is None else shape
        return Value(shape, None if first else y, y if first else None)

    def with_mask(self, mask: str | None) -> "Value":
        """The same value with this mask."""
        return Value(self.shape, self._last, self._first, mask)
