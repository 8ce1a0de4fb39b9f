"""What `fuse` makes of a chain."""

from dataclasses import replace

import numpy as np
import pytest

from dlcli.engine.context import Moment
from dlcli.engine.fusion import FusedDense, PlanesConv, WinogradConv, fuse
from dlcli.engine.graph import Node, connect
from dlcli.engine.layer import Array, Layer, Shape
from dlcli.engine.layers import (
    AveragePooling2D,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    MaxPooling2D,
    Reshape,
)
from dlcli.engine.layers.activations import Linear, Relu, Tanh
from dlcli.engine.model import Model, Pass
from tests.engine.fused import Results, assert_close


def chain(in_shape: Shape, *layers: Layer) -> tuple[Node, ...]:
    """The layers under the names layer_0, layer_1, ..."""
    return connect([(f"layer_{index}", layer) for index, layer in enumerate(layers)], in_shape)


def fused_layers(in_shape: Shape, *layers: Layer) -> list[Layer]:
    return [node.layer for node in fuse(chain(in_shape, *layers))]


NARROW, WIDE = (28, 28, 1), (14, 14, 16)
CONV, POOL, RELU = Conv2D(16, (3, 3)), MaxPooling2D(), Relu()


@pytest.mark.parametrize(
    ("in_shape", "layers", "wanted"),
    [
        (NARROW, [CONV, RELU, POOL], [PlanesConv(CONV, RELU, POOL)]),
        (NARROW, [CONV, POOL, RELU], [PlanesConv(CONV, RELU, POOL)]),
        (NARROW, [CONV, Linear(), POOL], [PlanesConv(CONV, None, POOL)]),
        (NARROW, [CONV, RELU], [PlanesConv(CONV, RELU)]),
        (WIDE, [CONV, RELU, POOL], [WinogradConv(CONV, RELU, POOL)]),
        (WIDE, [CONV, RELU], [WinogradConv(CONV, RELU)]),
        (WIDE, [CONV], [WinogradConv(CONV)]),
        (WIDE, [CONV, Tanh(), POOL], [WinogradConv(CONV), Tanh(), POOL]),
        (WIDE, [CONV, RELU, POOL, POOL], [WinogradConv(CONV, RELU, POOL), POOL]),
        (
            WIDE,
            [CONV, RELU, CONV, RELU, POOL],
            [WinogradConv(CONV, RELU), WinogradConv(CONV, RELU, POOL)],
        ),
        (
            WIDE,
            [CONV, RELU, AveragePooling2D()],
            [WinogradConv(CONV, RELU), AveragePooling2D()],
        ),
        (
            WIDE,
            [CONV, RELU, MaxPooling2D((3, 3), (2, 2))],
            [WinogradConv(CONV, RELU), MaxPooling2D((3, 3), (2, 2))],
        ),
        (
            WIDE,
            [CONV, MaxPooling2D((2, 2), (1, 1))],
            [WinogradConv(CONV), MaxPooling2D((2, 2), (1, 1))],
        ),
        # `same` pads 13 pixels and leaves 12 alone.
        (
            (15, 15, 16),
            [CONV, MaxPooling2D(padding="same")],
            [WinogradConv(CONV), MaxPooling2D(padding="same")],
        ),
        (
            WIDE,
            [CONV, MaxPooling2D(padding="same")],
            [WinogradConv(CONV, None, MaxPooling2D(padding="same"))],
        ),
        ((8,), [Dense(4), RELU], [FusedDense(Dense(4), None, RELU)]),
        ((2, 4), [Flatten(), Dense(4), RELU], [FusedDense(Dense(4), Flatten(), RELU)]),
        ((2, 4), [Flatten(), Dense(4)], [FusedDense(Dense(4), Flatten())]),
        ((8,), [Dense(4), Linear()], [FusedDense(Dense(4))]),
        (
            (2, 4),
            [Flatten(), Dropout(0.5), Dense(4), RELU],
            [Flatten(), Dropout(0.5), FusedDense(Dense(4), None, RELU)],
        ),
        ((8,), [Dense(4), Tanh(), Dense(3)], [FusedDense(Dense(4)), Tanh(), FusedDense(Dense(3))]),
    ],
    ids=str,
)
def test_what_can_be_fused_is(in_shape: Shape, layers: list[Layer], wanted: list[Layer]) -> None:
    assert fused_layers(in_shape, *layers) == wanted


