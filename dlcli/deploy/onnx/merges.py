"""The merges: one row of the table for each class of the engine."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from dlcli.deploy.onnx.graph import Graph
from dlcli.deploy.onnx.values import Value
from dlcli.engine import merges as engine
from dlcli.engine.layer import Merge, Shape


def _together(graph: Graph, xs: Sequence[Value]) -> tuple[list[str], bool]:
    """The tensors of all values in one order of axes, and whether channels are first."""
    first = all(x.is_first for x in xs) and len(xs[0].shape) > 1
    return [x.first(graph) if first else x.last(graph) for x in xs], first


def _number_by_number(kind: str) -> "Write":
    """An operator of two inputs, one input after the other."""

    def write(graph: Graph, merge: Any, xs: Sequence[Value], shape: Shape) -> Value:
        tensors, first = _together(graph, xs)
        return xs[0].like(_folded(graph, kind, tensors), first)

    return write


def _folded(graph: Graph, kind: str, tensors: Sequence[str]) -> str:
    y = tensors[0]
    for x in tensors[1:]:
        y = graph.op(kind, y, x)
    return y


def _average(graph: Graph, merge: engine.Average, xs: Sequence[Value], shape: Shape) -> Value:
    tensors, first = _together(graph, xs)
    count = graph.constant(len(xs), np.float32)
    return xs[0].like(graph.op("Div", _folded(graph, "Add", tensors), count), first)


def _concatenate(
    graph: Graph, merge: engine.Concatenate, xs: Sequence[Value], shape: Shape
) -> Value:
    tensors, first = _together(graph, xs)
    return xs[0].like(graph.concat(tensors, axis=1 if first else -1), first, shape)


def _dot(graph: Graph, merge: engine.Dot, xs: Sequence[Value], shape: Shape) -> Value:
    """The summed axis last in the first input, and the one before it in the second: a product of
    matrices."""
    matrices = []
    for side, (x, axis) in enumerate(zip(xs, merge.axes, strict=True)):
        place = axis if axis > 0 else axis + len(x.shape) + 1
        others = [other for other in range(1, len(x.shape) + 1) if other != place]
        tensor = x.last(graph)
        if place != len(x.shape):
            tensor = graph.op("Transpose", tensor, perm=[0, *others, place])
        tensor = graph.reshape(tensor, (_product(x.shape, others), x.shape[place - 1]))
        if merge.normalize:
            squares = graph.op("ReduceSum", graph.op("Mul", tensor, tensor), graph.whole(-1))
            held = graph.op("Max", squares, graph.constant(1e-12, np.float32))
            tensor = graph.op("Div", tensor, graph.op("Sqrt", held))
        if side == 1:
            tensor = graph.op("Transpose", tensor, perm=[0, 2, 1])
        matrices.append(tensor)
    return Value(shape, graph.reshape(graph.op("MatMul", *matrices), shape))


def _product(shape: Shape, axes: Sequence[int]) -> int:
    size = 1
    for axis in axes:
        size *= shape[axis - 1]
    return size


Write = Callable[[Graph, Any, Sequence[Value], Shape], Value]
"""(graph, merge, inputs, shape of a row of y) -> y; its mask is the network's business."""

WRITTEN: Mapping[type[Merge], Write] = {
    engine.Add: _number_by_number("Add"),
    engine.Average: _average,
    engine.Concatenate: _concatenate,
    engine.Dot: _dot,
    engine.Maximum: _number_by_number("Max"),
    engine.Multiply: _number_by_number("Mul"),
    engine.Subtract: _number_by_number("Sub"),
}
