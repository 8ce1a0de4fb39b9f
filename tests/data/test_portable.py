"""Functions of float64 beside those of the system, which are right to the last digit but one."""

import math
from collections.abc import Callable
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlcli.data.portable import expm1, log, log1p, normal_quantile

NORMAL = NormalDist()


def near(found: float, expected: float, units: float = 3.0) -> bool:
    return abs(found - expected) <= units * math.ulp(expected)


@given(st.floats(min_value=-1.0, max_value=1e300, exclude_min=True))
def test_log1p(x: float) -> None:
    assert near(float(log1p(np.array([x]))[0]), math.log1p(x))


@given(st.floats(min_value=5e-324, max_value=1e308))
def test_log(x: float) -> None:
    assert near(float(log(np.array([x]))[0]), math.log(x))


@given(st.floats(min_value=-800.0, max_value=709.78))
def test_expm1(x: float) -> None:
    assert near(float(expm1(np.array([x]))[0]), math.expm1(x))


@given(st.floats(min_value=709.8, max_value=1e300))
def test_expm1_beyond_float64_is_infinite(x: float) -> None:
    assert expm1(np.array([x]))[0] == np.inf


@given(st.floats(min_value=1e-7, max_value=1.0 - 1e-7))
def test_normal_quantile(p: float) -> None:
    found = float(normal_quantile(np.array([p]))[0])
    assert found == pytest.approx(NORMAL.inv_cdf(p), rel=1e-14, abs=1e-15)


@pytest.mark.parametrize(
    ("function", "given_", "expected"),
    [
        (log1p, [-1.0, -2.0, np.inf, 0.0, np.nan], [-np.inf, np.nan, np.inf, 0.0, np.nan]),
        (log, [0.0, -1.0, 1.0], [-np.inf, np.nan, 0.0]),
        (expm1, [-np.inf, np.inf, 0.0, np.nan, 800.0], [-1.0, np.inf, 0.0, np.nan, np.inf]),
    ],
)
def test_the_ends(
    function: Callable[[np.ndarray], np.ndarray], given_: list[float], expected: list[float]
) -> None:
    np.testing.assert_array_equal(function(np.array(given_)), expected)
