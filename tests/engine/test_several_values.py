"""A network that reads several values of a row: trained, evaluated, asked, and told what broke."""

from dataclasses import replace

import numpy as np
import pytest

from dlcli.engine.batch import Batch
from dlcli.engine.context import Context
from dlcli.engine.evaluation import Evaluator, Forward
from dlcli.engine.graph import Link, connect
from dlcli.engine.inference import predict
from dlcli.engine.layer import Array
from dlcli.engine.layers import BatchNormalization, Dense, Flatten
from dlcli.engine.layers.activations import Tanh
from dlcli.engine.losses import MeanSquaredError
from dlcli.engine.merges import Concatenate
from dlcli.engine.metrics import MetricSet
from dlcli.engine.model import Model
from dlcli.engine.optimizers import SGD
from dlcli.engine.team import Alone, Threads
from dlcli.engine.training import Diverged, Recipe, Training
from dlcli.randomness import Stream

SHAPES = {"image": (2, 3, 1), "facts": (4,)}
NODES = connect(
    [
        Link("known", Dense(3), ("facts",)),
        Link("flat", Flatten(), ("image",)),
        Link("seen", Dense(2)),
        Link("both", Concatenate(), ("known", "seen", "facts")),
        Link("bent", Tanh()),
        Link("last", Dense(1)),
    ],
    SHAPES,
)
MODEL = Model(NODES)
RECIPE = Recipe(
    model=MODEL,
    loss=MeanSquaredError(),
    optimizer=SGD(),
    metrics=MetricSet(["mean_absolute_error"], "regression", 1),
    seed=3,
    epochs=2,
    batch_size=10,
    shard_size=3,
)


class Pairs:
    """Examples of two values, in the order in which the model takes them."""

    def __init__(self, count: int) -> None:
        self.facts = Stream(1, "facts").normal(count * 4).reshape(count, 4)
        self.images = Stream(1, "images").normal(count * 6).reshape(count, 2, 3, 1)
        self.t = (self.facts[:, 0] * self.images[:, 0, 0, 0]).astype(np.float64)

    def __len__(self) -> int:
        return len(self.t)

    def fetch(self, positions: Array, ctx: Context, epoch: int | None = None, /) -> Batch:
        return Batch([self.facts[positions], self.images[positions]], self.t[positions])


def by_hand(theta: Array, facts: Array, images: Array) -> Array:
    """The same network, written out."""
    p = MODEL.layout.named(theta)
    known = facts @ p["known.kernel"] + p["known.bias"]
    seen = images.reshape(len(images), -1) @ p["seen.kernel"] + p["seen.bias"]
    bent = np.tanh(np.concatenate([known, seen, facts], axis=1))
    return np.asarray(bent @ p["last.kernel"] + p["last.bias"])


def test_a_model_takes_its_values_in_the_order_in_which_they_are_read() -> None:
    assert MODEL.inputs == ("facts", "image")


def test_answers_are_those_of_the_network_written_out_and_know_no_neighbours() -> None:
    rows, theta = Pairs(11), MODEL.layout.initial(1)
    xs = (rows.facts, rows.images)
    together = predict(MODEL, RECIPE.loss, theta, xs)
    np.testing.assert_allclose(together, by_hand(theta, *xs), atol=1e-6)
    for index in (0, 7, 8, 10):
        alone = predict(MODEL, RECIPE.loss, theta, [x[index : index + 1] for x in xs])
        assert alone[0].tobytes() == together[index].tobytes()
    forward = Forward(MODEL, theta, 8)
    full = np.array(forward(*(x[:8] for x in xs)))
    assert np.array(forward(*(x[:3] for x in xs))).tobytes() == full[:3].tobytes()


def test_workers_change_no_bits_and_training_learns() -> None:
    found = []
    for workers in (1, 2, 3):
        training = Training(replace(RECIPE, epochs=5), {"train": Pairs(41), "validation": Pairs(9)})
        phases = training.phases
        with Alone(phases) if workers == 1 else Threads(phases, workers) as team:
            logs = [report.logs for report in training.fit(team) if hasattr(report, "logs")]
        assert logs[-1]["loss"] < logs[0]["loss"]
        found.append((training.theta.tobytes(), logs))
    assert found[1:] == found[:1] * 2


def test_evaluation_adds_up_what_the_network_answers() -> None:
    rows, theta = Pairs(23), MODEL.layout.initial(1)
    evaluation = Evaluator(MODEL, RECIPE.loss, RECIPE.metrics, theta, {"test": rows}, 5)
    with Alone(evaluation.phases) as team:
        found = evaluation.run(team, "test")
    errors = by_hand(theta, rows.facts, rows.images)[:, 0] - rows.t
    assert found["loss"] == pytest.approx((errors**2).mean(), rel=1e-5)
    assert found["mean_absolute_error"] == pytest.approx(np.abs(errors).mean(), rel=1e-5)


def test_a_loss_that_is_not_finite_names_the_layer_that_broke() -> None:
    rows = Pairs(20)
    rows.images[:] = np.inf
    training = Training(RECIPE, {"train": rows})
    with (
        np.errstate(all="ignore"),
        Alone(training.phases) as team,
        pytest.raises(Diverged, match="layer flat puts out NaN or Inf values"),
    ):
        list(training.fit(team))


def test_a_folded_normalization_leaves_the_values_in_their_places() -> None:
    """The dense layer that takes over the normalization moves behind the one that reads b."""
    nodes = connect(
        [
            Link("first", Dense(3), ("a",)),
            Link("second", Dense(3), ("b",)),
            Link("norm", BatchNormalization(), ("first",)),
            Link("both", Concatenate(), ("norm", "second")),
        ],
        {"a": (4,), "b": (4,)},
    )
    model = Model(nodes)
    theta = model.layout.initial(2)
    a, b = np.array(Stream(1, "ab").normal(80).reshape(2, 10, 4))
    p = model.layout.named(theta)
    first = (a @ p["first.kernel"]) / np.sqrt(1.0 + 1e-3)
    expected = np.concatenate([first, b @ p["second.kernel"]], axis=1)
    found = predict(model, MeanSquaredError(), theta, (a, b))
    np.testing.assert_allclose(found, expected, atol=1e-5)
    swapped = predict(model, MeanSquaredError(), theta, (b, a))
    assert np.abs(swapped - expected).max() > 0.1
