"""What each initializer draws: its moments, its bounds, and always the same bits."""

import hashlib
import math
from dataclasses import dataclass

import numpy as np
import pytest

from dlcli.engine.initializers import (
    INITIALIZERS,
    TRUNCATED_STDDEV,
    Constant,
    Initializer,
    Orthogonal,
    RandomNormal,
    RandomUniform,
)
from dlcli.engine.layer import Shape, ShapeError
from dlcli.randomness import Stream

DENSE = (300, 200)
CONV = (3, 5, 20, 40)  # fan_in 300, fan_out 600


@dataclass(frozen=True)
class Case:
    """Mean, standard deviation and largest magnitude for an array of this shape."""

    initializer: Initializer
    shape: Shape
    mean: float
    stddev: float
    bound: float = math.inf


def uniform(initializer: Initializer, shape: Shape, variance: float) -> Case:
    return Case(initializer, shape, 0.0, math.sqrt(variance), math.sqrt(3.0 * variance))


def truncated(initializer: Initializer, shape: Shape, variance: float) -> Case:
    stddev = math.sqrt(variance)
    return Case(initializer, shape, 0.0, stddev, 2.0 * stddev / 0.8796256610342398)


MAKE = INITIALIZERS
CASES = {
    "constant": [Case(Constant(0.25), DENSE, 0.25, 0.0, 0.25)],
    "glorot_normal": [
        truncated(MAKE["glorot_normal"](), DENSE, 2 / 500),
        truncated(MAKE["glorot_normal"](), CONV, 2 / 900),
    ],
    "glorot_uniform": [
        uniform(MAKE["glorot_uniform"](), DENSE, 2 / 500),
        uniform(MAKE["glorot_uniform"](), CONV, 2 / 900),
        uniform(MAKE["glorot_uniform"](), (5000,), 2 / 10000),
    ],
    "he_normal": [
        truncated(MAKE["he_normal"](), DENSE, 2 / 300),
        truncated(MAKE["he_normal"](), CONV, 2 / 300),
    ],
    "he_uniform": [
        uniform(MAKE["he_uniform"](), DENSE, 2 / 300),
        uniform(MAKE["he_uniform"](), CONV, 2 / 300),
    ],
    "ones": [Case(MAKE["ones"](), DENSE, 1.0, 0.0, 1.0)],
    "orthogonal": [
        Case(Orthogonal(), DENSE, 0.0, 1 / math.sqrt(300)),
        Case(Orthogonal(gain=2.0), CONV, 0.0, 2 / math.sqrt(300)),
    ],
    "random_normal": [
        Case(RandomNormal(), DENSE, 0.0, 0.05),
        Case(RandomNormal(mean=2.0, stddev=0.5), DENSE, 2.0, 0.5),
    ],
    "random_uniform": [
        Case(RandomUniform(), DENSE, 0.0, 0.1 / math.sqrt(12), 0.05),
        Case(RandomUniform(minval=1.0, maxval=3.0), DENSE, 2.0, 2 / math.sqrt(12), 3.0),
    ],
    "zeros": [Case(MAKE["zeros"](), DENSE, 0.0, 0.0, 0.0)],
}


def stream(*address: int | str) -> Stream:
    return Stream(7, "init", *address)


def test_every_registered_initializer_has_a_case() -> None:
    assert CASES.keys() == INITIALIZERS.keys()


@pytest.mark.parametrize(
    "case", [pytest.param(c, id=f"{name}-{c.shape}") for name in CASES for c in CASES[name]]
)
def test_moments_and_bounds_are_those_of_the_formula(case: Case) -> None:
    drawn = case.initializer.draw(stream("layer", "kernel"), case.shape)
    assert drawn.shape == case.shape
    assert drawn.dtype == np.float32
    assert drawn.flags.c_contiguous and drawn.flags.writeable
    wide = drawn.astype(np.float64)
    # five standard errors
    assert wide.mean() == pytest.approx(case.mean, abs=5 * case.stddev / math.sqrt(wide.size))
    assert wide.std() == pytest.approx(case.stddev, rel=5 / math.sqrt(wide.size))
    assert np.abs(wide).max() <= case.bound * (1 + 1e-6)
    if case.stddev and case.bound < math.inf:
        assert np.abs(wide).max() > 0.95 * case.bound


