"""A loss that is not finite: at which step, and which array broke first."""

from typing import Any

import numpy as np
import pytest

from dlcli.engine.graph import connect
from dlcli.engine.layers import Dense
from dlcli.engine.losses import MeanSquaredError
from dlcli.engine.metrics import MetricSet
from dlcli.engine.model import Model
from dlcli.engine.optimizers import OPTIMIZERS, SGD, Adagrad, Optimizer
from dlcli.engine.team import Alone
from dlcli.engine.training import Diverged, EpochReport, Recipe, Report, Training
from tests.engine.test_training import Rows

FLOAT32 = np.float32


def training(
    x: Any, t: Any, validation: Rows | None = None, optimizer: Any = None, **changes: Any
) -> Training:
    """Two dense layers of one unit each on rows of one number: y = c (a x + b) + d."""
    options: dict[str, Any] = {"epochs": 3, "batch_size": 2, "shard_size": 1, "shuffle": False}
    recipe = Recipe(
        model=Model(connect([("first", Dense(1)), ("last", Dense(1))], (1,))),
        loss=MeanSquaredError(),
        optimizer=optimizer or SGD(learning_rate=0.0),
        metrics=MetricSet([], "regression", 1),
        seed=1,
        **(options | changes),
    )
    rows = Rows(np.array(x, FLOAT32).reshape(-1, 1), np.array(t, FLOAT32).reshape(-1, 1))
    parts = {"train": rows} | ({"validation": validation} if validation else {})
    made = Training(recipe, parts)
    weights(made, first=1.0, last=1.0)
    return made


def weights(made: Training, **kernels: float) -> None:
    """Set kernels by the name of their layer; biases become 0."""
    for name, array in made.recipe.model.layout.named(made.theta).items():
        layer, _, kind = name.partition(".")
        array[...] = 0.0 if kind == "bias" else kernels.get(layer, array)


def diverged(made: Training) -> tuple[int, str, list[Report]]:
    """The step and what broke, and the reports before that."""
    reports: list[Report] = []
    with Alone(made.phases) as crew, pytest.raises(Diverged) as caught:
        reports.extend(made.fit(crew))
    assert str(caught.value) == (
        f"the loss is not finite at step {caught.value.step}: {caught.value.where}"
    )
    return caught.value.step, caught.value.where, reports


@pytest.mark.parametrize("broken", ["first.kernel", "first.bias", "last.kernel", "last.bias"])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_parameter_that_is_broken_is_named(broken: str, value: float) -> None:
    made = training([1, 2, 3, 4], [1, 2, 3, 4])
    made.recipe.model.layout.named(made.theta)[broken][...] = value
    step, where, _ = diverged(made)
    assert (step, where) == (1, f"parameter {broken} has NaN or Inf values")


@pytest.mark.parametrize("layer", ["first", "last"])
def test_the_first_layer_that_overflows_is_named(layer: str) -> None:
    made = training([1, 1, 1, 1, 1e20, 1], [0] * 6)
    weights(made, **{layer: 1e20})
    assert made.batches == 3
    step, where, _ = diverged(made)
    # Rows 1 to 4 give 1e20 and a loss of 1e40, which float64 holds and float32 does not.
    assert step == 1 and where == "the loss overflows although every layer's output is finite"
    made = training([1, 1, 1, 1, 1e25, 1], [0] * 6)
    weights(made, **{layer: 1e15})
    step, where, _ = diverged(made)
    assert (step, where) == (3, f"layer {layer} puts out NaN or Inf values")


@pytest.mark.parametrize("row", [0, 1, 2, 3, 4])
def test_the_step_counts_from_1_and_every_row_is_looked_at(row: int) -> None:
    x = [1.0] * 5
    x[row] = 1e30
    made = training(x, x)
    weights(made, first=1e15)
    step, where, _ = diverged(made)
    assert (step, where) == (row // 2 + 1, "layer first puts out NaN or Inf values")


def test_parameters_that_break_in_the_last_step_of_an_epoch_are_named_at_its_end() -> None:
    made = training([1, 1], [1e10, 1e10], optimizer=SGD(learning_rate=1e38))
    step, where, reports = diverged(made)
    assert step == 1 and where.startswith("parameter first.")
    assert not any(isinstance(report, EpochReport) for report in reports)
    assert made.progress.epoch == 0


def test_only_the_parameter_that_broke_is_named() -> None:
    """The gradient of the last layer's kernel is 0, as its input is; that of its bias is not."""
    made = training([0, 0], [1e10, 1e10], optimizer=SGD(learning_rate=1e38))
    weights(made, first=0.0, last=0.0)
    assert diverged(made)[:2] == (1, "parameter last.bias has NaN or Inf values")


def test_a_validation_part_that_overflows_is_told_apart_from_broken_parameters() -> None:
    far = Rows(np.full((3, 1), 1e30, FLOAT32), np.zeros((3, 1), FLOAT32))
    made = training([1, 1, 1], [1, 1, 1], validation=far)
    step, where, reports = diverged(made)
    assert (step, where) == (2, "the validation loss is not finite")
    assert len(reports) == 2


def test_a_training_without_validation_needs_no_validation_loss() -> None:
    made = training([1, 1, 1], [1, 1, 1])
    with Alone(made.phases) as crew:
        logs = [r.logs for r in made.fit(crew) if isinstance(r, EpochReport)]
    assert logs == [{"loss": 0.0}] * 3


def test_the_vectors_of_an_optimizer_begin_as_it_says() -> None:
    """Adagrad by hand: a <- a + g^2, theta <- theta - rate g / sqrt(a + epsilon)."""
    optimizer = Adagrad(learning_rate=0.5, initial_accumulator_value=0.75)
    made = training([1, 1], [3, 3], optimizer=optimizer, epochs=1)
    (name,) = made.moments
    assert (made.moments[name] == FLOAT32(0.75)).all()
    with Alone(made.phases) as crew:
        list(made.fit(crew))
    gradient = 2.0 * (1.0 - 3.0)  # of (y - t)^2, for each parameter alike: all factors are 1
    accumulator = 0.75 + gradient**2
    np.testing.assert_allclose(made.moments[name], accumulator, rtol=1e-6)
    moved = 0.5 * gradient / np.sqrt(accumulator + optimizer.epsilon)
    named = made.recipe.model.layout.named(made.theta)
    for layer in ("first", "last"):
        np.testing.assert_allclose(named[f"{layer}.kernel"], 1.0 - moved, rtol=1e-6)
        np.testing.assert_allclose(named[f"{layer}.bias"], -moved, rtol=1e-6)


@pytest.mark.parametrize("kind", OPTIMIZERS.values(), ids=OPTIMIZERS.keys())
def test_every_optimizer_has_the_room_that_it_needs(kind: type[Optimizer]) -> None:
    made = training([1, 2, 3, 4], [2, 4, 6, 9], optimizer=kind(learning_rate=0.01))
    before = made.theta.copy()
    with Alone(made.phases) as crew:
        losses = [r.logs["loss"] for r in made.fit(crew) if isinstance(r, EpochReport)]
    assert losses == sorted(losses, reverse=True) and losses[-1] < losses[0]
    assert (made.theta != before).all()
