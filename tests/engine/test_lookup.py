"""Sums by id: each in the order of the rows, whatever other ids there are."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlcli.engine.context import Context
from dlcli.engine.layers.lookup import add_by_id


@pytest.mark.parametrize("width", [1, 3, 64])
@given(ids=st.lists(st.integers(0, 6), max_size=40), seed=st.integers(0, 99))
def test_rows_of_one_id_are_added_one_by_one_in_their_order(
    width: int, ids: list[int], seed: int
) -> None:
    dy = np.random.default_rng(seed).normal(size=(len(ids), width)).astype(np.float32)
    wanted = np.zeros((7, width), np.float32)
    for place, row in zip(ids, dy, strict=True):
        wanted[place] += row
    out = np.full_like(wanted, np.nan)
    add_by_id(np.array(ids, np.intp), dy, out, Context())
    assert out.tobytes() == wanted.tobytes()
