"""Regularizers: the penalty on an array, its gradient, and what a training makes of both."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from dlcli.engine.context import Context, Moment
from dlcli.engine.evaluation import Evaluator
from dlcli.engine.fusion import fuse
from dlcli.engine.gradients import Gradients
from dlcli.engine.graph import connect
from dlcli.engine.initializers import Constant, Zeros
from dlcli.engine.layer import Array, Layer
from dlcli.engine.layers import BatchNormalization, Conv2D, Dense, Flatten, LayerNormalization
from dlcli.engine.layers.activations import Relu, Tanh
from dlcli.engine.losses import SparseCategoricalCrossentropy
from dlcli.engine.model import Model, Pass
from dlcli.engine.optimizers import SGD, AdamW, Optimizer
from dlcli.engine.penalties import Penalty, PenaltyGradients
from dlcli.engine.regularizers import BLOCK, L1, L1L2, L2, REGULARIZERS, Regularizer
from dlcli.engine.team import Alone
from dlcli.engine.training import Diverged, Training
from tests.engine.portability import Used, refused, tracked
from tests.engine.test_training import Rows, images, recipe, trained

EVERY: list[Regularizer] = [L1(), L1(0.3), L2(), L2(0.2), L1L2(), L1L2(0.3, 0.2), L1L2(l2=0.5)]
every_regularizer = pytest.mark.parametrize("regularizer", EVERY, ids=str)


def penalty(regularizer: Regularizer, w: Array) -> float:
    return regularizer.penalty(w, np.empty((2, BLOCK)))


def gradient(regularizer: Regularizer, w: Array) -> Array:
    g = np.zeros_like(w)
    regularizer.add_gradient(w, g, np.empty_like(w))
    return g


def test_every_word_is_tried() -> None:
    assert {type(regularizer) for regularizer in EVERY} == set(REGULARIZERS.values())


@pytest.mark.parametrize(
    ("regularizer", "wanted", "slopes"),
    [
        (L1(0.5), 0.5 * 3.5, [0.5, -0.5, 0.0, 0.5]),
        (L2(0.1), 0.1 * 5.25, [0.2, -0.4, 0.0, 0.1]),
        (L1L2(0.5, 0.1), 1.75 + 0.525, [0.7, -0.9, 0.0, 0.6]),
        (L1L2(), 0.0, [0.0] * 4),
    ],
    ids=str,
)
def test_by_hand(regularizer: Regularizer, wanted: float, slopes: list[float]) -> None:
    w = np.array([1.0, -2.0, 0.0, 0.5])
    assert penalty(regularizer, w) == pytest.approx(wanted, rel=1e-15)
    np.testing.assert_allclose(gradient(regularizer, w), slopes, rtol=1e-15)


@every_regularizer
def test_the_gradient_is_that_of_the_penalty(regularizer: Regularizer) -> None:
    w = np.random.default_rng(0).normal(size=30)
    found = gradient(regularizer, w)
    for place in range(len(w)):
        step = np.zeros_like(w)
        step[place] = 1e-6
        ends = penalty(regularizer, w + step) - penalty(regularizer, w - step)
        assert ends / 2e-6 == pytest.approx(found[place], rel=1e-6, abs=1e-8)


@every_regularizer
def test_a_gradient_is_added_to_what_is_there_and_w_is_left_alone(regularizer: Regularizer) -> None:
    w = np.random.default_rng(0).normal(size=9).astype(np.float32)
    w.flags.writeable = False
    g = np.ones_like(w)
    regularizer.add_gradient(w, g, np.empty_like(w))
    np.testing.assert_allclose(g, 1 + gradient(regularizer, w), rtol=1e-6)


@pytest.mark.parametrize("count", [1, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK + 7])
def test_numbers_are_added_in_lanes_and_lanes_in_their_order(count: int) -> None:
    w = np.random.default_rng(1).normal(size=count).astype(np.float32)
    lanes = [[0.0, 0.0] for _ in range(min(count, BLOCK))]
    for place, number in enumerate(w.tolist()):
        lanes[place % BLOCK][0] += abs(number)
        lanes[place % BLOCK][1] += number * number
    absolute = squared = 0.0
    for one, two in lanes:
        absolute, squared = absolute + one, squared + two
    assert penalty(L1(0.3), w) == 0.3 * absolute
    assert penalty(L2(0.2), w) == 0.2 * squared
    assert penalty(L1L2(0.3, 0.2), w) == 0.3 * absolute + 0.2 * squared


@every_regularizer
def test_only_operations_with_the_same_bits_everywhere_are_used(regularizer: Regularizer) -> None:
    used: Used = set()
    w, g, work = (tracked(np.ones(5, np.float32), used) for _ in range(3))
    regularizer.add_gradient(w, g, work)
    regularizer.penalty(w, tracked(np.empty((2, BLOCK)), used))
    assert used and not refused(used)


# A whole training loss.


def whole() -> Model:
    """Every kind of array that can have a penalty, some without one."""
    layers: list[tuple[str, Layer]] = [
        ("conv", Conv2D(2, (3, 3), kernel_regularizer=L2(0.3), bias_regularizer=L1(0.1))),
        ("norm", LayerNormalization(gamma_regularizer=L1L2(0.1, 0.2), beta_regularizer=L2(0.2))),
        ("tanh", Tanh()),
        ("flat", Flatten()),
        ("first", Dense(4, bias_regularizer=L2(1.0))),
        ("bend", Tanh()),
        ("last", Dense(2, kernel_regularizer=L1(0.2))),
    ]
    return Model(connect(layers, (5, 5, 1)), lambda name: name[1] == "kernel")


def test_the_gradient_of_the_whole_loss_matches_central_differences() -> None:
    model, draw = whole(), np.random.default_rng(2)
    theta = draw.normal(size=model.layout.size)
    x, t = draw.normal(size=(6, 5, 5, 1)), draw.integers(0, 2, 6)
    passing = Pass(model, model.layout.views(theta), Moment(training=True))
    loss, penalties = SparseCategoricalCrossentropy(), Penalty.of(model.layout, theta)
    assert penalties is not None

    def value() -> float:
        return loss.judge(passing.forward(x), t, 1 / 6, Context())[0] + penalties()

    gradients = Gradients(model, 6, 6, np.float64)
    parts = [(piece.start, piece.stop) for piece in gradients.pieces]
    added = PenaltyGradients.of(model.layout, parts)
    assert added is not None
    passing.backward(loss.judge(passing.forward(x), t, 1 / 6, Context())[1], gradients.shard(0))
    found = np.zeros(model.layout.trained)
    for number, piece in enumerate(gradients.pieces):
        inside = slice(piece.start, piece.stop)
        gradients.assign(piece, 6, found[inside])
        added.add(number, theta[inside], found[inside], np.empty(piece.stop - piece.start))
    for place in range(len(found)):
        before, ends = theta[place], []
        for sign in (-1e-6, 1e-6):
            theta[place] = before + sign
            ends.append(value())
        theta[place] = before
        assert (ends[1] - ends[0]) / 2e-6 == pytest.approx(found[place], rel=1e-6, abs=1e-8)


@pytest.mark.parametrize("step", [1, 3, 7, 1000])
def test_how_the_vector_is_cut_changes_no_bit(step: int) -> None:
    layout = whole().layout
    theta = np.random.default_rng(0).normal(size=layout.size).astype(np.float32)
    found = []
    for size in (step, layout.trained):
        starts = range(0, layout.trained, size)
        cuts = [(start, min(start + size, layout.trained)) for start in starts]
        added = PenaltyGradients(layout, cuts)
        g = np.ones(layout.trained, np.float32)
        for number, (start, stop) in enumerate(cuts):
            added.add(number, theta[start:stop], g[start:stop], np.empty_like(g[start:stop]))
        found.append(g.tobytes())
    assert found[0] == found[1]


def test_nothing_is_there_where_no_array_has_a_regularizer() -> None:
    layout = recipe().model.layout
    assert Penalty.of(layout, np.zeros(layout.size)) is None
    assert PenaltyGradients.of(layout, [(0, layout.trained)]) is None


def nothing_else(optimizer: Optimizer, **options: Any) -> tuple[Array, Array]:
    """Kernels before and after two batches whose rows are zeros: only penalties move them."""
    start = {"kernel_initializer": Constant(0.5)}
    layers: list[tuple[str, Layer]] = [
        ("flat", Flatten()),
        ("first", Dense(2, **start, **options)),  # type: ignore[arg-type]
        ("last", Dense(2, **start, use_bias=False)),  # type: ignore[arg-type]
    ]
    made = recipe(
        model=Model(connect(layers, (8, 8, 1))), optimizer=optimizer, batch_size=4, epochs=1
    )
    rows = images(8)
    training = Training(made, {"train": Rows(np.zeros_like(rows.x), rows.t)})
    before = training.theta.copy()
    with Alone(training.phases) as team:
        for _ in training.fit(team):
            pass
    found = (made.model.layout.views(flat)["first"]["kernel"] for flat in (before, training.theta))
    before, after = found
    return before, after


@pytest.mark.parametrize(
    ("options", "optimizer", "wanted"),
    [
        ({}, SGD(0.1), 0.5),
        ({"kernel_regularizer": L2(0.25)}, SGD(0.1), 0.5 * 0.95**2),
        ({"kernel_regularizer": L1(0.25)}, SGD(0.1), 0.5 - 2 * 0.025),
        ({"kernel_regularizer": L1L2(0.25, 0.25)}, SGD(0.1), (0.5 * 0.95 - 0.025) * 0.95 - 0.025),
        # The mean over two batches makes one step.
        ({"kernel_regularizer": L2(0.25)}, SGD(0.1, gradient_accumulation_steps=2), 0.5 * 0.95),
        # 128 numbers of 0.25 have the norm 0.25 sqrt(128), which becomes 0.1.
        ({"kernel_regularizer": L1(0.25)}, SGD(0.1, clipnorm=0.1), 0.5 - 2 * 0.01 / 128**0.5),
        ({"kernel_regularizer": L1(0.25)}, SGD(0.1, clipvalue=0.2), 0.5 - 2 * 0.02),
        # The gradient is that of the parameters before they decay.
        ({"kernel_regularizer": L2(0.25)}, SGD(1.0, weight_decay=0.1), 0.5 * (0.9 - 0.5) ** 2),
    ],
    ids=str,
)
def test_updates_by_hand(options: dict[str, Any], optimizer: Optimizer, wanted: float) -> None:
    before, after = nothing_else(optimizer, **options)
    assert (before == 0.5).all()
    np.testing.assert_allclose(after, wanted, rtol=1e-6)


def regularized(change: Callable[[Layer], Layer] = lambda layer: layer) -> Model:
    """A factored kernel and others, all with penalties."""
    layers: list[tuple[str, Layer]] = [
        ("conv", Conv2D(4, (3, 3), kernel_regularizer=L2(1e-3), bias_regularizer=L1(1e-3))),
        ("relu", Relu()),
        ("norm", BatchNormalization(gamma_regularizer=L2(1e-2))),
        ("flat", Flatten()),
        ("wide", Dense(600, kernel_regularizer=L1L2(1e-5, 1e-4))),
        ("tanh", Tanh()),
        ("last", Dense(2, kernel_regularizer=L2(0.01))),
    ]
    chain = connect([(name, change(layer)) for name, layer in layers], (8, 8, 1))
    return Model(fuse(chain), lambda name: name[1] != "bias")


def without(layer: Layer) -> Layer:
    fields = [name for name in vars(layer) if name.endswith("_regularizer")]
    return replace(layer, **dict.fromkeys(fields))  # type: ignore[type-var]


@pytest.mark.parametrize(
    "wishes", [{}, {"global_clipnorm": 0.5}, {"gradient_accumulation_steps": 2}], ids=str
)
def test_the_number_of_workers_changes_no_bit(wishes: dict[str, Any]) -> None:
    made = recipe(model=regularized(), optimizer=AdamW(0.01, weight_decay=0.1, **wishes))
    one, epochs, _ = trained(made)
    other, other_epochs, _ = trained(made, 2)
    assert one.theta.tobytes() == other.theta.tobytes()
    assert epochs == other_epochs
    plain, _, _ = trained(replace(made, model=regularized(without)))
    assert (plain.theta != one.theta).any()


def test_losses_that_are_reported_have_the_penalties_of_their_moment() -> None:
    found = []
    for model in (regularized(), regularized(without)):
        made = recipe(model=model, optimizer=SGD(1e-30), epochs=1)  # nothing moves
        training, epochs, steps = trained(made)
        layout = regularized().layout
        penalties = Penalty.of(layout, training.theta)
        assert penalties is not None
        rows = images(30, "v")
        evaluation = Evaluator(
            made.model, made.loss, made.metrics, training.theta, {"test": rows}, 8
        )
        with Alone(evaluation.phases) as team:
            evaluated = evaluation.run(team, "test")["loss"]
        assert evaluated == epochs[0].logs["val_loss"]
        found.append((steps[0].loss, epochs[0].logs["loss"], evaluated, penalties()))
    (step, epoch, evaluated, added), (plain_step, plain_epoch, plain_evaluated, same) = found
    assert added == same and added > 0.01
    assert evaluated == plain_evaluated + added
    assert step == pytest.approx(plain_step + added, rel=1e-14)
    assert epoch == pytest.approx(plain_epoch + added, rel=1e-14)


def test_penalties_that_make_the_parameters_infinite_are_told() -> None:
    start = {"kernel_initializer": Constant(1.0), "bias_initializer": Zeros()}
    layer = Dense(2, **start, kernel_regularizer=L2(1e6))  # type: ignore[arg-type]
    model = Model(connect([("flat", Flatten()), ("dense", layer)], (8, 8, 1)))
    training = Training(recipe(model=model, optimizer=SGD(100.0)), {"train": images(200)})
    with (
        np.errstate(all="ignore"),
        Alone(training.phases) as team,
        pytest.raises(Diverged, match=r"parameter dense\.kernel has NaN or Inf values"),
    ):
        for _ in training.fit(team):
            pass
