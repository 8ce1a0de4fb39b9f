"""Learning rates over time: numbers worked out by hand, and what holds of all of them."""

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlcli.engine.optimizers import SGD
from dlcli.engine.schedules import (
    SCHEDULES,
    Constant,
    Cosine,
    Exponential,
    InverseTime,
    OneCycle,
    Polynomial,
    ReduceOnPlateau,
    Schedule,
    Step,
    power,
)

UPDATES, AN_EPOCH = 20, 4
BY_HAND: list[tuple[Schedule, dict[int, float]]] = [
    (Constant(peak=0.5), {0: 0.5, 19: 0.5}),
    (Constant(peak=0.5, warmup_steps=4), {0: 0, 1: 0.125, 3: 0.375, 4: 0.5, 5: 0.5}),
    (Constant(peak=0.5, warmup_epochs=1.5), {0: 0, 3: 0.25, 6: 0.5}),
    (Cosine(peak=1.0), {0: 1, 5: (1 + math.sqrt(0.5)) / 2, 10: 0.5, 20: 0, 30: 0}),
    (Cosine(peak=2.0, alpha=0.1, decay_steps=10), {0: 2, 5: 1.1, 10: 0.2, 19: 0.2}),
    (Cosine(peak=1.0, warmup_steps=4), {0: 0, 2: 0.5, 4: 1, 12: 0.5, 20: 0}),
    (Cosine(peak=1.0, warmup_epochs=1, decay_epochs=2), {4: 1, 8: 0.5, 12: 0, 19: 0}),
    (Polynomial(peak=1.1, end_learning_rate=0.1), {0: 1.1, 10: 0.6, 20: 0.1}),
    (Polynomial(peak=1.0, end_learning_rate=0, power=2, decay_steps=10), {5: 0.25, 10: 0, 15: 0}),
    (Polynomial(peak=1.0, end_learning_rate=0, power=0.5, decay_steps=4), {3: 0.5, 4: 0}),
    (Exponential(peak=1.0, decay_rate=0.25, decay_steps=2), {0: 1, 1: 0.5, 2: 0.25, 5: 0.03125}),
    (
        Exponential(peak=1.0, decay_rate=0.25, decay_epochs=0.5, staircase=True),
        {0: 1, 1: 1, 2: 0.25, 3: 0.25, 4: 0.0625},
    ),
    (InverseTime(peak=1.0, decay_rate=0.5, decay_steps=2), {0: 1, 2: 1 / 1.5, 8: 1 / 3}),
    (
        InverseTime(peak=1.0, decay_rate=0.5, decay_steps=2, staircase=True),
        {1: 1, 2: 1 / 1.5, 3: 1 / 1.5},
    ),
    (Step(values=(1.0, 0.5, 0.1), boundaries=(3, 5)), {0: 1, 3: 1, 4: 0.5, 5: 0.5, 6: 0.1}),
    (Step(values=(1.0, 0.5), boundary_epochs=(1.5,), warmup_steps=2), {1: 0.5, 8: 1, 9: 0.5}),
    (
        OneCycle(peak=1.0, pct_start=0.25, div_factor=4, final_div_factor=10),
        {0: 0.25, 2: 0.625, 4: 1, 19: 0.025},
    ),
    (ReduceOnPlateau(peak=0.3), {0: 0.3, 19: 0.3}),
]


@pytest.mark.parametrize(("schedule", "rates"), BY_HAND, ids=str)
def test_the_rate_by_hand(schedule: Schedule, rates: dict[int, float]) -> None:
    known = schedule.over(UPDATES, AN_EPOCH)
    for step, rate in rates.items():
        assert known.rate(step) == pytest.approx(rate, rel=1e-6, abs=1e-9), step


def test_every_schedule_has_a_row() -> None:
    assert {type(schedule) for schedule, _ in BY_HAND} == set(SCHEDULES.values())


