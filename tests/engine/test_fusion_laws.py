"""The laws of `dlcli/engine/layer.py`, for fused layers."""

from collections.abc import Callable
from functools import partial

import pytest

from dlcli.engine.fusion import winograd_conv
from tests.engine import test_layer_laws as laws
from tests.engine.cases import Case, context, gradients_like
from tests.engine.fused import FUSED_CASES, WINOGRAD_CASES

# All but the one on shapes, which also asks for C-contiguous images: fused convolutions hand
# on views of position-major memory.
LAWS: dict[str, Callable[[Case], None]] = {
    "frozen": laws.test_a_layer_is_frozen_comparable_and_travels_to_other_processes,
    "assigned": laws.test_every_gradient_is_assigned_and_the_slots_are_those_of_p,
    "differences": laws.test_gradients_match_central_differences,
    "shards": laws.test_results_of_shards_add_up_to_the_batch,
    "interleaved": laws.test_two_interleaved_passes_equal_two_separate_ones,
    "used-context": laws.test_a_context_that_was_used_before_changes_nothing,
    "without-dx": laws.test_without_dx_the_gradients_are_the_same,
}
for mode in (True, False):
    LAWS[f"untouched-{mode}"] = partial(
        laws.test_input_parameters_and_arriving_gradient_are_left_untouched, training=mode
    )
    LAWS[f"same-dx-{mode}"] = partial(laws.test_frozen_it_gives_the_same_dx, training=mode)
    LAWS[f"portable-{mode}"] = partial(
        laws.test_only_operations_with_the_same_bits_everywhere_are_used, training=mode
    )

every_law = pytest.mark.parametrize("law", LAWS.values(), ids=LAWS.keys())


@every_law
@pytest.mark.parametrize("case", FUSED_CASES, ids=str)
def test_a_fused_layer_obeys_every_law(case: Case, law: Callable[[Case], None]) -> None:
    law(case)


@every_law
@pytest.mark.parametrize("case", WINOGRAD_CASES, ids=str)
def test_so_does_one_that_works_on_one_row_of_tiles_at_a_time(
    case: Case, law: Callable[[Case], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(winograd_conv, "GROUP_BYTES", 1)
    law(case)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("case", FUSED_CASES, ids=str)
def test_out_shape_is_true_and_the_dtype_stays(case: Case, dtype: str) -> None:
    ctx, p = context(), case.parameters(dtype)
    x = case.x(dtype)
    y, cache = case.layer.forward(p, x, ctx)
    assert y.shape == (case.rows, *case.layer.out_shape(case.in_shape))
    dx = case.layer.backward(p, gradients_like(p), cache, case.dy(dtype), ctx)
    assert dx is not None
    assert dx.shape == x.shape
    assert y.dtype == dx.dtype == dtype
