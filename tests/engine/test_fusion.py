"""Fused layers give what the plain ones give."""

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dlcli.engine.fusion import FusedDense, PlanesConv, WinogradConv, winograd_conv
from dlcli.engine.fusion.fused_conv import FusedConv
from dlcli.engine.fusion.positions import as_images
from dlcli.engine.layer import Array, ShapeError
from dlcli.engine.layers import Conv2D, Dense, Flatten, MaxPooling2D
from dlcli.engine.layers.activations import Relu
from tests.engine.cases import Case, context, gradients_like
from tests.engine.fused import (
    DENSE_CASES,
    FUSED_CASES,
    PLANES_CASES,
    WINOGRAD_CASES,
    assert_close,
    assert_same,
    plain,
    run,
)

CONV_CASES = [*WINOGRAD_CASES, *PLANES_CASES]
every_case = pytest.mark.parametrize("case", FUSED_CASES, ids=str)
every_conv = pytest.mark.parametrize("case", CONV_CASES, ids=str)


def whole(draw: np.random.Generator, *shape: int) -> Array:
    """Small whole numbers in float32: sums and products of them, and halves, are exact."""
    return draw.integers(-3, 4, shape).astype(np.float32)


def whole_numbers(case: Case, seed: int = 0) -> tuple[dict[str, Array], Array, Array]:
    """Parameters, x and dy of whole numbers."""
    draw = np.random.default_rng(seed)
    slots = case.layer.slots(case.in_shape)
    p = {name: whole(draw, *slot.shape) for name, slot in slots.items()}
    out = case.layer.out_shape(case.in_shape)
    return p, whole(draw, case.rows, *case.in_shape), whole(draw, case.rows, *out)


