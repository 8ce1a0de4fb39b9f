"""Pooling against a loop that is written straight from its definition."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dlcli.engine.layer import Array, ShapeError
from dlcli.engine.layers import AveragePooling2D, MaxPooling2D
from dlcli.engine.layers.pool2d import Pooling2D
from tests.engine.cases import Case, context
from tests.engine.test_convolution import padded_before, pairs


@st.composite
def poolings(draw: Any) -> tuple[Case, bool]:
    """A pooling and rows on which its window finds room; and whether x shall have ties."""
    layer = draw(st.sampled_from([MaxPooling2D, AveragePooling2D]))(
        draw(pairs), draw(st.none() | pairs), draw(st.sampled_from(["valid", "same"]))
    )
    least = [1 if layer.padding == "same" else k for k in layer.pool_size]
    height, width = (draw(st.integers(length, length + 5)) for length in least)
    in_shape = (height, width, draw(st.integers(1, 3)))
    return Case(layer, in_shape, rows=draw(st.integers(1, 3))), draw(st.booleans())


def by_definition(layer: Pooling2D, x: Array, dy: Array) -> tuple[Array, Array]:
    """y, and the gradient of sum(y dy), one window at a time."""
    n, height, width, channels = x.shape
    (kh, kw), (sh, sw) = layer.pool_size, layer.strides or layer.pool_size
    rows, top = padded_before(height, kh, sh, 1, layer.padding)
    columns, left = padded_before(width, kw, sw, 1, layer.padding)
    y, dx = np.zeros((n, rows, columns, channels)), np.zeros(x.shape)
    for r, i, j, c in np.ndindex(y.shape):
        pixels = [
            (a, b)
            for a in range(i * sh - top, i * sh - top + kh)
            for b in range(j * sw - left, j * sw - left + kw)
            if 0 <= a < height and 0 <= b < width
        ]
        values = [x[r, a, b, c] for a, b in pixels]
        if isinstance(layer, MaxPooling2D):
            y[r, i, j, c] = max(values)
            a, b = pixels[values.index(max(values))]
            dx[r, a, b, c] += dy[r, i, j, c]
        else:
            y[r, i, j, c] = sum(values) / len(values)
            for a, b in pixels:
                dx[r, a, b, c] += dy[r, i, j, c] / len(values)
    return y, dx


@settings(max_examples=80, deadline=None)
@given(poolings())
def test_pooling_is_what_its_definition_says(drawn: tuple[Case, bool]) -> None:
    case, ties = drawn
    layer = case.layer
    assert isinstance(layer, Pooling2D)
    x = np.round(case.x()) if ties else case.x()
    expected_y, expected_dx = by_definition(layer, x, case.dy())
    ctx = context()
    y, cache = layer.forward({}, x, ctx)
    np.testing.assert_allclose(y, expected_y, rtol=1e-13, atol=1e-13)
    dx = layer.backward({}, {}, cache, case.dy(), ctx)
    np.testing.assert_allclose(dx, expected_dx, rtol=1e-12, atol=1e-13)


def test_of_equal_pixels_the_first_in_row_major_order_gets_the_gradient() -> None:
    ctx, layer = context(), MaxPooling2D()
    _, cache = layer.forward({}, np.ones((1, 4, 4, 1), np.float32), ctx)
    dx = layer.backward({}, {}, cache, np.full((1, 2, 2, 1), 3, np.float32), ctx)
    assert dx is not None
    assert dx[0, :, :, 0].tolist() == [[3, 0, 3, 0], [0, 0, 0, 0], [3, 0, 3, 0], [0, 0, 0, 0]]


def test_padding_is_no_maximum_even_among_negative_pixels() -> None:
    x = np.full((1, 3, 3, 1), -5, np.float32)
    y, _ = MaxPooling2D(padding="same").forward({}, x, context())
    assert (y == -5).all()


def test_padding_is_not_averaged() -> None:
    x = np.full((1, 3, 3, 1), 4, np.float32)
    y, _ = AveragePooling2D(padding="same").forward({}, x, context())
    assert (y == 4).all()


@pytest.mark.parametrize("layer", [MaxPooling2D(), AveragePooling2D(padding="same")], ids=str)
@pytest.mark.parametrize("pixel", [(0, 0), (0, 1), (1, 0), (1, 1)])
def test_a_nan_in_the_window_shows_in_the_output(layer: Pooling2D, pixel: tuple[int, int]) -> None:
    x = np.ones((1, 4, 4, 1), np.float32)
    x[0, *pixel, 0] = np.nan
    y, _ = layer.forward({}, x, context())
    assert np.isnan(y[0, 0, 0, 0])
    assert np.isnan(y).sum() == 1


def test_rows_that_are_no_images_are_refused_in_the_name_of_the_layer() -> None:
    with pytest.raises(ShapeError, match=r"^average_pooling2d slides over images, .*\(10,\)"):
        AveragePooling2D().out_shape((10,))


def test_an_image_smaller_than_the_pool_is_refused_with_both_sizes() -> None:
    with pytest.raises(ShapeError) as caught:
        MaxPooling2D((2, 2)).out_shape((1, 7, 3))
    assert str(caught.value) == (
        "max_pooling2d has a window of 2 x 2 pixels, but gets images of 1 x 7; choose a smaller "
        "pool_size or `padding: same`, or shrink the images less in the layers before it"
    )


def test_operations_are_counted() -> None:
    assert MaxPooling2D((2, 3)).flops((4, 6, 5)) == 2 * 2 * 5 * 6
