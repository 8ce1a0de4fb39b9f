"""Whole graphs: how they are connected, their gradients, and what fusion makes of them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlcli.engine.context import Moment
from dlcli.engine.fusion import fuse
from dlcli.engine.graph import DATA, GraphError, Link, Node, connect, readers
from dlcli.engine.layer import Array, Layer, Shape
from dlcli.engine.layers import (
    BatchNormalization,
    Conv2D,
    Dense,
    Dropout,
    Embedding,
    GlobalAveragePooling1D,
    GlobalAveragePooling2D,
    GlobalMaxPooling1D,
    GroupNormalization,
    LayerNormalization,
    Masking,
    MaxPooling2D,
)
from dlcli.engine.layers.activations import Linear, Relu, Tanh
from dlcli.engine.merges import Add, Average, Concatenate, Maximum, Multiply, Subtract
from dlcli.engine.model import Model, Pass

IMAGE: Shape = (4, 4, 2)
FACTS: Shape = (3,)
WORDS: Shape = (4,)
SHAPES = {"image": IMAGE, "facts": FACTS, "words": WORDS}
VOCABULARY = 3
KINDS = ("dense", "wide", "tanh", "norm", "batch", "group", "mask", "merge", "merge", "side")


@dataclass
class Drawn:
    """Links that were drawn, and what each value's rows are like."""

    links: list[Link]
    shapes: dict[str, Shape]


@st.composite
def graphs(draw: st.DrawFn) -> Drawn:
    """Graphs of dense layers, activations, normalizations and merges over three values of data, in
    which every value is read in the end; steps of the words may be masked."""
    drawn = Drawn([], dict(SHAPES))

    def add(layer: object, *inputs: str) -> None:
        name = f"node_{len(drawn.links)}"
        link = Link(name, layer, inputs)  # type: ignore[arg-type]
        node = _shapes([*drawn.links, link], SHAPES)[name]
        drawn.links.append(link)
        drawn.shapes[name] = node

    for mask_zero in draw(st.lists(st.booleans(), min_size=1, max_size=2)):
        add(Embedding(VOCABULARY, 2, mask_zero=mask_zero), "words")
    for _ in range(draw(st.integers(1, 8))):
        shapes = {name: shape for name, shape in drawn.shapes.items() if name != "words"}
        name = draw(st.sampled_from(sorted(shapes)))
        shape = shapes[name]
        alike = sorted(other for other, s in shapes.items() if s == shape)
        side = sorted(other for other, s in shapes.items() if s[:-1] == shape[:-1])
        what = draw(st.sampled_from(KINDS))
        others = draw(st.lists(st.sampled_from(alike), min_size=1, max_size=2))
        if what == "dense":
            add(Dense(shape[-1]), name)
        elif what == "wide":
            add(Dense(draw(st.integers(1, 3))), name)
        elif what == "tanh":
            add(Tanh(), name)
        elif what == "norm":
            add(LayerNormalization(epsilon=0.1), name)
        elif what == "batch":
            add(BatchNormalization(epsilon=0.1), name)
        elif what == "group":
            add(GroupNormalization(draw(st.sampled_from([1, -1])), epsilon=0.1), name)
        elif what == "mask":
            add(Masking() if len(shape) == 2 else Tanh(), name)
        elif what == "side":
            add(Concatenate(), name, draw(st.sampled_from(side)))
        else:
            merge = draw(st.sampled_from([Add(), Average(), Maximum(), Multiply(), Subtract()]))
            add(merge, name, *(others[:1] if isinstance(merge, Subtract) else others))
    # What nobody reads yet comes together in one vector for each kind of row.
    while len(loose := _loose(drawn)) > 1:
        for name in loose:
            if len(drawn.shapes[name]) == 3:
                add(GlobalAveragePooling2D(), name)
            if len(drawn.shapes[name]) == 2:
                add(draw(st.sampled_from([GlobalAveragePooling1D(), GlobalMaxPooling1D()])), name)
        loose = _loose(drawn)
        if len(loose) > 1:
            add(Concatenate(), *loose)
    add(Dense(2), *_loose(drawn))
    return drawn