@pytest.mark.parametrize(
    ("in_shape", "layers"),
    [
        (NARROW, [Conv2D(16, (3, 3), (2, 2)), RELU, POOL]),
        (NARROW, [Conv2D(16, (3, 3), dilation_rate=(2, 1)), RELU, POOL]),
        (NARROW, [CONV, Tanh(), POOL]),
        ((14, 14, 32), [Conv2D(16, (5, 5)), RELU, POOL]),
        ((8,), [Tanh(), Dropout(0.5)]),
        ((2, 4), [Flatten(), Reshape((4, 2)), Flatten()]),
        ((2, 4), [Dropout(0.5), RELU, Linear()]),
    ],
    ids=str,
)
def test_a_chain_with_nothing_to_fuse_comes_back_as_it_is(
    in_shape: Shape, layers: list[Layer]
) -> None:
    nodes = chain(in_shape, *layers)
    assert fuse(nodes) == nodes


CNN = chain(
    (12, 13, 1),
    Conv2D(8, (3, 3)),
    RELU,
    Conv2D(8, (3, 3), padding="same"),
    RELU,
    POOL,
    Dropout(0.3),
    Conv2D(8, (3, 3)),
    POOL,
    RELU,
    Flatten(),
    Dropout(0.3),
    Dense(16),
    RELU,
    Dense(3),
)


def test_names_shapes_and_the_place_of_every_parameter_stay() -> None:
    fused, plain = Model(fuse(CNN)), Model(CNN)
    assert len(fused.nodes) == 8
    assert fused.nodes[0].in_shapes == plain.nodes[0].in_shapes
    assert fused.out_shape == plain.out_shape
    for before, after in zip(fused.nodes[:-1], fused.nodes[1:], strict=True):
        assert before.out_shape == after.in_shape
    assert fused.layout.places == plain.layout.places
    np.testing.assert_array_equal(fused.layout.initial(7), plain.layout.initial(7))
    assert fused.flops == pytest.approx(plain.flops, rel=1e-3)  # relu is counted before the pool


def one_step(nodes: tuple[Node, ...], x: Array, dy: Array) -> Results:
    """The outputs and the flat gradient of one pass with dropout."""
    model = Model(nodes)
    theta, gradient = model.layout.initial(3), np.full(model.layout.trained, np.nan, np.float32)
    passing = Pass(model, model.layout.views(theta), Moment(seed=3, training=True, step=5, shard=1))
    y = passing.forward(x).copy()
    passing.backward(dy, model.layout.views(gradient))
    return {"y": y, "gradient": gradient}


def test_a_fused_network_learns_what_the_plain_one_does() -> None:
    draw = np.random.default_rng(0)
    x = draw.normal(size=(6, 12, 13, 1)).astype(np.float32)
    dy = draw.normal(size=(6, 3)).astype(np.float32)
    assert_close(one_step(fuse(CNN), x, dy), one_step(CNN, x, dy), 3e-6)


def test_what_is_chosen_does_not_depend_on_the_number_of_rows_or_on_the_names() -> None:
    called = {node.name: f"another_{index}" for index, node in enumerate(CNN)}
    renamed = tuple(
        replace(node, name=called[node.name], inputs=tuple(called.get(n, n) for n in node.inputs))
        for node in CNN
    )
    assert [node.layer for node in fuse(renamed)] == [node.layer for node in fuse(CNN)]
