"""Layers that are not trainable: their arrays stay, and what is around them learns as before."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from dlcli.engine.context import Moment
from dlcli.engine.fusion import fuse
from dlcli.engine.gradients import Gradients
from dlcli.engine.graph import DATA, Link, connect
from dlcli.engine.inference import predict
from dlcli.engine.layer import Array
from dlcli.engine.layers import BatchNormalization, Conv2D, Dense, Flatten, LayerNormalization
from dlcli.engine.layers.activations import Relu, Tanh
from dlcli.engine.merges import Add
from dlcli.engine.model import Model, Pass
from dlcli.engine.optimizers import SGD, AdamW
from dlcli.engine.penalties import Penalty
from dlcli.engine.regularizers import L2
from dlcli.engine.team import Alone
from dlcli.engine.training import Recipe, Training
from dlcli.frozen import frozen
from tests.engine.test_training import Rows, images, recipe, trained

LINKS = [
    Link("conv", Conv2D(8, (3, 3), padding="same", kernel_regularizer=L2(0.01))),
    Link("norm", BatchNormalization(momentum=0.5)),
    Link("relu", Relu()),
    Link("deep", Conv2D(8, (3, 3), padding="same")),
    Link("sum", Add(), ("deep", "relu")),
    Link("second", BatchNormalization(momentum=0.5)),
    Link("layer", LayerNormalization()),
    Link("flat", Flatten()),
    Link("wide", Dense(100)),
    Link("tanh", Tanh()),
    Link("last", Dense(2)),
]
NAMES = ("conv", "norm", "deep", "second", "layer", "wide", "last")


def all_but(*names: str) -> list[Link]:
    return [link._replace(trainable=link.name not in names) for link in LINKS]


def model(*names: str, fused: bool = True) -> Model:
    nodes = connect(all_but(*names), (8, 8, 1))
    return Model(fuse(nodes) if fused else nodes, lambda name: name[1] != "bias", nodes)


def with_optimizer(made: Model, **options: Any) -> Recipe:
    optimizer = AdamW(0.01, weight_decay=0.1, global_clipnorm=0.5, **options)
    return recipe(model=made, optimizer=optimizer)


def test_frozen_arrays_lie_behind_the_trained_ones_and_before_the_observed() -> None:
    layout = model("wide", "second").layout
    kinds = [layout.slots[name].kind for name in layout.places]
    assert kinds == sorted(kinds, key=["trained", "frozen", "observed"].index)
    frozen_ones = {name for name, slot in layout.slots.items() if slot.kind == "frozen"}
    assert frozen_ones == {
        ("wide", "kernel"),
        ("wide", "bias"),
        *(("second", slot) for slot in ("gamma", "beta", "moving_mean", "moving_variance")),
    }
    assert all(layout.places[name].start >= layout.trained for name in frozen_ones)


def test_names_and_beginnings_are_those_of_a_model_that_learns() -> None:
    some, whole = model("wide", "norm").layout, model().layout
    found, wanted = some.named(some.initial(3)), whole.named(whole.initial(3))
    assert list(found) == list(wanted)
    for name, array in wanted.items():
        assert found[name].tobytes() == array.tobytes()


@pytest.mark.parametrize(
    "names",
    [(name,) for name in NAMES]
    + [("conv", "norm"), ("norm", "second"), ("deep", "wide", "second"), NAMES[1:]],
    ids=str,
)
@pytest.mark.parametrize("fused", [True, False], ids=["fused", "plain"])
def test_frozen_arrays_stay_and_all_others_move(names: tuple[str, ...], fused: bool) -> None:
    made = with_optimizer(model(*names, fused=fused))
    training, epochs, _ = trained(made)
    layout = made.model.layout
    before, after = layout.named(layout.initial(made.seed)), layout.named(training.theta)
    for name, array in after.items():
        stays = name.split(".")[0] in names
        assert (array.tobytes() == before[name].tobytes()) == stays, name
    assert all(len(vector) == layout.trained for vector in training.moments.values())
    assert {len(layout.named(vector)) for vector in training.moments.values()} == {
        sum(slot.kind == "trained" for slot in layout.slots.values())
    }
    other, other_epochs, _ = trained(made, 2)
    assert other.theta.tobytes() == training.theta.tobytes()
    assert other_epochs == epochs


def gradient(made: Model, theta: dict[str, Array], x: Array, dy: Array) -> dict[str, Array]:
    """The gradient of sum(y dy) by name, in float64, from these arrays."""
    flat = np.zeros(made.layout.size)
    made.layout.fill(flat, theta)
    found = Gradients(made, len(x), len(x), np.float64)
    passing = Pass(made, made.layout.views(flat), Moment(training=True))
    passing.forward(x)
    passing.backward(dy, found.shard(0))
    whole = np.zeros(made.layout.trained)
    for piece in found.pieces:
        found.assign(piece, len(x), whole[piece.start : piece.stop])
    return made.layout.named(whole)


def arrays(made: Model) -> dict[str, Array]:
    draw = np.random.default_rng(4)
    shapes = made.layout.named(np.zeros(made.layout.size))
    return {name: np.abs(draw.normal(size=array.shape)) for name, array in shapes.items()}


@pytest.mark.parametrize("fused", [True, False], ids=["fused", "plain"])
@pytest.mark.parametrize("names", [("deep",), ("layer", "wide"), ("last",), ("conv",)], ids=str)
def test_the_gradients_of_the_others_are_what_they_were(
    names: tuple[str, ...], fused: bool
) -> None:
    some, whole = model(*names, fused=fused), model(fused=fused)
    draw = np.random.default_rng(5)
    x, dy = draw.normal(size=(6, 8, 8, 1)), draw.normal(size=(6, 2))
    found, wanted = (gradient(made, arrays(whole), x, dy) for made in (some, whole))
    assert wanted.keys() - found.keys() == {n for n in wanted if n.split(".")[0] in names}
    for name, array in found.items():
        np.testing.assert_array_equal(array, wanted[name], err_msg=name)


def test_a_frozen_batch_normalization_by_hand() -> None:
    links = [
        Link("first", Dense(1, use_bias=False)),
        Link("norm", BatchNormalization(epsilon=1.0), trainable=False),
    ]
    made = Model(connect(links, (1,)))
    assert made.meetings == ()
    start = {
        "first.kernel": np.array([[2.0]]),
        "norm.gamma": np.array([3.0]),
        "norm.beta": np.array([0.5]),
        "norm.moving_mean": np.array([1.0]),
        "norm.moving_variance": np.array([3.0]),
    }
    flat = np.zeros(made.layout.size)
    made.layout.fill(flat, start)
    passing = Pass(made, made.layout.views(flat), Moment(training=True))
    x = np.array([[1.0], [4.0]])
    # y = 3 (2 x - 1) / sqrt(3 + 1) + 0.5
    np.testing.assert_allclose(passing.forward(x), [[2.0], [11.0]])
    # dkernel = sum of dy 3 / 2 x
    found = gradient(made, start, x, np.array([[1.0], [-0.5]]))
    np.testing.assert_allclose(found["first.kernel"], [[1.5 * (1.0 - 2.0)]])


@pytest.mark.parametrize("fused", [True, False], ids=["fused", "plain"])
def test_through_frozen_layers_gradients_match_central_differences(fused: bool) -> None:
    made = model("norm", "deep", "second", "wide", "layer", fused=fused)
    draw = np.random.default_rng(6)
    x, dy = draw.normal(size=(5, 8, 8, 1)), draw.normal(size=(5, 2))
    start = arrays(made)
    found = gradient(made, start, x, dy)
    assert set(found) == {"conv.kernel", "conv.bias", "last.kernel", "last.bias"}

    def value(changed: dict[str, Array]) -> float:
        flat = np.zeros(made.layout.size)
        made.layout.fill(flat, changed)
        passing = Pass(made, made.layout.views(flat), Moment(training=True))
        return float((passing.forward(x) * dy).sum())

    for name, array in found.items():
        for place in draw.permutation(array.size)[:10]:
            step = np.zeros(array.size)
            step[place] = 1e-6
            moved = step.reshape(array.shape)
            ends = [value(start | {name: start[name] + sign * moved}) for sign in (-1, 1)]
            wanted = (ends[1] - ends[0]) / 2e-6
            assert array.reshape(-1)[place] == pytest.approx(wanted, rel=1e-5, abs=1e-6)


@frozen
class NoWayBack(Dense):
    """Nobody may ask it for a gradient."""

    def backward(self, *_: Any, **__: Any) -> Array | None:
        raise AssertionError


@frozen
class OnlyDx(Dense):
    """Nobody may ask it for a gradient of its own."""

    def backward(self, p: Any, g: Any, *rest: Any, need_dx: bool = True) -> Array | None:
        assert not g and need_dx
        return super().backward(p, g, *rest, need_dx=need_dx)


def test_nothing_is_computed_that_nobody_needs() -> None:
    links = [
        Link("flat", Flatten()),
        Link("first", NoWayBack(4), trainable=False),
        Link("norm", BatchNormalization(), trainable=False),
        Link("second", Dense(4)),
        Link("third", OnlyDx(4), trainable=False),
        Link("last", Dense(2)),
    ]
    made = Model(connect(links, (8, 8, 1)))
    shard = Gradients(made, 20, 8).shard(0)
    assert set(shard) == {"second", "last"}
    trained(recipe(model=made))


def test_what_follows_frozen_layers_learns_as_on_what_they_give() -> None:
    links = [
        Link("first", Dense(5, use_bias=False), (DATA,), trainable=False),
        Link("bend", Tanh()),
        Link("last", Dense(2)),
    ]
    draw = np.random.default_rng(7)
    x, t = draw.normal(size=(40, 6)).astype(np.float32), draw.integers(0, 2, 40)
    whole = recipe(model=Model(connect(links, (6,))), optimizer=SGD(0.1), batch_size=40)
    kernel = whole.model.layout.named(whole.model.layout.initial(3))["first.kernel"]
    bent = np.tanh(x @ kernel)
    behind = replace(whole, model=Model(connect([("last", Dense(2))], (5,))))
    found = []
    for made, rows in ((whole, Rows(x, t)), (behind, Rows(bent, t))):
        training = trained_on(made, rows)
        found.append(made.model.layout.named(training.theta))
    for name in ("last.kernel", "last.bias"):
        np.testing.assert_allclose(found[0][name], found[1][name], rtol=1e-5, atol=1e-7)


def trained_on(made: Recipe, rows: Rows) -> Training:
    training = Training(made, {"train": rows})
    with Alone(training.phases) as team:
        for _ in training.fit(team):
            pass
    return training


def test_norms_are_those_of_what_learns() -> None:
    made = recipe(
        model=model(*NAMES[1:]), optimizer=SGD(1.0, global_clipnorm=0.01), max_steps=1, epochs=1
    )
    training = trained_on(made, images(50))
    change = training.theta - made.model.layout.initial(made.seed)
    assert float(np.linalg.norm(change)) == pytest.approx(0.01, rel=1e-3)


def test_a_frozen_array_has_no_penalty() -> None:
    assert Penalty.of(model().layout, np.zeros(model().layout.size)) is not None
    layout = model("conv").layout
    assert Penalty.of(layout, np.zeros(layout.size)) is None


def test_the_answers_of_a_frozen_model_are_folded_as_those_of_any_other() -> None:
    rows = images(20)
    loss = recipe().loss
    found = []
    for made in (model("conv", "norm", "second"), model()):
        theta = np.zeros(made.layout.size, np.float32)
        made.layout.fill(theta, arrays(made))
        found.append(predict(made, loss, theta, rows.x))
    assert found[0].tobytes() == found[1].tobytes()
