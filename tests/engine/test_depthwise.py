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
    padded = draw.normal(size=(*shape, 1, numbers)).astype(np.float32)
    conv = DepthwiseConv2D(size, strides)
    under = depthwise._under(padded, conv, places)
    kernel = draw.normal(size=(*size, places[1], numbers)).astype(np.float32)
    y = np.empty((*places, numbers), np.float32)
    depthwise._add_taps(under, kernel, y)
    wanted = np.zeros_like(y)
    for u, v in np.ndindex(*size):
        wanted += under[:, u, :, v] * kernel[u, v]
    assert y.tobytes() == wanted.tobytes()

    dkernel = np.empty((*size, numbers), np.float32)
    depthwise._add_places(under, y, dkernel)
    wanted = np.zeros_like(dkernel)
    for i, j in np.ndindex(*places):
        wanted += under[i, :, j] * y[i, j]
    assert dkernel.tobytes() == wanted.tobytes()
