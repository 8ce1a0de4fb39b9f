"""Every optimizer against a scalar reference, numbers worked out by hand, and two valleys."""

import math
import tracemalloc
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from dlcli.engine.initializers import Zeros
from dlcli.engine.layer import Array, Slot
from dlcli.engine.layout import Layout
from dlcli.engine.optimizers import (
    OPTIMIZERS,
    SGD,
    Adagrad,
    Adam,
    AdamW,
    Momentum,
    Optimizer,
    RMSprop,
)
from dlcli.engine.schedule import integer_power
from tests.engine.portability import Used, refused, tracked

# --- independent references: one number, float64, written from the papers -----------------------

Reference = Iterator[float]


def sgd(theta: float, gradients: list[float], o: SGD) -> Reference:
    for g in gradients:
        theta = theta - o.learning_rate * g
        yield theta


def momentum(theta: float, gradients: list[float], o: Momentum) -> Reference:
    velocity = 0.0
    for g in gradients:
        velocity = o.momentum * velocity - o.learning_rate * g
        theta += o.momentum * velocity - o.learning_rate * g if o.nesterov else velocity
        yield theta


def adagrad(theta: float, gradients: list[float], o: Adagrad) -> Reference:
    for t in range(1, len(gradients) + 1):
        squares = o.initial_accumulator_value + sum(g**2 for g in gradients[:t])
        theta -= o.learning_rate * gradients[t - 1] / math.sqrt(squares + o.epsilon)
        yield theta


def rmsprop(theta: float, gradients: list[float], o: RMSprop) -> Reference:
    for t in range(1, len(gradients) + 1):
        average = sum(
            (1 - o.rho) * o.rho ** (t - i) * gradients[i - 1] ** 2 for i in range(1, t + 1)
        )
        theta -= o.learning_rate * gradients[t - 1] / math.sqrt(average + o.epsilon)
        yield theta


def adam(theta: float, gradients: list[float], o: Adam) -> Reference:
    """The paper's algorithm 1 with corrected averages; its epsilon is epsilon / sqrt(1-beta^t)."""
    m = v = 0.0
    for t, g in enumerate(gradients, start=1):
        m = o.beta_1 * m + (1 - o.beta_1) * g
        v = o.beta_2 * v + (1 - o.beta_2) * g**2
        correction = 1 - o.beta_2**t
        epsilon = o.epsilon / math.sqrt(correction)
        theta -= o.learning_rate * (m / (1 - o.beta_1**t)) / (math.sqrt(v / correction) + epsilon)
        yield theta


def adamw(theta: float, gradients: list[float], o: AdamW) -> Reference:
    """A decayed step is a step of Adam from a theta that is nearer to 0."""
    for t in range(1, len(gradients) + 1):
        *_, before = (0.0, *adam(0.0, gradients[: t - 1], o))
        *_, after = adam(0.0, gradients[:t], o)
        theta = theta * (1 - o.learning_rate * o.weight_decay) + (after - before)
        yield theta


@dataclass(frozen=True)
class Case:
    """One optimizer's row: its reference, and settings that get it down the two valleys."""

    reference: Callable[..., Reference]
    parabola: dict[str, Any]
    rosenbrock: dict[str, Any]
    others: list[Optimizer] = field(default_factory=list)


CASES = {
    "sgd": Case(sgd, {"learning_rate": 0.1}, {"learning_rate": 2e-3}, [SGD(0.3)]),
    "momentum": Case(
        momentum,
        {"learning_rate": 0.02},
        {"learning_rate": 5e-4},
        [Momentum(0.2, 0.5), Momentum(0.1, 0.9, nesterov=True)],
    ),
    "adagrad": Case(
        adagrad, {"learning_rate": 0.5}, {"learning_rate": 0.5}, [Adagrad(0.2, 0.0, 1e-3)]
    ),
    "rmsprop": Case(
        rmsprop, {"learning_rate": 0.01}, {"learning_rate": 1e-3}, [RMSprop(0.2, 0.5, 1e-2)]
    ),
    "adam": Case(adam, {"learning_rate": 0.1}, {"learning_rate": 0.02}, [Adam(0.2, 0.8, 0.9, 0.1)]),
    "adamw": Case(
        adamw,
        {"learning_rate": 0.1, "weight_decay": 1e-4},
        {"learning_rate": 0.02, "weight_decay": 1e-4},
        [AdamW(0.2, 0.8, 0.9, 0.1, weight_decay=0.5)],
    ),
}

SETTINGS = [
    pytest.param(optimizer, CASES[name].reference, id=f"{name}-{i}")
    for name in CASES
    for i, optimizer in enumerate([OPTIMIZERS[name](), *CASES[name].others])
]


def fresh_state(optimizer: Optimizer, theta: Array) -> dict[str, Array]:
    return {name: np.full_like(theta, optimizer.initial(name)) for name in optimizer.state}