def _shapes(links: Sequence[Link], known: dict[str, Shape]) -> dict[str, Shape]:
    """The shapes of all values, whether they are read or not."""
    shapes = dict(known)
    for link in links:
        inputs = tuple(shapes[name] for name in link.inputs or ())
        if isinstance(link.layer, Layer):
            shapes[link.name] = link.layer.out_shape(inputs[0])
        else:
            shapes[link.name] = link.layer.out_shape(inputs)  # type: ignore[arg-type]
    return shapes


def _loose(drawn: Drawn) -> list[str]:
    read = {name for link in drawn.links for name in link.inputs or ()}
    return [name for name in drawn.shapes if name not in read]


def parameters(model: Model, seed: int = 3) -> Array:
    theta = np.random.default_rng(seed).normal(size=model.layout.size)
    for arrays in model.layout.views(theta).values():
        if "moving_variance" in arrays:
            np.abs(arrays["moving_variance"], out=arrays["moving_variance"])
    return theta


def rows(model: Model, shapes: dict[str, Shape], seed: int = 1) -> list[Array]:
    draw = np.random.default_rng(seed)
    found = {name: draw.normal(size=(2, *shape)) for name, shape in shapes.items()}
    if "words" in shapes:
        found["words"] = draw.integers(0, VOCABULARY, (2, *WORDS)).astype(float)
    return [found[name] for name in model.inputs]


@given(graphs())
def test_gradients_of_whole_graphs_match_central_differences(drawn: Drawn) -> None:
    model = Model(connect(drawn.links, SHAPES))
    theta = parameters(model)
    xs = rows(model, SHAPES)
    gradient = np.full_like(theta, np.nan)
    passing = Pass(model, model.layout.views(theta), Moment(training=True))
    y = passing.forward(*xs)
    dy = np.random.default_rng(2).normal(size=y.shape)
    passing.backward(dy, model.layout.views(gradient))
    trained = slice(0, model.layout.trained)
    assert np.isfinite(gradient[trained]).all()

    def value(moved: Array) -> float:
        other = Pass(model, model.layout.views(moved), Moment(training=True))
        return float(np.sum(other.forward(*xs) * dy))

    draw = np.random.default_rng(4)
    for _ in range(3):
        step = draw.normal(size=theta.shape)
        ends = [value(theta + sign * 1e-6 * step) for sign in (-1, 1)]
        scale = float(np.abs((gradient * step)[trained]).sum())
        assert (ends[1] - ends[0]) / 2e-6 == pytest.approx(
            float(gradient[trained] @ step[trained]), rel=1e-5, abs=1e-6 + 1e-7 * scale
        )