@pytest.mark.parametrize("group_bytes", [1, 1 << 22])
@every_case
def test_on_whole_numbers_the_results_are_the_same_to_the_last_bit(
    case: Case, group_bytes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    # And whole numbers tie all the time, in the pool and at relu's corner.
    monkeypatch.setattr(winograd_conv, "GROUP_BYTES", group_bytes)
    for seed in range(3):
        p, x, dy = whole_numbers(case, seed)
        assert_same(run([case.layer], p, x, dy), run(plain(case.layer), p, x, dy))


@settings(max_examples=40, deadline=None)
@given(
    kind=st.sampled_from([WinogradConv, PlanesConv]),
    kernel=st.tuples(st.integers(1, 4), st.integers(1, 4)),
    padding=st.sampled_from(["valid", "same"]),
    image=st.tuples(st.integers(1, 11), st.integers(1, 11)),
    channels=st.integers(1, 3),
    filters=st.integers(1, 3),
    rows=st.integers(1, 3),
    bias=st.booleans(),
    relu=st.booleans(),
    pools=st.booleans(),
    group_bytes=st.sampled_from([1, 4000, 1 << 22]),
)
def test_so_they_are_for_any_convolution(
    kind: type[FusedConv],
    kernel: tuple[int, int],
    padding: str,
    image: tuple[int, int],
    channels: int,
    filters: int,
    rows: int,
    bias: bool,
    relu: bool,
    pools: bool,
    group_bytes: int,
) -> None:
    kernel = (3, 3) if kind is WinogradConv else kernel
    conv = Conv2D(filters, kernel, padding=padding, use_bias=bias)  # type: ignore[arg-type]
    layer = kind(conv, Relu() if relu else None, MaxPooling2D() if pools else None)
    case = Case(layer, (*image, channels), rows)
    try:
        layer.out_shape(case.in_shape)
    except ShapeError:
        return
    p, x, dy = whole_numbers(case)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(winograd_conv, "GROUP_BYTES", group_bytes)
        found = run([layer], p, x, dy)
    assert_same(found, run(plain(layer), p, x, dy))


@every_case
def test_in_float64_they_are_equal_up_to_rounding(case: Case) -> None:
    p, x, dy = case.parameters(), case.x(), case.dy()
    assert_close(run([case.layer], p, x, dy), run(plain(case.layer), p, x, dy), 1e-13)


@pytest.mark.parametrize("case", DENSE_CASES, ids=str)
def test_dense_layers_give_the_same_bits(case: Case) -> None:
    p, x, dy = case.parameters("float32"), case.x("float32"), case.dy("float32")
    assert_same(run([case.layer], p, x, dy), run(plain(case.layer), p, x, dy))


LARGE = [
    Case(WinogradConv(Conv2D(64, (3, 3)), Relu(), MaxPooling2D()), (13, 13, 32), 8),
    Case(WinogradConv(Conv2D(64, (3, 3), padding="same"), Relu()), (16, 15, 128), 2),
    Case(PlanesConv(Conv2D(32, (3, 3)), Relu(), MaxPooling2D()), (28, 28, 1), 8),
    Case(PlanesConv(Conv2D(64, (3, 3), padding="same"), Relu()), (15, 16, 3), 4),
]


@pytest.mark.parametrize("case", LARGE, ids=str)
def test_in_float32_they_are_as_close_to_the_exact_results_as_plain_ones(case: Case) -> None:
    p, x, dy = case.parameters("float32"), case.x("float32"), case.dy("float32")
    exact = run(
        plain(case.layer),
        {name: array.astype(np.float64) for name, array in p.items()},
        x.astype(np.float64),
        dy.astype(np.float64),
    )
    # A gradient may go another way where two outputs are equal up to rounding: rare, and not
    # an error; y has no such jumps, nor have g and dx of these draws.
    assert_close(run([case.layer], p, x, dy), exact, 2e-6)


@every_conv
def test_on_constant_images_the_first_of_equal_maxima_gets_the_gradient(case: Case) -> None:
    # Every window of the pool ties here, but for those near a padded border.
    p, x, dy = case.parameters("float32"), case.x("float32"), case.dy("float32")
    for pixel in (0.0, 0.3, -1.7):
        x[:] = pixel
        for bias in (-5.0, 0.1, 5.0):
            if "bias" in p:
                p["bias"][:] = bias
            assert_close(run([case.layer], p, x, dy), run(plain(case.layer), p, x, dy), 1e-6)


@every_conv
def test_and_on_images_with_constant_borders(case: Case) -> None:
    p, x, dy = case.parameters("float32"), case.x("float32"), case.dy("float32")
    height, width, _ = case.in_shape
    x[:, : height // 2] = 0.3
    x[:, :, : width // 2] = 0.3
    assert_close(run([case.layer], p, x, dy), run(plain(case.layer), p, x, dy), 1e-6)


@every_conv
def test_what_is_not_a_number_stays_so(case: Case) -> None:
    p, x, dy = case.parameters("float32"), case.x("float32"), case.dy("float32")
    for value in (np.nan, np.inf):
        broken = x.copy()
        broken[0, case.in_shape[0] // 2, case.in_shape[1] // 2, 0] = value
        with np.errstate(all="ignore"):
            y = run([case.layer], p, broken, dy)["y"]
            wanted = run(plain(case.layer), p, broken, dy)["y"]
        if np.isnan(value):
            assert np.isnan(y[np.isnan(wanted)]).all()
        assert not np.isfinite(y[~np.isfinite(wanted)]).any()
        assert np.isfinite(y[1:]).all()  # the other images are what they were


@every_conv
def test_the_memory_of_x_and_dy_does_not_matter(case: Case) -> None:
    p, x, dy = case.parameters("float32"), case.x("float32"), case.dy("float32")
    wanted = run([case.layer], p, x, dy)

    def position_major(images: Array) -> Array:
        return as_images(np.ascontiguousarray(images.transpose(1, 2, 0, 3)))

    assert_same(run([case.layer], p, position_major(x), position_major(dy)), wanted)
    assert_same(run([case.layer], p, np.asfortranarray(x), np.asfortranarray(dy)), wanted)


@pytest.mark.parametrize("group_bytes", [1, 1 << 22])
@every_conv
def test_one_context_serves_arrays_at_many_addresses_and_of_many_lengths(
    case: Case, group_bytes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(winograd_conv, "GROUP_BYTES", group_bytes)
    ctx, p = context(), case.parameters("float32")
    xs = [case.x("float32", seed) for seed in (1, 2)]
    dys = [case.dy("float32", seed) for seed in (3, 4)]
    for first, second, rows in [(0, 0, 4), (1, 0, 4), (0, 1, 1), (1, 1, 4), (1, 1, 1), (0, 0, 3)]:
        x, dy = xs[first][:rows], dys[second][:rows]
        g = gradients_like(p)
        y, cache = case.layer.forward(p, x, ctx)
        dx = case.layer.backward(p, g, cache, dy, ctx)
        assert dx is not None
        assert_same({"y": y, "dx": dx} | g, run([case.layer], p, x, dy))


@pytest.mark.parametrize(
    "layer",
    [
        WinogradConv(Conv2D(16, (3, 3)), Relu(), MaxPooling2D()),
        WinogradConv(Conv2D(16, (3, 3), padding="same"), Relu()),
        PlanesConv(Conv2D(16, (3, 3), padding="same"), Relu(), MaxPooling2D()),
        PlanesConv(Conv2D(16, (5, 5)), Relu()),
        FusedDense(Dense(64), None, Relu()),
        FusedDense(Dense(64), Flatten(), Relu()),
    ],
    ids=str,
)
def test_after_the_first_pass_nothing_large_is_allocated(layer: FusedConv | FusedDense) -> None:
    case = Case(layer, (32, 32, 8), rows=16)
    p, x, dy = case.parameters("float32"), case.x("float32"), case.dy("float32")
    x = as_images(np.ascontiguousarray(x.transpose(1, 2, 0, 3)))
    g, ctx = gradients_like(p), context()

    def one_pass(rows: int) -> None:
        _, cache = layer.forward(p, x[:rows], ctx)
        layer.backward(p, g, cache, dy[:rows], ctx)

    one_pass(16)
    one_pass(5)  # the last, smaller batch of an epoch
    tracemalloc.start()
    try:
        one_pass(16)
        one_pass(5)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 50_000 < x.nbytes / 8, f"{peak} bytes"
