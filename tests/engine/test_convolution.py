"""Convolution against a loop that is written straight from its definition."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dlcli.engine.layer import Array, ShapeError
from dlcli.engine.layers import Conv2D
from dlcli.engine.layers.windows import slide
from tests.engine.cases import Case, context, gradients_like

pairs = st.tuples(st.integers(1, 3), st.integers(1, 3))


@st.composite
def convolutions(draw: Any) -> Case:
    """A convolution and rows on which its kernel finds room."""
    layer = Conv2D(
        draw(st.integers(1, 3)),
        draw(pairs),
        draw(pairs),
        draw(st.sampled_from(["valid", "same"])),
        draw(pairs),
        draw(st.booleans()),
    )
    least = [
        1 if layer.padding == "same" else (k - 1) * d + 1
        for k, d in zip(layer.kernel_size, layer.dilation_rate, strict=True)
    ]
    height, width = (draw(st.integers(length, length + 5)) for length in least)
    return Case(layer, (height, width, draw(st.integers(1, 3))), rows=draw(st.integers(1, 3)))


def padded_before(n: int, k: int, s: int, d: int, padding: str) -> tuple[int, int]:
    """(number of places, padded pixels before the image) along one axis."""
    span = (k - 1) * d + 1
    if padding == "valid":
        return (n - span) // s + 1, 0
    out = (n + s - 1) // s
    return out, max((out - 1) * s + span - n, 0) // 2


def by_definition(layer: Conv2D, p: dict[str, Array], x: Array, dy: Array) -> dict[str, Array]:
    """y, and the gradients of sum(y dy), one multiplication at a time."""
    n, height, width, channels = x.shape
    (kh, kw), (sh, sw), (dh, dw) = layer.kernel_size, layer.strides, layer.dilation_rate
    rows, top = padded_before(height, kh, sh, dh, layer.padding)
    columns, left = padded_before(width, kw, sw, dw, layer.padding)
    y = np.zeros((n, rows, columns, layer.filters))
    dx, dkernel = np.zeros(x.shape), np.zeros(p["kernel"].shape)
    for r, i, j, u, v in np.ndindex(n, rows, columns, kh, kw):
        a, b = i * sh + u * dh - top, j * sw + v * dw - left
        if not (0 <= a < height and 0 <= b < width):
            continue
        for c, f in np.ndindex(channels, layer.filters):
            y[r, i, j, f] += x[r, a, b, c] * p["kernel"][u, v, c, f]
            dx[r, a, b, c] += dy[r, i, j, f] * p["kernel"][u, v, c, f]
            dkernel[u, v, c, f] += dy[r, i, j, f] * x[r, a, b, c]
    result = {"y": y, "dx": dx, "kernel": dkernel}
    if layer.use_bias:
        result["y"] = y + p["bias"]
        result["bias"] = dy.sum(axis=(0, 1, 2))
    return result


@settings(max_examples=60, deadline=None)
@given(convolutions())
def test_convolution_is_what_its_definition_says(case: Case) -> None:
    layer = case.layer
    assert isinstance(layer, Conv2D)
    p, x, dy, ctx = case.parameters(), case.x(), case.dy(), context()
    expected = by_definition(layer, p, x, dy)
    g = gradients_like(p)
    y, cache = layer.forward(p, x, ctx)
    dx = layer.backward(p, g, cache, dy, ctx)
    for name, array in {"y": y, "dx": dx, **g}.items():
        np.testing.assert_allclose(array, expected[name], rtol=1e-11, atol=1e-11, err_msg=name)


def test_float32_convolution_stays_close_to_float64() -> None:
    case = Case(Conv2D(8, (3, 3), padding="same"), (12, 12, 16), rows=3)
    results = []
    for dtype in ("float32", "float64"):
        ctx, p = context(), case.parameters(dtype)
        p = {name: array.astype("float32").astype(dtype) for name, array in p.items()}
        x, dy = (array.astype("float32").astype(dtype) for array in (case.x(), case.dy()))
        g = gradients_like(p)
        y, cache = case.layer.forward(p, x, ctx)
        dx = case.layer.backward(p, g, cache, dy, ctx)
        results.append([y, dx, *g.values()])
    for single, double in zip(*results, strict=True):
        assert np.abs(single - double).max() < 1e-6 * np.abs(double).max()


def test_padding_same_puts_the_odd_pixel_after_the_image() -> None:
    x = np.zeros((1, 2, 2, 1), np.float32)
    x[0, 0, 0, 0] = 1
    p = {"kernel": np.arange(1, 5, dtype=np.float32).reshape(2, 2, 1, 1)}
    y, _ = Conv2D(1, (2, 2), padding="same", use_bias=False).forward(p, x, context())
    assert y[0, :, :, 0].tolist() == [[1, 0], [0, 0]]


@pytest.mark.parametrize("n", range(1, 9))
@pytest.mark.parametrize("k", [1, 2, 3, 5])
@pytest.mark.parametrize("s", [1, 2, 3])
@pytest.mark.parametrize("d", [1, 2])
def test_padding_same_gives_as_many_places_as_strides_fit(n: int, k: int, s: int, d: int) -> None:
    windows = slide((n, n), (k, k), (s, s), (d, d), "same")
    assert windows.out == (-(-n // s),) * 2
    assert windows.before[0] <= windows.after[0] <= windows.before[0] + 1


def test_operations_are_counted() -> None:
    # 26 x 26 x 32 numbers of 9 multiply-adds and a bias each
    assert Conv2D(32, (3, 3)).flops((28, 28, 1)) == 26 * 26 * 32 * (2 * 9 + 1)
    assert Conv2D(4, (3, 3), use_bias=False).flops((5, 5, 2)) == 3 * 3 * 4 * 2 * 18


def test_slots_are_named_and_shaped_as_in_keras() -> None:
    slots = Conv2D(32, (3, 2)).slots((28, 28, 3))
    assert {name: slot.shape for name, slot in slots.items()} == {
        "kernel": (3, 2, 3, 32),
        "bias": (32,),
    }
    assert list(Conv2D(1, (1, 1), use_bias=False).slots((2, 2, 1))) == ["kernel"]


def test_rows_that_are_no_images_are_refused_with_the_way_out() -> None:
    with pytest.raises(ShapeError) as caught:
        Conv2D(8, (3, 3)).out_shape((784,))
    assert str(caught.value) == (
        "conv2d slides over images, rows of shape (height, width, channels), but gets rows of "
        "shape (784,); put a `reshape` layer with target_shape [height, width, channels] before it"
    )


def test_an_image_smaller_than_the_kernel_is_refused_with_both_sizes() -> None:
    with pytest.raises(ShapeError) as caught:
        Conv2D(8, (3, 3), dilation_rate=(2, 2)).slots((4, 9, 1))
    assert str(caught.value) == (
        "conv2d has a window of 5 x 5 pixels, but gets images of 4 x 9; choose a smaller "
        "kernel_size or `padding: same`, or shrink the images less in the layers before it"
    )