@pytest.mark.parametrize("name", INITIALIZERS)
def test_the_same_address_draws_the_same_bits(name: str) -> None:
    initializer = INITIALIZERS[name]()
    first = initializer.draw(stream("dense_1", "kernel"), (4, 6))
    again = initializer.draw(stream("dense_1", "kernel"), (4, 6))
    other = initializer.draw(stream("dense_2", "kernel"), (4, 6))
    assert first.tobytes() == again.tobytes()
    assert (first.tobytes() == other.tobytes()) == (name in {"constant", "ones", "zeros"})


@pytest.mark.parametrize(
    ("name", "golden"),
    [
        ("glorot_uniform", "ff9eb65f064e31db"),
        ("he_uniform", "db9fae4fc6fbaa29"),
        ("random_uniform", "84d36c8fb318d197"),
    ],
)
def test_uniform_draws_keep_their_golden_bits(name: str, golden: str) -> None:
    drawn = INITIALIZERS[name]().draw(stream("dense_1", "kernel"), (3, 5))
    assert hashlib.sha256(drawn.astype("<f4").tobytes()).hexdigest()[:16] == golden


@pytest.mark.parametrize(
    ("name", "golden"),
    [
        ("glorot_normal", [0.728110671, -0.315097749, 0.996886611, -0.745829940]),
        ("he_normal", [1.188999772, -0.514552474, 1.627909064, -1.217935205]),
        ("random_normal", [0.064046487, -0.027716806, 0.087688707, -0.065605119]),
        ("orthogonal", [0.350647449, -0.359180808, -0.010576511, 0.344443440]),
    ],
)
def test_normal_draws_keep_their_golden_values(name: str, golden: list[float]) -> None:
    """Not their bits: those of log, cos and QR are promised only within a numerics class."""
    drawn = INITIALIZERS[name]().draw(stream("dense_1", "kernel"), (3, 5))
    assert drawn.reshape(-1)[:4].tolist() == pytest.approx(golden, rel=1e-5)


def test_truncation_redraws_only_what_lies_outside() -> None:
    shape = (100, 100)
    drawn = INITIALIZERS["he_normal"]().draw(stream("a"), shape).reshape(-1)
    first_try = stream("a").normal(10_000)
    inside = np.abs(first_try) <= 2.0
    assert 0.94 < inside.mean() < 0.97
    scale = np.float32(math.sqrt(2 / 100) / TRUNCATED_STDDEV)
    assert drawn[inside].tobytes() == (first_try[inside] * scale).tobytes()


def test_the_truncated_deviation_is_that_of_the_normal_distribution_cut_at_two() -> None:
    density_at_two = math.exp(-2.0) / math.sqrt(2.0 * math.pi)
    variance = 1.0 - 2.0 * 2.0 * density_at_two / math.erf(math.sqrt(2.0))
    assert math.sqrt(variance) == pytest.approx(TRUNCATED_STDDEV, rel=1e-12)


@pytest.mark.parametrize("shape", [(6, 6), (9, 4), (4, 9), (3, 2, 2, 5)], ids=str)
def test_orthogonal_arrays_are_orthogonal(shape: Shape) -> None:
    matrix = Orthogonal(gain=3.0).draw(stream("q"), shape).reshape(-1, shape[-1]) / 3.0
    if matrix.shape[0] < matrix.shape[1]:
        matrix = matrix.T
    np.testing.assert_allclose(matrix.T @ matrix, np.eye(matrix.shape[1]), atol=1e-6)


def test_orthogonal_signs_are_not_those_of_the_decomposition() -> None:
    """LAPACK's own R has a negative first entry; a uniform draw has either sign equally often."""
    corners = [Orthogonal().draw(stream(i), (3, 3))[0, 0] > 0 for i in range(200)]
    assert 70 < sum(corners) < 130


def test_orthogonal_refuses_a_bias_in_plain_words() -> None:
    with pytest.raises(ShapeError, match="two axes or more"):
        Orthogonal().draw(stream("b"), (5,))
    with pytest.raises(ShapeError, match="two axes or more"):
        Orthogonal().check((5,))
    INITIALIZERS["zeros"]().check((5,))


@pytest.mark.parametrize("name", sorted(INITIALIZERS.keys() - {"orthogonal"}))
@pytest.mark.parametrize("shape", [(0,), (1,), (3, 0), (7, 1)], ids=str)
def test_odd_shapes_are_drawn_too(name: str, shape: Shape) -> None:
    drawn = INITIALIZERS[name]().draw(stream("s"), shape)
    assert drawn.shape == shape
    assert np.isfinite(drawn).all()
