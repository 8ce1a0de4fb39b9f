"""The layers: one row of the table for each class of the engine."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from dlcli.deploy.onnx import windows
from dlcli.deploy.onnx.graph import Graph
from dlcli.deploy.onnx.normalizations import (
    batch_normalization,
    group_normalization,
    layer_normalization,
)
from dlcli.deploy.onnx.values import Value
from dlcli.engine import layers as engine
from dlcli.engine.layer import Layer, Params, Shape


def _dense(graph: Graph, layer: engine.Dense, p: Params, x: Value, shape: Shape) -> Value:
    tensor, kernel = x.last(graph), graph.constant(p["kernel"], np.float32)
    if len(shape) == 1:
        bias = [graph.constant(p["bias"], np.float32)] if layer.use_bias else []
        return Value(shape, graph.op("Gemm", tensor, kernel, *bias))
    y = graph.op("MatMul", tensor, kernel)
    if layer.use_bias:
        y = graph.op("Add", y, graph.constant(p["bias"], np.float32))
    return Value(shape, y)


def _dropout(graph: Graph, layer: engine.Dropout, p: Params, x: Value, shape: Shape) -> Value:
    """It forgets while training alone."""
    return x


def _another_shape(graph: Graph, layer: Any, p: Params, x: Value, shape: Shape) -> Value:
    return Value(shape, graph.reshape(x.last(graph), shape))


def _zero_padding2d(
    graph: Graph, layer: engine.ZeroPadding2D, p: Params, x: Value, shape: Shape
) -> Value:
    tensor, first = x.either()
    (top, bottom), (left, right) = layer.padding
    begin, end = ([0, 0, top, left], [0, 0, bottom, right])
    if not first:
        begin, end = [0, top, left, 0], [0, bottom, right, 0]
    zero = graph.constant(0.0, np.float32)
    return x.like(graph.op("Pad", tensor, graph.whole(*begin, *end), zero), first, shape)


def _up_sampling2d(
    graph: Graph, layer: engine.UpSampling2D, p: Params, x: Value, shape: Shape
) -> Value:
    how = {"mode": "nearest", "nearest_mode": "floor"}
    how["coordinate_transformation_mode"] = "asymmetric"
    if layer.interpolation == "bilinear":
        how = {"mode": "linear", "coordinate_transformation_mode": "half_pixel"}
    scales = graph.constant([1.0, 1.0, *layer.size], np.float32)
    return Value(shape, first=graph.op("Resize", x.first(graph), "", scales, **how))


def ids_of(graph: Graph, x: str, count: int) -> str:
    """Ids as whole numbers below `count`. Another number is the nearest of them, so that a table
    can be asked in any case; whether it may be is looked at elsewhere."""
    ids = graph.op("Max", graph.cast(x, np.int64), graph.constant(0, np.int64))
    return graph.op("Min", ids, graph.constant(count - 1, np.int64))


def _embedding(graph: Graph, layer: engine.Embedding, p: Params, x: Value, shape: Shape) -> Value:
    """A number that is no id makes the row one that the engine refuses."""
    tensor, count = x.last(graph), layer.input_dim
    floor = graph.op("Equal", graph.op("Floor", tensor), tensor)
    above = graph.op("GreaterOrEqual", tensor, graph.constant(0.0, np.float32))
    below = graph.op("Less", tensor, graph.constant(count, np.float32))
    wrong = graph.op("Not", graph.op("And", graph.op("And", floor, above), below))
    graph.fault(graph.some(wrong, len(x.shape)))
    ids = ids_of(graph, tensor, count)
    table = graph.constant(p["embeddings"], np.float32)
    mask = None
    if layer.mask_zero:
        mask = graph.op("Not", graph.op("Equal", ids, graph.constant(0, np.int64)))
    return Value(shape, graph.op("Gather", table, ids, axis=0), mask=mask)


def _column_embeddings(
    graph: Graph, layer: engine.ColumnEmbeddings, p: Params, x: Value, shape: Shape
) -> Value:
    """The columns that stay, then the vectors; an id behind the last has one of zeros."""
    by_position = {position: number for number, (position, _, _) in enumerate(layer.columns, 1)}
    sizes: list[int] = []
    is_ids: list[int] = []
    for j in range(x.shape[0]):
        number = by_position.get(j, 0)
        if number or not sizes or is_ids[-1]:
            sizes.append(1)
            is_ids.append(number)
        else:
            sizes[-1] += 1
    parts = graph.split(x.last(graph), sizes)
    stay = [part for part, number in zip(parts, is_ids, strict=True) if not number]
    vectors = []
    for part, number in zip(parts, is_ids, strict=True):
        if number:
            table = p[f"embeddings_{number}"]
            padded = np.concatenate([table, np.zeros((1, table.shape[1]), np.float32)])
            ids = graph.op("Squeeze", ids_of(graph, part, len(padded)), graph.whole(1))
            vectors.append(graph.op("Gather", graph.constant(padded, np.float32), ids, axis=0))
    return Value(shape, graph.concat([*stay, *vectors]))


def _masking(graph: Graph, layer: engine.Masking, p: Params, x: Value, shape: Shape) -> Value:
    tensor = x.last(graph)
    other = graph.op("Not", graph.op("Equal", tensor, graph.constant(layer.mask_value, np.float32)))
    number = graph.op("ReduceMax", graph.cast(other, np.int32), graph.whole(-1))
    y = graph.op("Mul", tensor, graph.cast(number, np.float32))
    mask = graph.cast(graph.reshape(number, shape[:1]), np.bool_)
    if x.mask is not None:
        mask = graph.op("And", mask, x.mask)
    return Value(shape, y, mask=mask)


def _global_average_pooling1d(
    graph: Graph, layer: engine.GlobalAveragePooling1D, p: Params, x: Value, shape: Shape
) -> Value:
    if x.mask is None:
        tensor, first = x.either()
        y = graph.op("ReduceMean", tensor, graph.whole(2 if first else 1), keepdims=0)
        return Value(shape, graph.reshape(y, shape) if layer.keepdims else y)
    real = graph.reshape(graph.cast(x.mask, np.float32), (x.shape[0], 1))
    axis = graph.whole(1)
    total = graph.op("ReduceSum", graph.op("Mul", x.last(graph), real), axis, keepdims=0)
    steps = graph.op("ReduceSum", real, axis, keepdims=0)
    y = graph.op("Div", total, graph.op("Max", steps, graph.constant(1.0, np.float32)))
    return Value(shape, graph.reshape(y, shape) if layer.keepdims else y)


def _global_max_pooling1d(
    graph: Graph, layer: engine.GlobalMaxPooling1D, p: Params, x: Value, shape: Shape
) -> Value:
    """A row of which all steps are masked gives 0."""
    if x.mask is None:
        tensor, first = x.either()
        y = graph.op("ReduceMax", tensor, graph.whole(2 if first else 1), keepdims=0)
        return Value(shape, graph.reshape(y, shape) if layer.keepdims else y)
    mask, axis = graph.reshape(x.mask, (x.shape[0], 1)), graph.whole(1)
    real = graph.op("Where", mask, x.last(graph), graph.constant(-np.inf, np.float32))
    highest = graph.op("ReduceMax", real, axis, keepdims=0)
    some = graph.op("ReduceMax", graph.cast(mask, np.int32), axis, keepdims=0)
    zero = graph.constant(0.0, np.float32)
    y = graph.op("Where", graph.cast(some, np.bool_), highest, zero)
    return Value(shape, graph.reshape(y, shape) if layer.keepdims else y)


Write = Callable[[Graph, Any, Params, Value, Shape], Value]
"""(graph, layer, arrays, x, shape of a row of y) -> y; it has a mask if the layer makes one."""

WRITTEN: Mapping[type[Layer], Write] = {
    engine.AveragePooling1D: windows.pool1d("AveragePool"),
    engine.AveragePooling2D: windows.pool2d("AveragePool"),
    engine.BatchNormalization: batch_normalization,
    engine.ColumnEmbeddings: _column_embeddings,
    engine.Conv1D: windows.conv1d,
    engine.Conv2D: windows.conv2d,
    engine.Conv2DTranspose: windows.conv2d_transpose,
    engine.Dense: _dense,
    engine.DepthwiseConv2D: windows.depthwise_conv2d,
    engine.Dropout: _dropout,
    engine.Embedding: _embedding,
    engine.Flatten: _another_shape,
    engine.GlobalAveragePooling1D: _global_average_pooling1d,
    engine.GlobalAveragePooling2D: windows.global_pool("ReduceMean"),
    engine.GlobalMaxPooling1D: _global_max_pooling1d,
    engine.GlobalMaxPooling2D: windows.global_pool("ReduceMax"),
    engine.GroupNormalization: group_normalization,
    engine.LayerNormalization: layer_normalization,
    engine.Masking: _masking,
    engine.MaxPooling1D: windows.pool1d("MaxPool"),
    engine.MaxPooling2D: windows.pool2d("MaxPool"),
    engine.Reshape: _another_shape,
    engine.SeparableConv2D: windows.separable_conv2d,
    engine.UpSampling2D: _up_sampling2d,
    engine.ZeroPadding2D: _zero_padding2d,
}