EXAMPLES: dict[str, Any] = {
    "constant": {},
    "cosine": {},
    "polynomial": {},
    "one_cycle": {},
    "exponential": {"decay_rate": 0.5, "decay_steps": 3},
    "inverse_time": {"decay_rate": 0.5, "decay_steps": 3},
    "reduce_on_plateau": {},
    "step": {"values": (0.2, 0.1), "boundaries": (3,)},
}


@pytest.mark.parametrize("name", sorted(SCHEDULES))
@given(
    warmup=st.integers(0, 30), updates=st.integers(1, 60), step=st.integers(0, 100), seed=st.data()
)
def test_a_rate_is_a_finite_number_that_is_never_above_the_peak(
    name: str, warmup: int, updates: int, step: int, seed: st.DataObject
) -> None:
    given_peak = {} if name == "step" else {"peak": 0.2}
    schedule = SCHEDULES[name](**given_peak, **EXAMPLES[name], warmup_steps=warmup)
    rate = schedule.over(updates, 5).rate(step)
    assert 0 <= rate <= 0.2 * (1 + 1e-9)
    assert rate > 0 or step == 0 or name in ("cosine", "polynomial")


def test_which_rates_depend_on_the_length_of_the_run() -> None:
    assert Cosine(peak=1.0).depends_on_length
    assert OneCycle(peak=1.0, warmup_steps=2).depends_on_length
    assert not Cosine(peak=1.0, decay_epochs=3).depends_on_length
    assert not Polynomial(peak=1.0, decay_steps=3).depends_on_length
    for schedule in (Constant(peak=1.0), Step(values=(1.0, 0.1), boundaries=(3,))):
        assert not schedule.depends_on_length


@pytest.mark.parametrize(
    ("schedule", "values", "share"),
    [
        (ReduceOnPlateau(peak=1.0, patience=2), [5.0, 4.0, 4.0], 1.0),
        (ReduceOnPlateau(peak=1.0, patience=2), [5.0, 4.0, 4.0, 4.0], 0.1),
        (ReduceOnPlateau(peak=1.0, patience=2), [5.0, 4.0, 4.0, 4.0, 4.0, 4.0], 0.01),
        (ReduceOnPlateau(peak=1.0, patience=2, factor=0.5), [4.0, 4.0, 4.0, 3.0, 3.0, 3.0], 0.25),
        (ReduceOnPlateau(peak=1.0, patience=1, min_delta=0.5), [4.0, 3.6, 3.4], 0.1),
        (ReduceOnPlateau(peak=1.0, patience=1, mode="max"), [0.5, 0.6, 0.6], 0.1),
        (ReduceOnPlateau(peak=1.0, patience=1, cooldown=2), [4.0] * 3, 0.1),
        (ReduceOnPlateau(peak=1.0, patience=1, cooldown=2), [4.0] * 5, 0.01),
        (ReduceOnPlateau(peak=1.0, patience=1, min_lr=0.05), [4.0] * 5, 0.05),
        (ReduceOnPlateau(peak=1.0, patience=0), [4.0, 4.0], 0.1),
        (ReduceOnPlateau(peak=1.0, patience=1), [], 1.0),
    ],
)  # fmt: skip
def test_a_plateau_by_hand(schedule: ReduceOnPlateau, values: list[float], share: float) -> None:
    assert schedule.reduced(values) == pytest.approx(share)


def test_an_optimizer_takes_a_number_or_a_schedule() -> None:
    assert SGD(0.5).over(10, 5).rate(3) == 0.5
    assert SGD(Cosine(peak=1.0)).over(10, 5).rate(5) == pytest.approx(0.5)
    assert SGD(Cosine(peak=1.0, warmup_epochs=1)).over(10, 5).rate(0) == 0.0


@given(base=st.floats(0.001, 2), exponent=st.floats(0, 300))
def test_powers_are_those_of_the_library_but_for_rounding(base: float, exponent: float) -> None:
    assert power(base, exponent) == pytest.approx(base**exponent, rel=2e-6, abs=1e-300)
