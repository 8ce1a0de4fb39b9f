"""Fused layers and the plain chains they stand for: the table, and how to run both."""

from collections.abc import Sequence

import numpy as np

from dlcli.engine.fusion import (
    FusedDense,
    LinesDepthwise,
    LinesSeparable,
    PlanesConv,
    WinogradConv,
)
from dlcli.engine.layer import Array, Layer
from dlcli.engine.layers import (
    Conv2D,
    Dense,
    DepthwiseConv2D,
    Flatten,
    MaxPooling2D,
    SeparableConv2D,
)
from dlcli.engine.layers.activations import Relu
from tests.engine.cases import Case, context, gradients_like

RELU, POOL = Relu(), MaxPooling2D()

WINOGRAD_CASES = [
    Case(WinogradConv(Conv2D(filters, (3, 3), padding=padding, use_bias=bias), relu, pool), shape)
    for padding, filters, bias, relu, pool, shape in [
        ("valid", 3, True, RELU, POOL, (6, 8, 2)),
        ("valid", 3, True, RELU, POOL, (13, 12, 2)),  # the pool floors away a row
        ("valid", 2, False, None, POOL, (7, 9, 3)),  # and here two pixels are never read
        ("valid", 2, True, RELU, None, (6, 7, 3)),
        ("valid", 1, False, None, None, (3, 3, 1)),
        ("valid", 2, True, None, None, (8, 3, 2)),
        ("same", 3, True, RELU, POOL, (6, 8, 2)),
        ("same", 3, True, RELU, POOL, (7, 5, 2)),
        ("same", 2, True, None, POOL, (2, 3, 1)),
        ("same", 2, True, RELU, None, (6, 6, 3)),
        ("same", 3, False, RELU, None, (5, 9, 2)),
        ("same", 2, True, None, None, (1, 2, 2)),
        ("same", 2, True, RELU, None, (1, 1, 2)),
    ]
]

PLANES_CASES = [
    Case(PlanesConv(Conv2D(filters, kernel, padding=padding, use_bias=bias), relu, pool), shape)
    for kernel, padding, filters, bias, relu, pool, shape in [
        ((3, 3), "valid", 3, True, RELU, POOL, (6, 8, 1)),
        ((3, 3), "valid", 3, True, RELU, POOL, (9, 7, 2)),
        ((3, 3), "same", 2, True, RELU, POOL, (6, 7, 2)),
        ((5, 5), "valid", 2, False, None, POOL, (9, 10, 1)),
        ((2, 3), "same", 2, True, RELU, POOL, (5, 6, 3)),
        ((4, 1), "valid", 2, True, None, POOL, (8, 4, 2)),
        ((1, 1), "valid", 3, True, RELU, POOL, (4, 5, 2)),
        ((3, 3), "valid", 3, True, RELU, None, (5, 6, 2)),
        ((3, 3), "same", 2, True, RELU, None, (5, 4, 3)),
        ((2, 5), "same", 2, False, None, None, (3, 6, 2)),
        ((3, 3), "same", 2, True, RELU, None, (1, 1, 2)),
    ]
]

DENSE_CASES = [
    Case(FusedDense(Dense(3)), (4,)),
    Case(FusedDense(Dense(3), None, RELU), (5,)),
    Case(FusedDense(Dense(3, use_bias=False), None, RELU), (4,), rows=1),
    Case(FusedDense(Dense(2), None, RELU), (3, 2, 4)),
    Case(FusedDense(Dense(3), Flatten(), RELU), (2, 3, 2)),
    Case(FusedDense(Dense(4), Flatten()), (3, 2)),
]

DEPTHWISE_CASES = [
    Case(LinesDepthwise(DepthwiseConv2D(kernel, strides, padding, 1, dilation, bias), relu), shape)
    for kernel, strides, padding, dilation, bias, relu, shape in [
        ((3, 3), (1, 1), "same", (1, 1), True, RELU, (5, 6, 3)),
        ((3, 2), (1, 1), "valid", (1, 1), True, None, (5, 4, 2)),
        ((2, 3), (1, 1), "same", (2, 3), False, RELU, (6, 5, 2)),
        ((3, 3), (2, 2), "same", (1, 1), True, RELU, (7, 6, 2)),
        ((2, 2), (1, 2), "valid", (2, 1), False, None, (5, 5, 1)),
        ((5, 5), (1, 1), "same", (1, 1), True, None, (2, 3, 2)),
        ((1, 1), (1, 1), "valid", (1, 1), True, RELU, (1, 1, 1)),
    ]
]

SEPARABLE_CASES = [
    Case(LinesSeparable(SeparableConv2D(4, kernel, strides, padding, dilation, 1, bias), relu), s)
    for kernel, strides, padding, dilation, bias, relu, s in [
        ((3, 3), (1, 1), "same", (1, 1), True, RELU, (5, 6, 3)),
        ((3, 2), (2, 1), "valid", (1, 2), False, None, (6, 5, 2)),
        ((2, 2), (1, 1), "valid", (1, 1), True, None, (3, 3, 1)),
    ]
]

FUSED_CASES = [*DEPTHWISE_CASES, *SEPARABLE_CASES, *WINOGRAD_CASES, *PLANES_CASES, *DENSE_CASES]


def plain(layer: Layer) -> list[Layer]:
    """The plain layers that a fused one stands for, in their order."""
    if isinstance(layer, FusedDense):
        chain: Sequence[Layer | None] = (layer.flatten, layer.dense, layer.relu)
    else:
        if isinstance(layer, LinesDepthwise | LinesSeparable):
            return [layer.conv, *([] if layer.relu is None else [layer.relu])]
        assert isinstance(layer, WinogradConv | PlanesConv)
        chain = (layer.conv, layer.relu, layer.pool)
    return [member for member in chain if member is not None]


Results = dict[str, Array]
"""y, dx, and the gradients by slot."""


def run(layers: Sequence[Layer], p: dict[str, Array], x: Array, dy: Array) -> Results:
    """Forward and back through layers of which one has the parameters p."""
    contexts = [context() for _ in layers]
    g, caches = gradients_like(p), []
    for layer, ctx in zip(layers, contexts, strict=True):
        x, cache = layer.forward(p, x, ctx)
        caches.append(cache)
    found = {"y": x}
    for layer, ctx, cache in reversed(list(zip(layers, contexts, caches, strict=True))):
        dx = layer.backward(p, g, cache, dy, ctx)
        assert dx is not None
        dy = dx
    return found | {"dx": dy} | g


def assert_close(found: Results, wanted: Results, tolerance: float) -> None:
    """Every array is as close as `tolerance` times the largest number of the wanted one."""
    for name, array in wanted.items():
        scale = float(np.max(np.abs(array), initial=0.0))
        np.testing.assert_allclose(found[name], array, rtol=0, atol=tolerance * scale, err_msg=name)


def assert_same(found: Results, wanted: Results) -> None:
    """Every array has the same values (0.0 and -0.0 are the same)."""
    for name, array in wanted.items():
        np.testing.assert_array_equal(found[name], array, err_msg=name)
