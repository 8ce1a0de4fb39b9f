"""Sums of products in one pass have the bits of multiplications and additions, one by one."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlcli.engine.fusion import depthwise
from dlcli.engine.layers import DepthwiseConv2D

LENGTHS = st.integers(1, 6)


@given(
    places=st.tuples(LENGTHS, LENGTHS),
    size=st.tuples(LENGTHS, LENGTHS),
    strides=st.tuples(st.integers(1, 2), st.integers(1, 2)),
    numbers=LENGTHS,
    seed=st.integers(0, 99),
)
@pytest.mark.properties
def test_taps_and_places_are_added_in_their_order(
    places: tuple[int, int],
    size: tuple[int, int],
    strides: tuple[int, int],
    numbers: int,
    seed: int,
) -> None:
    draw = np.random.default_rng(seed)
    shape = [(n - 1) * s + k for n, s, k in zip(places, strides, size, strict=True)]
    laid = draw.normal(size=(2, shape[0], 1, shape[1], numbers)).astype(np.float32)
    if strides[1] > 1:  # as pixels are laid out by their columns
        laid = draw.normal(size=(2, shape[0], 2, -(-shape[1] // 2), numbers)).astype(np.float32)
    conv = DepthwiseConv2D(size, strides)
    length = places[1] * numbers
    kernel = draw.normal(size=(*size, length)).astype(np.float32)
    total = np.zeros((2, places[0], length), np.float32)
    dy = draw.normal(size=total.shape).astype(np.float32)
    for u, v, taps in depthwise._under(laid, size, conv, places):
        dkernel, wanted = np.empty(length, np.float32), np.zeros(length, np.float32)
        depthwise._add_places(taps, dy, dkernel)
        for n, i in np.ndindex(*dy.shape[:2]):
            wanted += taps[n, i] * dy[n, i]
        assert dkernel.tobytes() == wanted.tobytes()
        total += taps * kernel[u, v]
    y = np.empty_like(total)
    if strides[1] == 1:
        wide = depthwise._windows(laid, size, strides[0], (1, 1), places, 0)
        depthwise._add_taps(wide, kernel, y)
        wanted = np.zeros_like(y)
        for u, v in np.ndindex(*size):
            wanted += wide[:, :, u, v] * kernel[u, v]
        assert y.tobytes() == wanted.tobytes()
        np.testing.assert_allclose(y, total, rtol=1e-4, atol=1e-4)
