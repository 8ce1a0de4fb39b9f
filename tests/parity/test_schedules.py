"""Every schedule against Keras's, or PyTorch's where Keras has none."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dlcli.engine import schedules
from tests.parity.twins import keras

pytestmark = [pytest.mark.parity, pytest.mark.filterwarnings("default")]

S = keras.optimizers.schedules
RATE = st.floats(0.001, 2)
STEPS = st.integers(1, 50)
LENGTH = 120
drawn = settings(max_examples=30, suppress_health_check=list(HealthCheck))


def one_cycle(one: schedules.OneCycle) -> Callable[[int], float]:
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    other = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, one.peak, total_steps=one.decay_steps, pct_start=one.pct_start,
        div_factor=one.div_factor, final_div_factor=one.final_div_factor, cycle_momentum=False,
    )  # fmt: skip
    rates = []
    for _ in range(one.decay_steps or 0):
        rates.append(other.get_last_lr()[0])
        optimizer.step()
        if len(rates) < (one.decay_steps or 0):
            other.step()
    return lambda step: float(rates[min(step, len(rates) - 1)])


def in_keras(schedule: Any) -> Callable[[int], float]:
    return lambda step: float(schedule(step))


TWINS: dict[str, tuple[Any, Callable[[Any], Callable[[int], float]]]] = {
    "constant": (st.builds(schedules.Constant, peak=RATE), lambda one: lambda step: one.peak),
    "cosine": (
        st.builds(
            schedules.Cosine, peak=RATE, alpha=st.floats(0, 1), decay_steps=STEPS,
            warmup_steps=st.integers(0, 20),
        ),
        lambda one: in_keras(
            S.CosineDecay(
                0.0 if one.warmup_steps else one.peak, one.decay_steps, alpha=one.alpha,
                warmup_target=one.peak if one.warmup_steps else None,
                warmup_steps=one.warmup_steps,
            )
        ),
    ),
    "exponential": (
        st.builds(
            schedules.Exponential, peak=RATE, decay_rate=st.floats(0.1, 1.5), decay_steps=STEPS,
            staircase=st.booleans(),
        ),
        lambda one: in_keras(
            S.ExponentialDecay(one.peak, one.decay_steps, one.decay_rate, one.staircase)
        ),
    ),
    "inverse_time": (
        st.builds(
            schedules.InverseTime, peak=RATE, decay_rate=RATE, decay_steps=STEPS,
            staircase=st.booleans(),
        ),
        lambda one: in_keras(
            S.InverseTimeDecay(one.peak, one.decay_steps, one.decay_rate, one.staircase)
        ),
    ),
    "polynomial": (
        st.builds(
            schedules.Polynomial, peak=RATE, decay_steps=STEPS, power=st.floats(0.5, 3),
            end_learning_rate=st.floats(0, 0.5),
        ),
        lambda one: in_keras(
            S.PolynomialDecay(one.peak, one.decay_steps, one.end_learning_rate, one.power)
        ),
    ),
    "step": (
        st.lists(st.integers(1, 100), min_size=1, max_size=4, unique=True).map(
            lambda found: schedules.Step(
                boundaries=tuple(sorted(found)),
                values=tuple(1.0 / (i + 1) for i in range(len(found) + 1)),
            )
        ),
        lambda one: in_keras(S.PiecewiseConstantDecay(list(one.boundaries), list(one.values))),
    ),
    "one_cycle": (
        st.builds(
            schedules.OneCycle, peak=RATE, pct_start=st.floats(0.1, 0.9),
            div_factor=st.floats(1, 50), final_div_factor=st.floats(1, 1e4),
            decay_steps=st.integers(20, 100),
        ),
        one_cycle,
    ),
    "reduce_on_plateau": (
        st.builds(schedules.ReduceOnPlateau, peak=RATE), lambda one: lambda step: one.peak,
    ),
}  # fmt: skip


@pytest.fixture(autouse=True)
def _double() -> Any:
    keras.config.set_floatx("float64")
    yield
    keras.config.set_floatx("float32")


def test_every_word_has_a_row() -> None:
    assert set(TWINS) == set(schedules.SCHEDULES)


@pytest.mark.parametrize("name", TWINS)
@given(data=st.data())
@drawn
def test_rates(name: str, data: st.DataObject) -> None:
    make, twin = TWINS[name]
    schedule = data.draw(make)
    known, other = schedule.over(LENGTH, 10), twin(schedule)
    for step in range(0, LENGTH, 3):
        wanted = other(step)
        assert known.rate(step) == pytest.approx(wanted, rel=2e-6, abs=2e-6 * 2)


@given(
    values=st.lists(st.sampled_from([1.0, 1.5, 2.0, 2.5, 3.0]), max_size=30),
    patience=st.integers(0, 3),
    cooldown=st.integers(0, 3),
    min_delta=st.sampled_from([0.0, 0.5, 0.6]),
    min_lr=st.sampled_from([0.0, 0.2]),
    mode=st.sampled_from(["min", "max"]),
)
@settings(max_examples=200, suppress_health_check=list(HealthCheck))
def test_plateaus(
    values: list[float], patience: int, cooldown: int, min_delta: float, min_lr: float, mode: str
) -> None:
    other = keras.callbacks.ReduceLROnPlateau(
        monitor="loss", factor=0.5, patience=patience, cooldown=cooldown, min_delta=min_delta,
        min_lr=min_lr, mode=mode,
    )  # fmt: skip
    model = keras.Sequential([keras.layers.Dense(1)])
    model.compile(optimizer=keras.optimizers.SGD(1.0), loss="mse")
    other.set_model(model)
    other.on_train_begin()
    known = schedules.ReduceOnPlateau(
        peak=1.0, factor=0.5, patience=patience, cooldown=cooldown, min_delta=min_delta,
        min_lr=min_lr, mode=mode,
    )  # fmt: skip
    for epoch, value in enumerate(values):
        other.on_epoch_end(epoch, {"loss": value})
        found = float(np.asarray(model.optimizer.learning_rate.value.detach()))
        assert known.reduced(values[: epoch + 1]) == pytest.approx(found)
