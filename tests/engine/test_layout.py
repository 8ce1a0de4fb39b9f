"""Layouts and contexts: every array has a place of its own, and scratch memory is reused."""

import numpy as np

from dlcli.engine.context import Context, Moment
from dlcli.engine.initializers import Constant, Ones, Zeros
from dlcli.engine.layer import Slot
from dlcli.engine.layout import Layout

SLOTS = {
    ("dense_1", "kernel"): Slot((3, 2), Constant(2.0)),
    ("dense_1", "bias"): Slot((2,), Zeros()),
    ("norm_1", "mean"): Slot((2,), Ones(), kind="observed"),
    ("dense_2", "kernel"): Slot((2, 1), Constant(3.0)),
}


def test_decayed_arrays_come_first_then_trained_then_observed_ones() -> None:
    layout = Layout(SLOTS, lambda name: name[1] == "kernel")
    assert (layout.decayed, layout.trained, layout.size) == (8, 10, 12)
    assert layout.initial(0).tolist() == [2.0] * 6 + [3.0] * 2 + [0.0] * 2 + [1.0] * 2


def test_names_are_in_the_order_of_the_layers_whatever_decays() -> None:
    layout = Layout(SLOTS, lambda name: name[1] == "bias")
    flat = layout.initial(0)
    assert list(layout.named(flat)) == [
        "dense_1.kernel",
        "dense_1.bias",
        "norm_1.mean",
        "dense_2.kernel",
    ]
    assert "norm_1.mean" not in layout.named(flat[: layout.trained])


def test_views_share_the_flat_vector() -> None:
    layout = Layout(SLOTS)
    flat = layout.initial(0)
    layout.views(flat)["dense_2"]["kernel"][...] = 9.0
    assert np.count_nonzero(flat == 9.0) == 2


def test_scratch_memory_is_the_same_again_and_shrinks_without_allocating() -> None:
    ctx = Context("dense_1")
    large = ctx.scratch("y", (8, 4))
    small = ctx.scratch("y", (3, 4))
    assert np.shares_memory(large, small)
    assert ctx.scratch("y", (8, 4)).ctypes.data == large.ctypes.data
    assert not np.shares_memory(large, ctx.scratch("other", (8, 4)))


def test_streams_are_addressed_by_layer_step_and_shard() -> None:
    moment = Moment(seed=1, step=2, shard=3)
    first = Context("a", moment).stream("dropout").words(4).tolist()
    assert first == Context("a", moment).stream("dropout").words(4).tolist()
    assert first != Context("b", moment).stream("dropout").words(4).tolist()
    moment.shard = 4
    assert first != Context("a", moment).stream("dropout").words(4).tolist()
