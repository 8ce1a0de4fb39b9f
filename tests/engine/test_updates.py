"""Updates: gradients that are clipped and accumulated before anything moves."""

import itertools
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from dlcli.engine.graph import connect
from dlcli.engine.layer import Array
from dlcli.engine.layers import Dense, Flatten
from dlcli.engine.layers.activations import Tanh
from dlcli.engine.model import Model
from dlcli.engine.optimizers import SGD, Adam, AdamW, Momentum, Optimizer
from dlcli.engine.schedules import Step
from dlcli.engine.team import Alone
from dlcli.engine.training import Diverged, Recipe, StepReport, Training
from dlcli.engine.updates import ACCUMULATOR
from tests.engine.test_gradients import wide
from tests.engine.test_training import images, recipe, trained

MODEL = Model(
    connect([("f", Flatten()), ("d", Dense(5)), ("t", Tanh()), ("e", Dense(2))], (8, 8, 1))
)

WISHES: list[dict[str, Any]] = [
    {"clipnorm": 0.05},
    {"global_clipnorm": 0.05},
    {"clipvalue": 0.003},
    {"gradient_accumulation_steps": 2},
    {"gradient_accumulation_steps": 3, "global_clipnorm": 0.05},
    {"gradient_accumulation_steps": 3, "clipvalue": 0.003},
]


def moved(made: Recipe, rows: int, steps: int) -> list[Array]:
    """theta before the first step and after each of the next ones."""
    training = Training(replace(made, max_steps=steps), {"train": images(rows)})
    found = [training.theta.copy()]
    with Alone(training.phases) as team:
        for report in training.fit(team):
            if isinstance(report, StepReport):
                found.append(training.theta.copy())
    assert len(found) == steps + 1
    return found


def plain(optimizer: Optimizer, batch_size: int = 8, **changes: object) -> Recipe:
    return recipe(
        model=MODEL,
        optimizer=optimizer,
        batch_size=batch_size,
        shard_size=4,
        shuffle=False,
        **changes,
    )


@pytest.mark.parametrize("wish", WISHES, ids=str)
@pytest.mark.parametrize("workers", [2, 3])
def test_the_number_of_workers_changes_no_bit(wish: dict[str, Any], workers: int) -> None:
    made = recipe(model=wide(), optimizer=AdamW(0.01, weight_decay=0.1, **wish))
    one, epochs, _ = trained(made)
    other, other_epochs, _ = trained(made, workers)
    assert one.theta.tobytes() == other.theta.tobytes()
    assert epochs == other_epochs


@pytest.mark.parametrize("wish", WISHES, ids=str)
def test_every_wish_changes_something(wish: dict[str, Any]) -> None:
    assert (moved(plain(SGD(0.1)), 48, 6)[-1] != moved(plain(SGD(0.1, **wish)), 48, 6)[-1]).any()


def test_a_limit_that_nothing_reaches_changes_no_bit() -> None:
    usual = moved(plain(Adam(0.01)), 48, 6)[-1]
    for name in ("clipnorm", "global_clipnorm", "clipvalue"):
        assert moved(plain(Adam(0.01, **{name: 1e6})), 48, 6)[-1].tobytes() == usual.tobytes()


@pytest.mark.parametrize("optimizer", [SGD, Momentum, Adam])
def test_accumulated_batches_are_one_large_batch(optimizer: type[Optimizer]) -> None:
    small = plain(optimizer(learning_rate=0.05, gradient_accumulation_steps=3))
    large = plain(optimizer(learning_rate=0.05), batch_size=24)
    parts, whole = moved(small, 48, 12), moved(large, 48, 4)
    for step, theta in enumerate(parts):
        wanted = whole[step // 3]
        np.testing.assert_allclose(theta, wanted, rtol=1e-4, atol=2e-6)
        if step % 3:
            assert theta.tobytes() == parts[step - 1].tobytes()


def test_accumulation_goes_on_over_the_end_of_an_epoch() -> None:
    thetas = moved(plain(SGD(0.05, gradient_accumulation_steps=2), epochs=2), 24, 6)
    updated = [not np.array_equal(a, b) for a, b in itertools.pairwise(thetas)]
    assert updated == [False, True, False, True, False, True]


def test_schedules_count_updates() -> None:
    rate = Step(values=(0.0, 0.1), boundaries=(1,), warmup_steps=0)
    thetas = moved(plain(SGD(rate, gradient_accumulation_steps=2)), 48, 6)
    updated = [not np.array_equal(a, b) for a, b in itertools.pairwise(thetas)]
    assert updated == [False, False, False, False, False, True]


def test_the_accumulator_is_empty_behind_an_update() -> None:
    training = Training(plain(SGD(0.05, gradient_accumulation_steps=2)), {"train": images(48)})
    found = []
    with Alone(training.phases) as team:
        for _ in zip(range(4), training.fit(team), strict=False):
            found.append(bool(training.moments[ACCUMULATOR].any()))
    assert found == [True, False, True, False]


def test_values_are_clipped_to_the_limit() -> None:
    before, after = moved(plain(SGD(1.0, clipvalue=0.001)), 48, 1)[:2]
    change = np.abs(after - before)
    assert 0.9e-3 < change.max() <= 1.001e-3


def test_a_norm_is_clipped_to_the_limit() -> None:
    before, after = moved(plain(SGD(1.0, global_clipnorm=0.01)), 48, 1)[:2]
    assert float(np.linalg.norm(after - before)) == pytest.approx(0.01, rel=1e-3)
    before, after = moved(plain(SGD(1.0, clipnorm=0.01)), 48, 1)[:2]
    norms = [np.linalg.norm(array) for array in MODEL.layout.named(after - before).values()]
    assert max(norms) == pytest.approx(0.01, rel=1e-3)


def test_diverging_is_told_where_gradients_are_clipped() -> None:
    training = Training(plain(SGD(1e38, clipnorm=10.0)), {"train": images(48)})
    with Alone(training.phases) as team, pytest.raises(Diverged):
        for _ in training.fit(team):
            pass
