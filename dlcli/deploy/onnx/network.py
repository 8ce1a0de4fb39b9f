"""The layers of a network, one after the other: prepared rows in, raw outputs out."""

from collections.abc import Mapping, Sequence

from dlcli.deploy.onnx import activations, layers, merges
from dlcli.deploy.onnx.graph import Graph
from dlcli.deploy.onnx.values import Value
from dlcli.engine.folding import Inference, fold
from dlcli.engine.graph import Node
from dlcli.engine.layer import Array, Merge, Params
from dlcli.engine.model import Model


def arrays_of(model: Model, theta: Array) -> tuple[tuple[Node, ...], Mapping[str, Params]]:
    """The layers as the engine answers by them, and their arrays: batch normalizations are folded
    into the layers before them, where they can be."""
    nodes, _ = fold(model.plain)
    inference = Inference(model, theta)
    inference.refresh()
    return nodes, inference.model.layout.views(inference.theta)


def network(graph: Graph, model: Model, theta: Array, given: Mapping[str, str]) -> str:
    """The name of the raw outputs, float32 (batch, *out_shape).

    given: the tensors of prepared rows, float32, by the names of the model's inputs.
    """
    nodes, arrays = arrays_of(model, theta)
    shapes = {
        name: shape
        for node in nodes
        for name, shape in zip(node.inputs, node.in_shapes, strict=True)
    }
    values = {name: Value(shapes[name], tensor) for name, tensor in given.items()}
    for node in nodes:
        graph.scope(node.name)
        values[node.name] = _value(graph, node, arrays.get(node.name, {}), values)
    return values[nodes[-1].name].last(graph)


def _value(graph: Graph, node: Node, p: Params, values: Mapping[str, Value]) -> Value:
    xs = [values[name] for name in node.inputs]
    if isinstance(node.layer, Merge):
        y = merges.WRITTEN[type(node.layer)](graph, node.layer, xs, node.out_shape)
        return y.with_mask(_either(graph, xs) if node.masked else None)
    (x,) = xs
    kind = type(node.layer)
    if kind in activations.WRITTEN:
        tensor, first = x.either()
        axis = 1 if first else len(x.shape)
        y = x.like(activations.WRITTEN[kind](graph, node.layer, tensor, axis), first)
    else:
        y = layers.WRITTEN[kind](graph, node.layer, p, x, node.out_shape)
        if node.layer.makes_mask():
            return y
    return y.with_mask(x.mask if node.masked else None)


def _either(graph: Graph, xs: Sequence[Value]) -> str:
    """The mask of a merge: true where that of any input is."""
    masks = [x.mask for x in xs if x.mask is not None]
    found = masks[0]
    for mask in masks[1:]:
        found = graph.op("Or", found, mask)
    return found
