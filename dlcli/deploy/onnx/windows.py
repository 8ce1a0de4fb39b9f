"""Convolutions and poolings: with channels first, and padded by as much as the engine pads."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from dlcli.deploy.onnx.graph import Graph
from dlcli.deploy.onnx.values import Value
from dlcli.engine.layer import Array, Params, Shape
from dlcli.engine.layers import (
    Conv1D,
    Conv2D,
    Conv2DTranspose,
    DepthwiseConv2D,
    SeparableConv2D,
)
from dlcli.engine.layers.pool1d import Pooling1D
from dlcli.engine.layers.pool2d import Pooling2D
from dlcli.engine.layers.separable_conv2d import depthwise_of, pointwise_of
from dlcli.engine.layers.windows import Windows


def conv2d(graph: Graph, layer: Conv2D, p: Params, x: Value, shape: Shape) -> Value:
    """The kernel (height, width, in / groups, filters) becomes (filters, in / groups, ...)."""
    windows = layer.windows(*x.shape[:2])
    kernel = p["kernel"].transpose(3, 2, 0, 1)
    return _conv(
        graph, x, kernel, p, shape, windows, layer.strides, layer.dilation_rate, layer.groups
    )


def conv1d(graph: Graph, layer: Conv1D, p: Params, x: Value, shape: Shape) -> Value:
    """As `conv2d`, along the only axis that there is."""
    windows = layer.over_images.windows(1, x.shape[0])
    kernel, groups = p["kernel"].transpose(2, 1, 0), layer.groups
    strides, dilation = (layer.strides,), (layer.dilation_rate,)
    return _conv(graph, x, kernel, p, shape, windows, strides, dilation, groups)


def depthwise_conv2d(
    graph: Graph, layer: DepthwiseConv2D, p: Params, x: Value, shape: Shape
) -> Value:
    """A group for each channel: the kernel (height, width, in, m) becomes (in m, 1, ...)."""
    windows = layer.windows(*x.shape[:2])
    height, width, channels, many = p["kernel"].shape
    kernel = p["kernel"].transpose(2, 3, 0, 1).reshape(channels * many, 1, height, width)
    return _conv(graph, x, kernel, p, shape, windows, layer.strides, layer.dilation_rate, channels)


def separable_conv2d(
    graph: Graph, layer: SeparableConv2D, p: Params, x: Value, shape: Shape
) -> Value:
    """Its two halves."""
    between = layer.depthwise.out_shape(x.shape)
    deep = depthwise_conv2d(graph, layer.depthwise, depthwise_of(p), x, between)
    return conv2d(graph, layer.pointwise, pointwise_of(p), deep, shape)


def conv2d_transpose(
    graph: Graph, layer: Conv2DTranspose, p: Params, x: Value, shape: Shape
) -> Value:
    """What a kernel (height, width, filters, in) spreads over the larger image, of which `before`
    pixels are cut off at the beginning, and at the end as many as are too many there. Where they
    are too few, `output_padding` adds pixels that no tap meets."""
    windows = layer.windows(*x.shape[:2])
    ends = []
    for axis in (0, 1):
        taps = layer.kernel_size[axis]
        span = (taps - 1) * layer.dilation_rate[axis] + 1
        whole = (x.shape[axis] - 1) * layer.strides[axis] + span
        ends.append(whole - windows.before[axis] - shape[axis])
    kernel = p["kernel"].transpose(3, 2, 0, 1)
    more = [max(-end, 0) for end in ends]
    added: dict[str, Any] = {"output_padding": more} if any(more) else {}
    y = graph.op(
        "ConvTranspose",
        *_operands(graph, x, kernel, p),
        kernel_shape=list(kernel.shape[2:]),
        strides=list(layer.strides),
        dilations=list(layer.dilation_rate),
        pads=[*windows.before, *(max(end, 0) for end in ends)],
        **added,
    )
    return Value(shape, first=y)


def _conv(
    graph: Graph,
    x: Value,
    kernel: Array,
    p: Params,
    shape: Shape,
    windows: Windows,
    strides: Sequence[int],
    dilation: Sequence[int],
    groups: int,
) -> Value:
    y = graph.op(
        "Conv",
        *_operands(graph, x, kernel, p),
        kernel_shape=list(kernel.shape[2:]),
        strides=list(strides),
        dilations=list(dilation),
        pads=_pads(windows, len(strides)),
        group=groups,
    )
    return Value(shape, first=y)


def _operands(graph: Graph, x: Value, kernel: Array, p: Params) -> list[str]:
    found = [x.first(graph), graph.constant(kernel, np.float32)]
    return [*found, graph.constant(p["bias"], np.float32)] if "bias" in p else found


def _pads(windows: Windows, axes: int) -> list[int]:
    """Padded pixels: those before, then those behind; of the last axes."""
    return [*windows.before[2 - axes :], *windows.after[2 - axes :]]


def pool2d(kind: str) -> Callable[[Graph, Any, Params, Value, Shape], Value]:
    """A pooling of images: `MaxPool`, or `AveragePool`, which counts no padded pixels."""

    def write(graph: Graph, layer: Pooling2D, p: Params, x: Value, shape: Shape) -> Value:
        strides = layer.pool_size if layer.strides is None else layer.strides
        windows = layer.windows(*x.shape[:2])
        return _pool(graph, kind, x, shape, windows, layer.pool_size, strides)

    return write


def pool1d(kind: str) -> Callable[[Graph, Any, Params, Value, Shape], Value]:
    """A pooling of steps."""

    def write(graph: Graph, layer: Pooling1D, p: Params, x: Value, shape: Shape) -> Value:
        strides = layer.pool_size if layer.strides is None else layer.strides
        windows = layer.over_images.windows(1, x.shape[0])
        return _pool(graph, kind, x, shape, windows, (layer.pool_size,), (strides,))

    return write


def _pool(
    graph: Graph,
    kind: str,
    x: Value,
    shape: Shape,
    windows: Windows,
    size: Sequence[int],
    strides: Sequence[int],
) -> Value:
    y = graph.op(
        kind,
        x.first(graph),
        kernel_shape=list(size),
        strides=list(strides),
        pads=_pads(windows, len(size)),
    )
    return Value(shape, first=y)


def global_pool(kind: str) -> Callable[[Graph, Any, Params, Value, Shape], Value]:
    """One number for each channel of an image: `ReduceMean` or `ReduceMax` over the pixels."""

    def write(graph: Graph, layer: Any, p: Params, x: Value, shape: Shape) -> Value:
        tensor, first = x.either()
        axes = graph.whole(*((2, 3) if first else (1, 2)))
        y = graph.op(kind, tensor, axes, keepdims=0)
        return Value(shape, graph.reshape(y, shape) if layer.keepdims else y)

    return write
