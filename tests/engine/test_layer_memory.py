"""Layers allocate nothing large in a steady state: their scratch memory is used again."""

import tracemalloc

import numpy as np
import pytest

from dlcli.engine.layer import Layer
from dlcli.engine.layers import (
    ACTIVATIONS,
    AveragePooling2D,
    Conv2D,
    Dense,
    Flatten,
    MaxPooling2D,
    Reshape,
)
from tests.engine.cases import Case, context, gradients_like

LAYERS_AT_WORK: list[Layer] = [
    Dense(64),
    Conv2D(16, (3, 3)),
    Conv2D(16, (3, 3), (2, 1), "same", (1, 2)),
    MaxPooling2D(),
    MaxPooling2D((3, 3), (2, 2), "same"),
    AveragePooling2D((3, 3), (1, 1), "same"),
    Flatten(),
    Reshape((-1, 4)),
    *(cls() for cls in ACTIVATIONS.values()),
]


@pytest.mark.parametrize("layer", LAYERS_AT_WORK, ids=str)
def test_after_the_first_pass_nothing_large_is_allocated(layer: Layer) -> None:
    case = Case(layer, (32, 32, 16), rows=16)
    p, x, dy = case.parameters("float32"), case.x("float32"), case.dy("float32")
    g, ctx = gradients_like(p), context()

    def one_pass(rows: int) -> None:
        _, cache = layer.forward(p, x[:rows], ctx)
        layer.backward(p, g, cache, dy[:rows], ctx)

    one_pass(16)
    tracemalloc.start()
    try:
        one_pass(16)
        one_pass(5)  # the last, smaller batch of an epoch
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    # NumPy itself takes up to three buffers of 8192 numbers for a strided or casting operation.
    assert peak < 120_000 < x.nbytes / 8, f"{peak} bytes"
    assert all(np.isfinite(array).all() for array in g.values())