def steps(
    optimizer: Optimizer, start: Array, gradients: list[Array], *, decayed: bool = True
) -> list[Array]:
    """theta after each of the gradients."""
    theta = start.copy()
    state = fresh_state(optimizer, theta)
    work = np.full((3, theta.size), np.nan, theta.dtype)
    path = []
    for t, gradient in enumerate(gradients, start=1):
        gradient.flags.writeable = False
        optimizer.step(
            theta, gradient, state, work, t=t, rate=optimizer.rate(t - 1), decayed=decayed
        )
        path.append(theta.copy())
    return path


def test_every_registered_optimizer_has_a_case() -> None:
    assert CASES.keys() == OPTIMIZERS.keys()


@pytest.mark.parametrize(("optimizer", "reference"), SETTINGS)
@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, 1e-13), (np.float32, 2e-6)])
def test_steps_follow_the_scalar_reference(
    optimizer: Optimizer, reference: Callable[..., Reference], dtype: Any, tolerance: float
) -> None:
    gradients = [0.5, -1.25, 2.0, 0.0, 1e-3, -0.75, 3.5]
    starts = [1.0, -2.0, 0.0]
    path = steps(optimizer, np.array(starts, dtype), [np.full(3, g, dtype) for g in gradients])
    for i, start in enumerate(starts):
        expected = list(reference(start, gradients, optimizer))
        np.testing.assert_allclose([p[i] for p in path], expected, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize(
    ("optimizer", "gradients", "expected"),
    [
        (SGD(0.1), [0.5, 1.0], [0.95, 0.85]),
        # velocity -0.05, then -0.045 - 0.05 = -0.095
        (Momentum(0.1, 0.9), [0.5, 0.5], [0.95, 0.855]),
        # ahead 0.9 * -0.05 - 0.05 = -0.095, then 0.9 * -0.095 - 0.05 = -0.1355
        (Momentum(0.1, 0.9, nesterov=True), [0.5, 0.5], [0.905, 0.7695]),
        # accumulator 0.16 + 0.09 = 0.5^2, then 0.25 + 1.44 = 1.3^2
        (Adagrad(0.1, 0.16, 0.0), [0.3, 1.2], [0.94, 0.94 - 0.12 / 1.3]),
        # epsilon stands under the root: 0.16 + 0.09 + 0.75 = 1
        (Adagrad(0.1, 0.16, 0.75), [0.3], [0.97]),
        # velocity 0.25 * 4 = 1, then 0.75 + 0.25 = 1
        (RMSprop(0.1, 0.75, 0.0), [2.0, 1.0], [0.8, 0.7]),
        (RMSprop(0.1, 0.75, 3.0), [2.0], [0.9]),
        # m = v = 1 after both steps; alpha 0.1 * sqrt(0.25) / 0.5 = 0.1, then
        # 0.1 * sqrt(0.4375) / 0.75 = 0.0881917104
        (Adam(0.1, 0.5, 0.75, 0.0), [2.0, 1.0], [0.9, 0.8118082896]),
        # epsilon stands beside the root: 0.1 * 1 / (1 + 1)
        (Adam(0.1, 0.5, 0.75, 1.0), [2.0], [0.95]),
        # 1 - 0.1 * 0.5 * 1 = 0.95, then Adam's 0.1
        (AdamW(0.1, 0.5, 0.75, 0.0, weight_decay=0.5), [2.0], [0.85]),
    ],
    ids=str,
)
def test_steps_worked_out_by_hand(
    optimizer: Optimizer, gradients: list[float], expected: list[float]
) -> None:
    path = steps(optimizer, np.array([1.0]), [np.array([g]) for g in gradients])
    assert [float(theta[0]) for theta in path] == pytest.approx(expected, abs=1e-10)


def parabola(x: Array) -> tuple[float, Array]:
    curvature, bottom = np.array([1.0, 4.0, 0.5]), np.array([3.0, -1.0, 0.5])
    return float(0.5 * curvature @ (x - bottom) ** 2), curvature * (x - bottom)


def rosenbrock(x: Array) -> tuple[float, Array]:
    a, b = 1.0 - x[0], x[1] - x[0] ** 2
    return float(a**2 + 100.0 * b**2), np.array([-2.0 * a - 400.0 * x[0] * b, 200.0 * b])


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize(
    ("valley", "start", "count"),
    [(parabola, [0.0, 0.0, 0.0], 500), (rosenbrock, [-1.2, 1.0], 4000)],
)
def test_every_optimizer_reaches_the_bottom_of_the_valley(
    name: str, valley: Callable[[Array], tuple[float, Array]], start: list[float], count: int
) -> None:
    case = CASES[name]
    settings = case.parabola if valley is parabola else case.rosenbrock
    optimizer = OPTIMIZERS[name](**settings)
    theta = np.array(start)
    state, work = fresh_state(optimizer, theta), np.empty((3, theta.size))
    before = valley(theta)[0]
    for t in range(1, count + 1):
        optimizer.step(theta, valley(theta)[1], state, work, t=t, rate=optimizer.rate(0))
    assert valley(theta)[0] < 1e-3 * before


@pytest.mark.parametrize(("optimizer", "reference"), SETTINGS)
def test_pieces_equal_the_whole_bit_for_bit(
    optimizer: Optimizer, reference: Callable[..., Reference]
) -> None:
    rng = np.random.Generator(np.random.PCG64(1))
    start = rng.random(1003, np.float32) - np.float32(0.5)
    gradients = [rng.random(1003, np.float32) - np.float32(0.5) for _ in range(3)]
    whole, pieces = start.copy(), start.copy()
    state_of_whole, state_of_pieces = (fresh_state(optimizer, start) for _ in range(2))
    work = np.empty(3 * 1003, np.float32)
    cuts = [0, 1, 8, 129, 500, 1002, 1003]
    for t, gradient in enumerate(gradients, start=1):
        optimizer.step(
            whole, gradient, state_of_whole, work.reshape(3, -1), t=t, rate=optimizer.rate(0)
        )
        for a, b in pairwise(cuts):
            optimizer.step(
                pieces[a:b],
                gradient[a:b],
                {name: vector[a:b] for name, vector in state_of_pieces.items()},
                work[: 3 * (b - a)].reshape(3, -1),
                t=t,
                rate=optimizer.rate(0),
            )
    assert whole.tobytes() == pieces.tobytes()
    for name in optimizer.state:
        assert state_of_whole[name].tobytes() == state_of_pieces[name].tobytes()


@pytest.mark.parametrize(("optimizer", "reference"), SETTINGS)
def test_a_step_allocates_no_arrays(
    optimizer: Optimizer, reference: Callable[..., Reference]
) -> None:
    theta = np.ones(100_000, np.float32)
    gradient, state, work = theta.copy(), fresh_state(optimizer, theta), np.empty((3, 100_000), "f")
    optimizer.step(theta, gradient, state, work, t=1, rate=optimizer.rate(0))
    tracemalloc.start()
    try:
        optimizer.step(theta, gradient, state, work, t=2, rate=optimizer.rate(0))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 20_000


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_only_operations_with_portable_bits_are_used(name: str) -> None:
    used: Used = set()
    optimizer = OPTIMIZERS[name]()
    theta, gradient = (tracked(np.ones(5, np.float32), used) for _ in range(2))
    state = {name: tracked(np.ones(5, np.float32), used) for name in optimizer.state}
    optimizer.step(
        theta,
        gradient,
        state,
        tracked(np.ones((3, 5), np.float32), used),
        t=3,
        rate=optimizer.rate(0),
    )
    assert used
    assert refused(used) == set()


def test_decay_is_left_out_where_a_piece_is_not_decayed() -> None:
    gradients = [np.array([0.5], np.float32)]
    start = np.array([2.0], np.float32)
    (plain,) = steps(Adam(), start, gradients)
    (spared,) = steps(AdamW(), start, gradients, decayed=False)
    (decayed,) = steps(AdamW(), start, gradients)
    assert spared.tobytes() == plain.tobytes()
    assert float(decayed[0]) < float(plain[0])


def test_a_small_decay_is_not_lost_in_float32() -> None:
    start = np.ones(1, np.float32)
    path = steps(AdamW(1e-3, weight_decay=0.1), start, [np.zeros(1, np.float32)] * 100)
    assert float(path[-1][0]) == pytest.approx((1 - 1e-4) ** 100, abs=3e-6)


def test_excluded_names_lie_behind_the_decayed_ones_in_the_layout() -> None:
    optimizer = AdamW(exclude_from_weight_decay=("bias", "dense_2"))
    slots = {
        (layer, slot): Slot(shape, Zeros())
        for layer in ("dense_1", "dense_2")
        for slot, shape in (("bias", (3,)), ("kernel", (2, 3)))
    }
    layout = Layout(slots, optimizer.decays)
    assert layout.decayed == 6
    assert layout.places["dense_1", "kernel"].start == 0
    assert AdamW().decays(("dense_1", "bias"))


def test_integer_power_multiplies_and_rounds_little() -> None:
    assert integer_power(3.0, 5) == 243.0
    assert integer_power(0.9, 0) == 1.0
    assert integer_power(0.9, 1) == 0.9
    for exponent in (2, 7, 64, 1000, 12345):
        exact = Fraction(0.999) ** exponent
        assert abs(Fraction(integer_power(0.999, exponent)) / exact - 1) < exponent * 2.0**-53
    assert integer_power(0.9, 10**9) == 0.0