@given(graphs())
def test_a_fused_graph_answers_and_learns_as_the_plain_one(drawn: Drawn) -> None:
    plain = Model(connect(drawn.links, SHAPES))
    fused = Model(fuse(plain.nodes))
    assert fused.layout.places == plain.layout.places
    assert fused.inputs == plain.inputs
    theta = parameters(plain)
    xs = rows(plain, SHAPES)
    found = []
    for model in (plain, fused):
        gradient = np.full_like(theta, np.nan)
        passing = Pass(model, model.layout.views(theta), Moment(training=True))
        y = passing.forward(*xs).copy()
        passing.backward(np.ones_like(y), model.layout.views(gradient))
        found.append((y, gradient))
    np.testing.assert_allclose(found[0][0], found[1][0], rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(found[0][1], found[1][1], rtol=1e-8, atol=1e-8)


def test_a_value_that_three_read_gets_the_sum_in_the_order_of_the_nodes() -> None:
    links = [
        Link("first", Dense(1, use_bias=False), (DATA,)),
        Link("a", Linear(), ("first",)),
        Link("b", Linear(), ("first",)),
        Link("c", Linear(), ("first",)),
        Link("all", Concatenate(), ("a", "b", "c")),
    ]
    model = Model(connect(links, (1,)))
    theta, gradient = np.ones(1, np.float32), np.zeros(1, np.float32)
    passing = Pass(model, model.layout.views(theta), Moment())
    passing.forward(np.ones((1, 1), np.float32))
    parts = np.array([[1.0, 2.0**-24, 2.0**-24]], np.float32)
    passing.backward(parts, model.layout.views(gradient))
    assert gradient[0] == (parts[0, 0] + parts[0, 1]) + parts[0, 2] == 1.0
    passing.backward(parts[:, ::-1].copy(), model.layout.views(gradient))
    assert gradient[0] == (parts[0, 2] + parts[0, 1]) + parts[0, 0] != 1.0


def residual(*layers: object) -> tuple[Node, ...]:
    """conv2d, the layers beside a shortcut, add, relu."""
    conv = Conv2D(16, (3, 3), padding="same")
    links = [Link("conv", conv), *(Link(f"in_{i}", layer) for i, layer in enumerate(layers))]  # type: ignore[arg-type]
    links += [Link("add", Add(), (links[-1].name, "conv")), Link("relu", Relu())]
    return connect(links, (8, 8, 16))


def test_what_is_inside_of_a_block_is_fused_and_what_others_read_stays() -> None:
    conv = Conv2D(16, (3, 3), padding="same")
    fused = fuse(residual(conv, Relu(), conv))
    assert [node.name for node in fused] == ["conv", "in_0", "in_2", "add", "relu"]
    assert fused[3].inputs == ("in_2", "conv")
    # The relu behind the first convolution is read by two, so it cannot become part of it.
    links = [Link("conv", conv), Link("relu", Relu()), Link("more", conv), Link("end", Relu())]
    both = [*links, Link("add", Add(), ("end", "conv"))]
    names = [node.name for node in fuse(connect(both, (8, 8, 16)))]
    assert names == ["conv", "relu", "more", "add"]
    after = [*links, Link("add", Add(), ("end", "relu"))]
    found = fuse(connect(after, (8, 8, 16)))
    assert [node.name for node in found] == ["conv", "more", "add"]
    assert found[-1].inputs == ("more", "conv")


def test_readers_are_listed_in_their_order_and_once_for_each_place() -> None:
    links = [Link("a", Dense(2)), Link("b", Add(), ("a", "a")), Link("c", Add(), ("a", "b"))]
    assert readers(connect(links, (2,))) == {DATA: [0], "a": [1, 1, 2], "b": [2]}


@pytest.mark.parametrize(
    ("links", "index", "words"),
    [
        ([Link("a", Dense(2)), Link("a", Dense(2))], 1, "the name 'a' is given twice"),
        ([Link("a", Dense(2)), Link("b", Dense(2), ("c",))], 1, "no value 'c' before it"),
        ([Link("a", Dense(2), ("b",)), Link("b", Dense(2))], 0, "no value 'b' before it"),
        ([Link("a", Dense(2)), Link("b", Dense(2), (DATA,))], 0, "no later layer reads"),
        ([Link("a", Dense(2)), Link("b", Add(), ("a", DATA))], 1, "(2,) and (5,)"),
        ([Link("a", Dense(2), (DATA, DATA))], 0, "takes one input, not 2"),
        ([Link("a", MaxPooling2D())], 0, "max_pooling2d"),
    ],
)  # fmt: skip
def test_what_cannot_be_connected_is_refused(links: list[Link], index: int, words: str) -> None:
    with pytest.raises(GraphError) as caught:
        connect(links, (5,))
    assert caught.value.index == index
    assert words in str(caught.value)


def test_with_several_values_the_first_layer_must_say_which_one_it_reads() -> None:
    with pytest.raises(GraphError, match="say which is read"):
        connect([Link("a", Dense(2))], {"x": (2,), "z": (3,)})


def test_random_layers_of_two_branches_draw_by_their_own_names() -> None:
    links = [
        Link("one", Dropout(0.5), (DATA,)),
        Link("two", Dropout(0.5), (DATA,)),
        Link("out", Subtract(), ("one", "two")),
    ]
    model = Model(connect(links, (64,)))
    passing = Pass(model, {}, Moment(seed=1, training=True))
    assert (passing.forward(np.ones((1, 64), np.float32)) != 0).any()
