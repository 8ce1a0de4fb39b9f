"""The normalizations, by the engine's formulas.

ONNX has operators for some of them, but opset 18 has none for groups, and ONNX Runtime's for
layers works out the variance as a difference of large numbers, which may lose all digits.
"""

import numpy as np

from dlcli.deploy.onnx.graph import Graph
from dlcli.deploy.onnx.values import Value
from dlcli.engine.layer import Array, Params, Shape
from dlcli.engine.layers import BatchNormalization, GroupNormalization, LayerNormalization


def batch_normalization(
    graph: Graph, layer: BatchNormalization, p: Params, x: Value, shape: Shape
) -> Value:
    """y = (x - moving_mean) factor + beta, with factor = gamma / sqrt(moving_variance + epsilon);
    most of them are folded into the layer before, and do not come here."""
    tensor, first = x.either()
    factor = 1.0 / np.sqrt(p["moving_variance"].astype(np.float64) + layer.epsilon)
    if layer.scale:
        factor = factor * p["gamma"]

    def along(vector: Array) -> str:
        """A vector of channels, so that it meets them."""
        axes = len(x.shape) - 1 if first else 0
        return graph.constant(vector.reshape(-1, *(1,) * axes), np.float32)

    y = graph.op("Mul", graph.op("Sub", tensor, along(p["moving_mean"])), along(factor))
    if layer.center:
        y = graph.op("Add", y, along(p["beta"]))
    return x.like(y, first)


def layer_normalization(
    graph: Graph, layer: LayerNormalization, p: Params, x: Value, shape: Shape
) -> Value:
    """Each vector along the last axis by its own mean and variance."""
    tensor, axis = x.last(graph), graph.whole(-1)
    apart = graph.op("Sub", tensor, graph.op("ReduceMean", tensor, axis))
    variance = graph.op("ReduceMean", graph.op("Mul", apart, apart), axis)
    n = graph.op("Mul", apart, _inverse_deviation(graph, variance, layer.epsilon))
    return Value(shape, _scaled_and_centered(graph, layer, p, n))


def group_normalization(
    graph: Graph, layer: GroupNormalization, p: Params, x: Value, shape: Shape
) -> Value:
    """Each group of channels of a row by its mean and variance over all places; of steps, over
    those that are not masked."""
    channels = shape[-1]
    groups = channels if layer.groups == -1 else layer.groups
    places = int(np.prod(shape[:-1], dtype=np.int64))
    grouped = graph.reshape(x.last(graph), (places, groups, channels // groups))
    axes = graph.whole(1, 3)
    if x.mask is None:
        apart = graph.op("Sub", grouped, graph.op("ReduceMean", grouped, axes))
        variance = graph.op("ReduceMean", graph.op("Mul", apart, apart), axes)
    else:
        real = graph.reshape(graph.cast(x.mask, np.float32), (places, 1, 1))
        steps = graph.op("ReduceSum", real, axes)
        held = graph.op("Max", steps, graph.constant(1.0, np.float32))
        count = graph.op("Mul", held, graph.constant(channels // groups, np.float32))
        total = graph.op("ReduceSum", graph.op("Mul", grouped, real), axes)
        apart = graph.op("Sub", grouped, graph.op("Div", total, count))
        there = graph.op("Mul", apart, real)
        squares = graph.op("ReduceSum", graph.op("Mul", there, there), axes)
        variance = graph.op("Div", squares, count)
    n = graph.op("Mul", apart, _inverse_deviation(graph, variance, layer.epsilon))
    return Value(shape, _scaled_and_centered(graph, layer, p, graph.reshape(n, shape)))


def _inverse_deviation(graph: Graph, variance: str, epsilon: float) -> str:
    """1 / sqrt(variance + epsilon)"""
    above = graph.op("Add", variance, graph.constant(epsilon, np.float32))
    return graph.op("Div", graph.constant(1.0, np.float32), graph.op("Sqrt", above))


def _scaled_and_centered(
    graph: Graph, layer: LayerNormalization | GroupNormalization, p: Params, n: str
) -> str:
    """gamma n + beta, as far as the layer has them."""
    if layer.scale:
        n = graph.op("Mul", n, graph.constant(p["gamma"], np.float32))
    if layer.center:
        n = graph.op("Add", n, graph.constant(p["beta"], np.float32))
    return n
