"""Clipping: the norm of every array, or of all, however the vector is cut into pieces."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlcli.engine.clipping import NormClipping
from dlcli.engine.gradients import Piece
from dlcli.engine.initializers import Zeros
from dlcli.engine.layer import Array, Slot
from dlcli.engine.layout import Layout


def layout(*sizes: int, observed: int = 3) -> Layout:
    slots = {("layer", f"a{number}"): Slot((size,), Zeros()) for number, size in enumerate(sizes)}
    return Layout(slots | {("layer", "mean"): Slot((observed,), Zeros(), kind="observed")})


def clipped(made: Layout, cuts: list[int], gradient: Array, limit: float, joint: bool) -> Array:
    """`gradient`, clipped in the pieces between the cuts."""
    ends = [0, *sorted({cut % made.trained for cut in cuts} - {0}), made.trained]
    pieces = [Piece(a, b, decayed=True) for a, b in itertools.pairwise(ends)]
    clipping = NormClipping(made, pieces, limit, joint=joint)
    found = gradient.copy()
    for number, piece in enumerate(pieces):
        clipping.measure(number, found[piece.start : piece.stop])
    clipping.put_together()
    for number, piece in enumerate(pieces):
        clipping.clip(number, found[piece.start : piece.stop])
    return found


def test_a_table_worked_by_hand() -> None:
    made = layout(2, 1, 1)
    gradient = np.array([3.0, -4.0, 0.5, -12.0])
    own = clipped(made, [], gradient, 1.0, joint=False)
    np.testing.assert_allclose(own, [0.6, -0.8, 0.5, -1.0], rtol=1e-15)
    joint = clipped(made, [1], gradient, 1.0, joint=True)
    np.testing.assert_allclose(joint, gradient / math.sqrt(169.25), rtol=1e-15)


@given(
    sizes=st.lists(st.integers(1, 9), min_size=1, max_size=5),
    cuts=st.lists(st.integers(0, 50), max_size=6),
    limit=st.floats(0.01, 10),
    joint=st.booleans(),
    seed=st.integers(0, 99),
    dtype=st.sampled_from(["float32", "float64"]),
)
def test_no_norm_is_above_the_limit_and_no_direction_changes(
    sizes: list[int], cuts: list[int], limit: float, joint: bool, seed: int, dtype: str
) -> None:
    made = layout(*sizes)
    gradient = np.random.default_rng(seed).normal(size=made.trained).astype(dtype)
    found = clipped(made, cuts, gradient, limit, joint)
    tolerance = {"float32": 1e-6, "float64": 1e-14}[dtype]
    arrays = [slice(place.start, place.stop) for place in made.places.values()][:-1]
    for part in [slice(None)] if joint else arrays:
        norm = math.sqrt(math.fsum(float(g) ** 2 for g in gradient[part]))
        wanted = gradient[part] * min(1.0, limit / norm)
        np.testing.assert_allclose(found[part], wanted, rtol=tolerance)
        if norm <= limit:
            assert found[part].tobytes() == gradient[part].tobytes()


def test_squares_that_float32_cannot_hold_have_a_norm() -> None:
    gradient = np.array([3e30, 4e30], np.float32)
    found = clipped(layout(2), [1], gradient, 10.0, joint=False)
    np.testing.assert_allclose(found, [6.0, 8.0], rtol=1e-6)
    gradient = np.array([3e-30, 4e-30], np.float32)
    found = clipped(layout(2), [1], gradient, 1e-30, joint=True)
    np.testing.assert_allclose(found, [6e-31, 8e-31], rtol=1e-6)


@pytest.mark.parametrize("broken", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("joint", [True, False])
def test_what_is_no_number_is_not_hidden(broken: float, joint: bool) -> None:
    gradient = np.array([1.0, broken, 1.0], np.float32)
    with np.errstate(all="ignore"):
        found = clipped(layout(2, 1), [], gradient, 1.0, joint)
    assert np.isnan(found[1])
    assert joint or found[2] == 1.0


def test_nothing_is_divided_by_a_norm_of_zero() -> None:
    gradient = np.zeros(3, np.float32)
    assert not clipped(layout(2, 1), [1], gradient, 0.5, joint=True).any()
