"""The activations: one row of the table for each class of the engine."""

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from dlcli.deploy.onnx.graph import Graph
from dlcli.engine.layer import Layer
from dlcli.engine.layers import activations as engine
from dlcli.engine.layers.gelu import Gelu

_FAR_SILU = 800.0
_FAR_GELU = 40.0
"""Beyond, the engine's function is 0 to the last bit; so -inf does not meet 0."""


def exact_sigmoid(graph: Graph, x: str) -> str:
    """1 / (1 + exp(-x)) as exp(min(x, 0)) / (1 + exp(-|x|)): it keeps its digits near 0, where the
    operator Sigmoid of some runtimes has none."""
    small = graph.op("Exp", graph.op("Neg", graph.op("Abs", x)))
    above = graph.op("Exp", graph.op("Min", x, graph.constant(0.0, np.float32)))
    return graph.op("Div", above, graph.op("Add", small, graph.constant(1.0, np.float32)))


def _linear(graph: Graph, layer: Any, x: str, axis: int) -> str:
    return x


def _same_word(kind: str) -> "Write":
    """An operator that does the same, without options."""

    def write(graph: Graph, layer: Any, x: str, axis: int) -> str:
        return graph.op(kind, x)

    return write


def _elu(graph: Graph, layer: engine.Elu, x: str, axis: int) -> str:
    return graph.op("Elu", x, alpha=float(layer.alpha))


def _leaky_relu(graph: Graph, layer: engine.LeakyRelu, x: str, axis: int) -> str:
    return graph.op("LeakyRelu", x, alpha=float(layer.negative_slope))


def _silu(graph: Graph, layer: Any, x: str, axis: int) -> str:
    held = graph.op("Max", x, graph.constant(-_FAR_SILU, np.float32))
    return graph.op("Mul", held, exact_sigmoid(graph, x))


def _softmax(graph: Graph, layer: Any, x: str, axis: int) -> str:
    return graph.op("Softmax", x, axis=axis)


def _gelu(graph: Graph, layer: Gelu, x: str, axis: int) -> str:
    """x Phi(x); the operator Gelu is younger than opset 18."""

    def times(x: str, number: float) -> str:
        return graph.op("Mul", x, graph.constant(number, np.float32))

    one = graph.constant(1.0, np.float32)
    held = graph.op("Max", x, graph.constant(-_FAR_GELU, np.float32))
    if layer.approximate:
        near = graph.op("Min", held, graph.constant(_FAR_GELU, np.float32))
        square = graph.op("Add", times(graph.op("Mul", near, near), 0.044715), one)
        inner = graph.op("Tanh", times(graph.op("Mul", square, near), math.sqrt(2.0 / math.pi)))
    else:
        inner = graph.op("Erf", times(held, math.sqrt(0.5)))
    return graph.op("Mul", held, times(graph.op("Add", inner, one), 0.5))


Write = Callable[[Graph, Any, str, int], str]
"""(graph, layer, x, axis of the channels) -> y, of the same shape and order."""

WRITTEN: Mapping[type[Layer], Write] = {
    engine.Elu: _elu,
    Gelu: _gelu,
    engine.LeakyRelu: _leaky_relu,
    engine.Linear: _linear,
    engine.Relu: _same_word("Relu"),
    engine.Sigmoid: _same_word("Sigmoid"),
    engine.Silu: _silu,
    engine.Softmax: _softmax,
    engine.Softplus: _same_word("Softplus"),
    engine.Tanh: _same_word("Tanh"),
}
