"""Activations against the standard library's functions in float64, and at their limits."""

import math
from collections.abc import Callable

import numpy as np
import pytest

from dlcli.engine.layer import Array, Layer, ShapeError
from dlcli.engine.layers.activations import (
    Elu,
    Gelu,
    LeakyRelu,
    Linear,
    Relu,
    Sigmoid,
    Silu,
    Softmax,
    Softplus,
    Tanh,
)
from tests.engine.cases import context


def true_sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x)) if x > 0 else math.exp(x) / (1 + math.exp(x))


def true_phi(x: float) -> float:
    return math.erfc(-x / math.sqrt(2)) / 2


def true_gelu_tanh(x: float) -> float:
    # (1 + tanh u) / 2 = sigmoid(2 u), which keeps its digits
    return x * true_sigmoid(2 * math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))


def true_softplus(x: float) -> float:
    return max(x, 0) + math.log1p(math.exp(-abs(x)))


# The layer, its formula, the error in units of the last place of float32 that the result may
# have, and where its size is counted from: below it, the error is absolute.
VALUES: list[tuple[Layer, Callable[[float], float], float, float]] = [
    (Linear(), lambda x: x, 0, 0),
    (Sigmoid(), true_sigmoid, 3, 0),
    (Tanh(), math.tanh, 2, 0),
    (Relu(), lambda x: max(x, 0), 0, 0),
    (LeakyRelu(), lambda x: x if x > 0 else 0.2 * x, 1, 0),
    (Elu(), lambda x: x if x > 0 else math.expm1(x), 3, 0),
    (Elu(alpha=0.5), lambda x: x if x > 0 else 0.5 * math.expm1(x), 3, 0),
    (Gelu(), lambda x: x * true_phi(x), 6, 0),
    (Gelu(approximate=True), true_gelu_tanh, 3, 1),
    (Silu(), lambda x: x * true_sigmoid(x), 3, 0),
    (Softplus(), true_softplus, 4, 0),
]
GRID = np.concatenate(
    [
        np.linspace(-6, 6, 4001),
        np.linspace(-80, 80, 801),
        np.geomspace(1e-30, 1, 301),
        -np.geomspace(1e-30, 1, 301),
    ]
).astype(np.float32)


def value(layer: Layer, x: Array) -> Array:
    return layer.forward({}, x, context())[0].copy()


def slope(layer: Layer, x: Array) -> Array:
    ctx = context()
    _, cache = layer.forward({}, x, ctx)
    dx = layer.backward({}, {}, cache, np.ones_like(x), ctx)
    assert dx is not None
    return dx


@pytest.mark.parametrize(
    ("layer", "formula", "ulps", "floor"), VALUES, ids=[str(row[0]) for row in VALUES]
)
def test_float32_values_are_right_to_a_few_units_of_the_last_place(
    layer: Layer, formula: Callable[[float], float], ulps: float, floor: float
) -> None:
    # Where the true value is no normal number of float32 there is no last place to count.
    x = GRID[GRID > -12] if isinstance(layer, Gelu) else GRID
    true = np.array([formula(float(number)) for number in x])
    size = np.maximum(np.maximum(np.abs(true), floor), 2.0**-126)
    error = np.abs(value(layer, x) - true) / size / 2.0**-23
    assert error.max() <= ulps, (x[error.argmax()], error.max())


def test_the_exact_gelu_is_exact_in_float64() -> None:
    x = np.linspace(-12, 12, 3001)
    true = np.array([number * true_phi(number) for number in x])
    np.testing.assert_allclose(value(Gelu(), x), true, rtol=1e-15, atol=5e-16)
    middle = np.abs(x) < 2
    np.testing.assert_allclose(value(Gelu(), x)[middle], true[middle], rtol=3e-15, atol=0)


@pytest.mark.parametrize("layer", [row[0] for row in VALUES], ids=str)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_large_numbers_give_limits_and_no_warning(layer: Layer, dtype: str) -> None:
    x = np.array([-1e30, -1e4, 1e4, 1e30], dtype)
    y, dx = value(layer, x), slope(layer, x)
    assert np.isfinite(y).all()
    if isinstance(layer, Sigmoid | Tanh):
        assert y[2:].tolist() == [1, 1]
        assert dx.tolist() == [0, 0, 0, 0]
    else:
        np.testing.assert_array_equal(y[2:], x[2:])
        assert dx[2:].tolist() == [1, 1]


@pytest.mark.parametrize(
    ("layer", "limit"),
    [
        (Sigmoid(), 0),
        (Tanh(), -1),
        (Relu(), 0),
        (Elu(), -1),
        (Gelu(), 0),
        (Gelu(approximate=True), 0),
        (Silu(), 0),
        (Softplus(), 0),
    ],
    ids=str,
)
def test_minus_infinity_gives_the_limit(layer: Layer, limit: float) -> None:
    assert value(layer, np.array([-np.inf], np.float32))[0] == limit


@pytest.mark.parametrize("layer", [*(row[0] for row in VALUES), Softmax()], ids=str)
def test_nan_stays_nan(layer: Layer) -> None:
    assert np.isnan(value(layer, np.array([[np.nan, np.nan]], np.float32))).all()


def test_slopes_at_zero_are_those_of_the_left_side() -> None:
    zero = np.zeros(1, np.float32)
    assert slope(Relu(), zero)[0] == 0
    assert slope(LeakyRelu(0.25), zero)[0] == 0.25
    assert slope(Elu(0.5), zero)[0] == 0.5


def test_softmax_rows_are_probabilities_even_of_huge_numbers() -> None:
    x = np.array([[1e30, 1e30, 0], [-1e30, -1e30, -1e30], [0, 1, 2]], np.float32)
    y = value(Softmax(), x)
    np.testing.assert_allclose(y.sum(axis=-1), 1, rtol=1e-6)
    np.testing.assert_allclose(y[0], [0.5, 0.5, 0])
    np.testing.assert_allclose(y[2], np.exp([0, 1, 2]) / np.exp([0, 1, 2]).sum(), rtol=1e-6)


def test_softmax_of_single_numbers_is_refused_with_the_way_out() -> None:
    with pytest.raises(ShapeError, match=r"shape \(\), single numbers; use a sigmoid"):
        Softmax().out_shape(())
