"""Batch normalizations that are folded into the layers before them answer as they did."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given

from dlcli.engine.context import Moment
from dlcli.engine.folding import Inference, fold
from dlcli.engine.fusion import fuse
from dlcli.engine.graph import Link, connect
from dlcli.engine.inference import predict
from dlcli.engine.layer import Array
from dlcli.engine.layers import LAYERS, BatchNormalization, Conv2D, Dense, Dropout, Flatten
from dlcli.engine.layers.activations import Relu
from dlcli.engine.losses import MeanSquaredError
from dlcli.engine.merges import Add
from dlcli.engine.model import Model, Pass
from tests.engine.cases import CASES, Case
from tests.engine.test_graph import SHAPES, Drawn, graphs, parameters, rows


def answers(model: Model, theta: Array, xs: list[Array]) -> Array:
    passing = Pass(model, model.layout.views(theta), Moment(training=False))
    return passing.forward(*xs).copy()


@given(graphs())
def test_a_folded_graph_answers_as_the_plain_one(drawn: Drawn) -> None:
    plain = Model(connect(drawn.links, SHAPES))
    theta, xs = parameters(plain), rows(plain, SHAPES)
    inference = Inference(plain, theta)
    inference.refresh()
    found = answers(inference.model, inference.theta, xs)
    np.testing.assert_allclose(found, answers(plain, theta, xs), rtol=1e-7, atol=1e-7)
    assert inference.model.inputs == plain.inputs


@pytest.mark.parametrize("center", [True, False])
@pytest.mark.parametrize("scale", [True, False])
@pytest.mark.parametrize("use_bias", [True, False])
@pytest.mark.parametrize("kind", ["conv", "dense"])
def test_every_kind_of_normalization(kind: str, use_bias: bool, scale: bool, center: bool) -> None:
    first = (
        Conv2D(16, (3, 3), padding="same", use_bias=use_bias)
        if kind == "conv"
        else Dense(16, use_bias=use_bias)
    )
    links = [
        Link("first", first),
        Link("norm", BatchNormalization(scale=scale, center=center)),
        Link("relu", Relu()),
        Link("flat", Flatten()),
        Link("last", Dense(3)),
    ]
    nodes = connect(links, (6, 6, 9))
    model = Model(fuse(nodes), plain=nodes)
    theta = parameters(model).astype(np.float32)
    inference = Inference(model, theta)
    inference.refresh()
    assert [node.name for node in inference.model.nodes] == ["norm", "last"]  # and fused
    x = np.random.default_rng(5).normal(size=(7, 6, 6, 9)).astype(np.float32)
    wanted = answers(model, theta, [x])
    found = predict(model, MeanSquaredError(), theta, x)
    np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=2e-5)


def test_by_hand() -> None:
    nodes = connect([Link("d", Dense(1)), Link("n", BatchNormalization(epsilon=1.0))], (1,))
    model = Model(nodes)
    theta = np.zeros(model.layout.size)
    arrays = model.layout.named(theta)
    for name, value in {
        "d.kernel": 3.0, "d.bias": 5.0, "n.gamma": 4.0, "n.beta": 7.0,
        "n.moving_mean": 2.0, "n.moving_variance": 3.0,
    }.items():  # fmt: skip
        arrays[name][...] = value
    inference = Inference(model, theta)
    inference.refresh()
    folded = inference.model.layout.named(inference.theta)
    assert {name: float(array.item()) for name, array in folded.items()} == {
        "n.kernel": 6.0,  # 3 * 4 / sqrt(3 + 1)
        "n.bias": 13.0,  # (5 - 2) * 2 + 7
    }
    arrays["n.beta"][...] = 8.0
    inference.refresh()
    assert folded["n.bias"].item() == 14.0


def test_what_somebody_else_reads_and_what_is_not_affine_stays() -> None:
    links = [
        Link("conv", Conv2D(2, (1, 1))),
        Link("norm", BatchNormalization()),
        Link("sum", Add(), ("conv", "norm")),
        Link("relu", Relu()),
        Link("after", BatchNormalization()),
        Link("dropout", Dropout(0.5)),
        Link("again", BatchNormalization()),
        Link("twice", BatchNormalization()),
    ]
    nodes = connect(links, (4, 4, 2))
    assert fold(nodes) == (nodes, ())


def test_of_two_normalizations_in_a_row_the_first_is_folded() -> None:
    links = [Link("d", Dense(3)), Link("a", BatchNormalization()), Link("b", BatchNormalization())]
    model = Model(connect(links, (4,)))
    theta = parameters(model)
    inference = Inference(model, theta)
    inference.refresh()
    assert [node.name for node in inference.model.nodes] == ["a", "b"]
    x = np.random.default_rng(5).normal(size=(2, 4))
    np.testing.assert_allclose(
        answers(inference.model, inference.theta, [x]), answers(model, theta, [x]), rtol=1e-12
    )


def test_a_model_without_normalizations_is_used_as_it_is() -> None:
    model = Model(connect([Link("d", Dense(3))], (4,)))
    theta = parameters(model)
    inference = Inference(model, theta)
    assert inference.model is model
    assert inference.theta is theta


@pytest.mark.parametrize("case", [case for case in CASES if case.layer.affine], ids=str)
def test_an_affine_layer_can_be_scaled_and_given_a_bias(case: Case) -> None:
    layer: Any = replace(case.layer, use_bias=True)  # type: ignore[type-var]
    case = replace(case, layer=layer)
    x, p, ctx = case.x(), case.parameters(), case.context(False)
    features = case.layer.out_shape(case.in_shape)[-1]
    assert p["bias"].shape == (features,)
    factor = np.random.default_rng(4).normal(size=features)
    scaled = {**layer.scaled(p, factor), "bias": p["bias"] * factor}
    assert scaled.keys() == p.keys()
    wanted = layer.forward(p, x, ctx)[0] * factor
    np.testing.assert_allclose(layer.forward(scaled, x, ctx)[0], wanted, rtol=1e-11, atol=1e-12)


def test_every_affine_layer_is_among_the_cases() -> None:
    affine = {kind for kind in LAYERS.values() if kind.affine}
    assert affine == {type(case.layer) for case in CASES if case.layer.affine}
    assert Conv2D in affine
